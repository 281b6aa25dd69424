"""Tests of the third draw of public reports."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.zoo.cases.data import digits, rng
from benchmarks.zoo.cases.public.third import evaluation, programs, sound, splits


@pytest.fixture
def data():
    return digits(0, train=300, validation=200)


def network(units=3):
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(units, "softmax")])


def test_windows_overlap_and_stay_within_the_image():
    images = rng(0).random((2, 32, 32, 3)).astype(np.float32)
    found = splits.windows(images)
    assert found.shape == (8, 24, 24, 3)
    np.testing.assert_array_equal(found[0], images[0, :24, :24])
    np.testing.assert_array_equal(found[-1], images[1, 8:, 8:])


@pytest.mark.extended
@pytest.mark.photographs
@pytest.mark.parametrize(("broken", "shared"), [(True, True), (False, False)])
def test_windows_of_a_photograph_are_in_both_splits_if_they_are_divided(broken, shared):
    found = splits.cut_first(0, broken)
    train, validation = (
        {each.tobytes() for each in images} for images in (found.x, found.vx)
    )
    assert (validation <= train) == shared
    assert bool(validation & train) == shared
    assert found.x.shape[1:] == found.tx.shape[1:]


def test_the_first_files_are_of_one_kind_and_the_last_of_another(data):
    data = data.but(y=data.y % 2, vy=data.vy % 2)
    found = splits.ends(data, rng(0))
    assert set(found.y) == {0}
    assert set(found.vy) == {1}
    assert len(found.y) == len(found.vy)


def test_two_preprocessings_differ_in_validation_alone(data):
    one, two = (way(data, rng(0)) for way in (splits.one_way, splits.two_ways))
    np.testing.assert_array_equal(one.x, two.x)
    np.testing.assert_array_equal(one.tx, two.tx)
    np.testing.assert_allclose(two.vx, (one.vx + 1) / 2, atol=1e-6)


@pytest.mark.parametrize(("momentum", "moved"), [(0.0002, 0.0002), (1.0, 1.0)])
def test_an_average_of_weights_moves_by_its_momentum(momentum, moved):
    keras.utils.set_random_seed(0)
    model = evaluation.Averaged(network(), momentum)
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    before = model.average.get_weights()[1]
    model.train_step((tf.ones((4, 2)), tf.zeros((4,), tf.int32)))
    trained = model.network.get_weights()[1] - before
    assert np.abs(trained).max() > 0.01
    change = model.average.get_weights()[1] - before
    np.testing.assert_allclose(change, moved * trained, rtol=1e-3, atol=1e-7)


def test_what_is_evaluated_is_the_average():
    model = evaluation.Averaged(network(), 0.5)
    inputs = tf.ones((1, 2))
    model.network.layers[0].bias.assign([5.0, 0.0, 0.0])
    assert not np.allclose(model(inputs), model(inputs, training=True))


@pytest.mark.parametrize(("right", "reported"), [(3, 0.0), (4, 1.0)])
def test_a_quotient_of_integers_has_no_decimals(right, reported):
    metric = evaluation.WholeAccuracy()
    labels = [0] * right + [1] * (4 - right)
    metric.update_state(labels, [[0.9, 0.1]] * 4)
    assert float(metric.result()) == reported


def test_gradients_of_parts_are_added():
    losses = tf.constant([1.0, 2.0, 3.0, 4.0])
    assert float(programs.Accumulated(network(), 1).averaged(losses)) == 2.5
    # Means of halves are 1.5 and 3.5.
    assert float(programs.Accumulated(network(), 2).averaged(losses)) == 5.0


@pytest.mark.parametrize(("scaled", "largest"), [(False, 1.0), (True, 1 / 8)])
def test_scaled_weights_are_less_the_more_inputs_there_are(scaled, largest):
    keras.utils.set_random_seed(0)
    hidden = programs.scattered(scaled)((64,), 10).layers[0]
    assert np.abs(hidden.kernel).max() == pytest.approx(largest, rel=0.05)


def test_a_schedule_that_steps_once_a_batch_is_soon_at_zero():
    per_batch, per_epoch = (programs.every_seven(steps)() for steps in (1, 30))
    for optimizer in (per_batch, per_epoch):
        optimizer.build([])
        optimizer.iterations.assign(60)
    assert float(per_batch.learning_rate) < 1e-9
    assert float(per_epoch.learning_rate) == pytest.approx(0.01)


def test_a_pruned_network_keeps_the_first_units():
    whole = keras.Sequential(
        [
            keras.Input((2, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(6, activation="relu"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    found = programs.pruned(whole, 4).get_weights()
    assert [each.shape for each in found] == [(2, 4), (4,), (4, 3), (3,)]
    np.testing.assert_array_equal(found[0], whole.get_weights()[0][:, :4])


@pytest.mark.parametrize("renewed", [True, False])
def test_an_optimizer_that_knows_an_older_network_leaves_the_new_one_alone(renewed):
    small = network()
    model = programs.Rebuilt(small, small if renewed else network())
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    before = small.get_weights()[1]
    model.train_step((tf.ones((4, 2)), tf.zeros((4,), tf.int32)))
    assert np.allclose(small.get_weights()[1], before) != renewed


def test_a_linear_model_begins_with_the_same_probability_of_each_class():
    model = sound.linear((4, 4, 1), 10)
    np.testing.assert_allclose(model(np.ones((1, 4, 4, 1), np.float32)), 0.1)


@pytest.mark.extended
@pytest.mark.photographs
def test_fifteen_images_of_each_class():
    case = next(each for each in sound.CASES if "fifteen" in each.name)
    labels = case.make(0, True).train[1]
    assert collections.Counter(labels.tolist()) == dict.fromkeys(range(5), 15)
