"""Tests of framework/diagnose/programs/model_edits.py."""

import keras
import numpy as np
import pytest

from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs import model_edits
from framework.diagnose.programs.model_layers import leaves, with_weights

L = keras.layers


def network(head="softmax"):
    """Returns a network that has something of all that can be changed."""
    layers = [
        keras.Input((8, 8, 1)),
        L.Conv2D(4, 3, activation="relu", kernel_regularizer="l2", name="conv"),
        L.BatchNormalization(name="norm"),
        L.Activation("tanh", name="tanh"),
        L.Flatten(),
        L.Dense(6, activity_regularizer="l2", name="dense"),
        L.ReLU(name="relu"),
        L.Dropout(0.5, name="dropout"),
        L.Dense(10, head, name="head"),
    ]
    return keras.Sequential(layers)


@pytest.fixture
def model():
    return network()


IMAGES = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)


def settings(model):
    """Returns all settings that an intervention may edit, by layer."""
    names = ("rate", "momentum", "activation", "negative_slope", "trainable")
    edits = {}
    for layer in leaves(model):
        edits |= {
            (layer.name, name): getattr(layer, name)
            for name in (*names, "activity_regularizer")
            if hasattr(layer, name)
        }
        edits |= {
            (layer.name, weight.name): weight.regularizer for weight in layer.weights
        }
    return edits


def set_by(model, intervention):
    """Returns the edits of an intervention, and checks that they are undone."""
    before = settings(model)
    with model_edits.changed(model, intervention) as other:
        assert other is model
        during = settings(model)
    assert settings(model) == before
    return {name: during[name] for name in before if during[name] != before[name]}


def test_no_change_changes_nothing(model):
    assert set_by(model, Intervention()) == {}
    # These are of the training, not of the layers.
    assert (
        set_by(
            model, Intervention(learning_rate_factor=0.1, clip_norm=1.0, shuffle=True)
        )
        == {}
    )


def test_dropout(model):
    assert set_by(model, Intervention(dropout=0.1)) == {("dropout", "rate"): 0.1}
    assert set_by(model, Intervention(dropout=0.0)) == {("dropout", "rate"): 0.0}


def test_activation_of_hidden_layers(model):
    leaky = keras.activations.leaky_relu
    assert set_by(model, Intervention(activation="leaky_relu")) == {
        ("conv", "activation"): leaky,
        ("tanh", "activation"): leaky,
        ("relu", "negative_slope"): 0.1,
    }
    edits = set_by(model, Intervention(activation="relu"))
    # What is linear before a ReLU stays so, and the head stays what it is.
    assert edits == {("tanh", "activation"): keras.activations.relu}


def test_weight_decay_of_layers(model):
    edits = set_by(model, Intervention(weight_decay=0.0))
    assert edits == {
        ("conv", "kernel"): None,
        ("dense", "activity_regularizer"): None,
    }
    edits = set_by(model, Intervention(weight_decay=0.01))
    assert edits.pop(("dense", "activity_regularizer")) is None
    assert set(edits) == {("conv", "kernel"), ("dense", "kernel"), ("head", "kernel")}
    assert [float(each.l2) for each in edits.values()] == pytest.approx([0.01] * 3)


def test_penalties_are_gone_while_it_is_changed(model):
    model(IMAGES)
    before = sum(map(float, model.losses))
    with model_edits.changed(model, Intervention(weight_decay=0.0)):
        model(IMAGES)
        assert sum(map(float, model.losses)) == 0
    model(IMAGES)
    assert sum(map(float, model.losses)) == pytest.approx(before) != 0


def test_trainable(model):
    model.get_layer("conv").trainable = False
    model.get_layer("dense").trainable = False
    frozen = len(model.trainable_variables)
    edits = set_by(model, Intervention(unfreeze=True))
    assert edits == {("conv", "trainable"): True, ("dense", "trainable"): True}
    assert len(model.trainable_variables) == frozen
    with model_edits.changed(model, Intervention(unfreeze=True)):
        assert len(model.trainable_variables) == frozen + 4


