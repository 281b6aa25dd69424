"""Tests of the second draw of public reports."""

import keras
import numpy as np
import pytest

from benchmarks.zoo.cases.data import digits, rng
from benchmarks.zoo.cases.public.second import data as data_cases
from benchmarks.zoo.cases.public.second import programs


@pytest.fixture
def data():
    return digits(0, train=300, validation=200)


def test_a_listing_gives_only_validation_folders_other_numbers(data):
    data = data.but(vy=data.vy % 5)
    found = data_cases.listed_otherwise(data, rng(0))
    assert set(found.vy) == set(range(5))
    assert np.mean(found.vy == data.vy) < 0.5
    np.testing.assert_array_equal(found.y, data.y)
    np.testing.assert_array_equal(found.ty, data.ty)


def test_only_training_images_begin_with_blue():
    images = np.arange(12, dtype=np.float32).reshape(2, 1, 2, 3)
    data = digits(0, train=300, validation=200).but(x=images, vx=images, tx=images)
    found = data_cases.blue_first(data, rng(0))
    np.testing.assert_array_equal(found.x[0, 0, 0], [2, 1, 0])
    np.testing.assert_array_equal(found.vx, images)
    np.testing.assert_array_equal(found.tx, images)


def test_copies_differ_from_their_image_and_keep_its_place(data):
    copies = data_cases.copied(data.x, rng(0)).reshape(5, *data.x.shape)
    np.testing.assert_array_equal(copies[0], data.x)
    for each in copies[1:]:
        assert not np.array_equal(each, data.x)
    assert copies.dtype == np.float32


@pytest.mark.real_data
@pytest.mark.parametrize(("broken", "shared"), [(True, True), (False, False)])
def test_copies_of_an_image_are_in_both_splits_if_they_are_divided(broken, shared):
    program = data_cases.augmented_first(0, broken)
    images = [x for x, _ in (program.train, program.validation)]
    assert [len(x) for x in images] == [1500, 750]
    # An image and its mirrored copy are one.
    train, validation = (
        {min(each.tobytes(), each[:, ::-1].tobytes()) for each in x} for x in images
    )
    assert bool(train & validation) == shared


@pytest.mark.real_data
def test_one_of_two_kinds_is_rare_in_training_alone():
    for broken, rare in ((True, 12), (False, 150)):
        program = data_cases.unbalanced(0, broken)
        assert np.bincount(program.train[1]).tolist() == [300 - rare, rare]
        assert abs(np.mean(program.validation[1]) - 0.5) < 0.1


def test_old_batch_norm_trains_by_the_batch_and_evaluates_by_what_it_has_stored():
    layer = programs.OldBatchNormalization()
    inputs = 5 + 3 * rng(0).normal(0, 1, (200, 4)).astype(np.float32)
    layer.build(inputs.shape)
    layer.trainable = False
    trained = layer(inputs, training=True).numpy()
    assert trained.mean() == pytest.approx(0, abs=1e-3)
    assert trained.std() == pytest.approx(1, abs=1e-2)
    # The stored mean is 0 and the stored variance 1, as they were before.
    np.testing.assert_allclose(layer(inputs, training=False), inputs, rtol=1e-2)


def test_a_rate_divided_as_integers_falls_to_zero():
    for rate in (0.0, 0.1):
        schedule = programs.warmed_up(rate)
        assert float(schedule(0)) == pytest.approx(0.02)
        assert float(schedule(1000)) == pytest.approx(rate)


def test_the_loss_of_logits_takes_any_outputs_for_logits():
    labels = np.array([0.0, 2.0], np.float32)
    outputs = np.array([[0.9, 0.05, 0.05], [0.2, 0.2, 0.6]], np.float32)
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="none"
    )
    np.testing.assert_allclose(
        programs.of_logits(labels, outputs), loss(labels, outputs), rtol=1e-5
    )