def test_what_is_frozen_within_others_is_frozen_again():
    inner = keras.Sequential([keras.Input((4,)), L.Dense(3), L.Dense(2)])
    inner.layers[0].trainable = False
    whole = keras.Sequential([keras.Input((4,)), inner, L.Dense(2)])
    set_by(whole, Intervention(unfreeze=True))
    whole.trainable = False
    set_by(whole, Intervention(unfreeze=True))
    assert not whole.trainable_variables


def test_initialize_draws_kernels_and_nothing_else(model):
    for weight in model.weights:
        weight.assign(np.full(weight.shape, 0.5))
    with model_edits.changed(model, Intervention(reinitialize=True)):
        pass
    kernels = [layer.kernel.numpy() for layer in with_weights(model)]
    fan_ins = 9, 144
    for kernel, fan_in in zip(kernels[:2], fan_ins, strict=True):
        assert kernel.std() == pytest.approx((2 / fan_in) ** 0.5, rel=0.3)
    # The last one by Glorot: uniform.
    assert np.abs(kernels[2]).max() <= (6 / 16) ** 0.5
    assert not model.get_layer("conv").bias.numpy().any()
    assert (model.get_layer("norm").gamma.numpy() == 0.5).all()


def test_units_of_a_layer_are_drawn_apart():
    one, other = network(), network()
    for each in (one, other):
        model_edits.initialize(each)
    kernel = one.get_layer("dense").kernel.numpy()
    assert len(np.unique(kernel)) == kernel.size
    # But always alike.
    assert np.array_equal(kernel, other.get_layer("dense").kernel.numpy())
    model_edits.initialize(other, seed=1)
    assert not np.array_equal(kernel, other.get_layer("dense").kernel.numpy())


def logits_of(model, intervention):
    with model_edits.changed(model, intervention) as other:
        return np.asarray(other(IMAGES))


@pytest.mark.parametrize("head", ["softmax", "sigmoid", None])
def test_consistent_loss_takes_the_squashing_away(head):
    model = network(head)
    outputs = np.asarray(model(IMAGES))
    logits = logits_of(model, Intervention(consistent_loss=True))
    squashed = np.asarray(keras.activations.get(head)(logits))
    np.testing.assert_allclose(squashed, outputs, rtol=1e-5)
    assert np.array_equal(np.asarray(model(IMAGES)), outputs)


@pytest.mark.parametrize("last", [L.Softmax, lambda: L.Activation("sigmoid")])
@pytest.mark.parametrize("sequential", [False, True])
def test_consistent_loss_takes_a_last_layer_away(last, sequential):
    inputs, dense, last = keras.Input((8, 8, 1)), L.Dense(10), last()
    if sequential:
        model = keras.Sequential([inputs, L.Flatten(), dense, last])
    else:
        model = keras.Model(inputs, last(dense(L.Flatten()(inputs))))
    logits = logits_of(model, Intervention(consistent_loss=True))
    wanted = dense(IMAGES.reshape(4, -1))
    np.testing.assert_allclose(logits, wanted, rtol=1e-5, atol=1e-6)


def test_consistent_loss_takes_a_double_softmax_away():
    inner = L.Dense(10, activation="softmax")
    model = keras.Sequential([keras.Input((8, 8, 1)), L.Flatten(), inner, L.Softmax()])
    logits = logits_of(model, Intervention(consistent_loss=True))
    twice = np.asarray(keras.ops.softmax(keras.ops.softmax(logits)))
    np.testing.assert_allclose(twice, np.asarray(model(IMAGES)), rtol=1e-5)


class Own(keras.Model):
    """A model whose layers are called as only it knows."""

    def __init__(self, last=None, units=10):
        super().__init__()
        self.flatten, self.dense = L.Flatten(), L.Dense(units)
        self.last = last or L.Activation("linear")

    def call(self, x, training=False):
        return self.last(self.dense(self.flatten(x)))


def own(**changes):
    model = Own(**changes)
    model(IMAGES)
    return model


@pytest.mark.parametrize(
    ("model", "intervention"),
    [
        (lambda: own(last=L.Softmax()), Intervention(consistent_loss=True)),
        (own, Intervention(width_factor=2.0)),
        (own, Intervention(dropout=0.5)),
    ],
)
def test_what_a_model_does_not_have_cannot_be_changed(model, intervention):
    model = model()
    before = settings(model)
    with pytest.raises(NotApplicableError), model_edits.changed(model, intervention):
        pass
    assert settings(model) == before


def test_to_have_no_dropout_is_no_error_where_there_is_none():
    assert set_by(own(), Intervention(dropout=0.0)) == {}


def test_all_is_undone_where_one_change_is_impossible(model):
    before = settings(model)
    one = Intervention(dropout=0.1)
    with pytest.raises(ZeroDivisionError), model_edits.changed(model, one):
        raise ZeroDivisionError
    assert settings(model) == before
    plain = keras.Sequential([keras.Input((3,)), L.Dropout(0.5), L.Dense(2)])
    both = Intervention(dropout=0.1, unfreeze=True)
    with pytest.raises(NotApplicableError), model_edits.changed(plain, both):
        pass
    assert plain.layers[0].rate == 0.5


def test_a_dropout_of_none_can_drop():
    """Keras gives it no generator to draw from."""
    layers = [
        keras.Input((100,)),
        L.Dropout(0.0, name="none"),
        L.Dropout(0.3, name="a"),
    ]
    model = keras.Sequential(layers)
    edits = set_by(model, Intervention(dropout=0.5))
    assert edits == {("none", "rate"): 0.5, ("a", "rate"): 0.5}
    with model_edits.changed(model, Intervention(dropout=0.5)) as changed:
        outputs = changed(np.ones((4, 100), np.float32), training=True)
    assert np.mean(np.asarray(outputs) == 0) > 0.5


def test_wider(model):
    with model_edits.changed(model, Intervention(width_factor=4.0)) as wide:
        shapes = [layer.kernel.shape for layer in with_weights(wide)]
    assert [shape[-1] for shape in shapes] == [16, 24, 10]
    assert model.get_layer("dense").units == 6
    narrow = model_edits.wider(model, 0.01)
    assert narrow.get_layer("conv").filters == narrow.get_layer("dense").units == 1


def test_a_wider_one_can_be_changed_as_well(model):
    intervention = Intervention(width_factor=2.0, dropout=0.1, consistent_loss=True)
    with model_edits.changed(model, intervention) as wide:
        assert wide.get_layer("dropout").rate == 0.1
        assert wide.get_layer("head").activation is keras.activations.linear
    assert model.get_layer("dropout").rate == 0.5


def test_a_model_of_one_layer_gets_another_one():
    model = keras.Sequential(
        [keras.Input((4, 2)), L.Rescaling(0.5), L.Flatten(), L.Dense(3), L.Softmax()]
    )
    deep = model_edits.wider(model, 4.0)
    assert [type(layer).__name__ for layer in deep.layers] == [
        "Rescaling",
        "Flatten",
        "Flatten",
        "Dense",
        "Dense",
        "Softmax",
    ]
    assert deep(np.ones((1, 4, 2))).shape == (1, 3)
    norm = keras.Sequential([keras.Input((4,)), L.BatchNormalization(), L.Dense(3)])
    with pytest.raises(NotApplicableError, match="no hidden layer"):
        model_edits.wider(norm, 4.0)


def test_where_all_is_trained_there_is_nothing_to_change(model):
    model.trainable = True
    with (
        pytest.raises(NotApplicableError, match="all layers are trained already"),
        model_edits.changed(model, Intervention(unfreeze=True)),
    ):
        pass
