"""Tests of framework/diagnose/process/weights.py."""

import types

import keras
import numpy as np
import pytest
from framework.diagnose.detector import Measures
from framework.diagnose.process import weights
from framework.diagnose.process.weights import (
    bad_initialization,
    dead_from_the_start,
    dead_units,
    exploding_gradients,
    measure,
    vanishing_gradients,
)

from framework.numerics.intervals import proportion

_USUAL = {
    "weights/spreads": {"a/kernel": 1.0, "b/kernel": 0.8},
    "weights/gradients": [0.5, 0.7, 1.0],
    "weights/growth": 1.1,
    "weights/dead_at_first": 0.0,
    "weights/dead": 0.1,
    "weights/saturating": 0,
    "weights/softmax": 0,
    "clean/accuracy": proportion(700, 1000),
}


def measures(**changes):
    changes = {f"weights/{name}": value for name, value in changes.items()}
    return Measures(_USUAL | changes)


@pytest.mark.parametrize(
    "rule",
    [
        bad_initialization,
        dead_from_the_start,
        dead_units,
        exploding_gradients,
        vanishing_gradients,
    ],
)
def test_silent_on_usual_weights(rule):
    assert rule(measures()) is None


@pytest.mark.parametrize(
    ("spreads", "fires"),
    [
        ([0.0, 0.8], True),
        ([0.09, 0.8], True),
        ([0.11, 0.8], False),
        ([10.0, 0.8], True),
        ([0.8, 10.0], True),
        ([0.3, 3.0], False),
        # Traps H7 and H28: a last layer of zeros; LSUV.
        ([0.8, 0.0], False),
        ([1.2, 0.9], False),
        # But an only layer of zeros is no last one, and yet learns: it may be tried.
        ([0.0], True),
        ([], False),
    ],
)
def test_kernels_of_an_unusual_size(spreads, fires):
    found = bad_initialization(measures(spreads=dict(enumerate(spreads))))
    assert (found is not None) is fires


def test_evidence_of_bad_initial_weights():
    found = bad_initialization(measures(spreads={"a": 0.0, "b": 0.8}))
    assert (found.cause, found.status) == ("bad_initialization", "suspected")
    assert found.message == (
        "initial kernels have from 0 to 0.8 times the spread that keeps signals of one "
        "size from layer to layer, which grow 1.1-fold through the hidden layers: "
        "units of a layer are all alike"
    )
    assert [(e.value, e.threshold) for e in found.evidence] == [
        (0.0, "below 0.1"),
        (0.8, "above 4"),
        (1.1, "above 10"),
    ]


@pytest.mark.parametrize(("growth", "fires"), [(9.0, False), (30.0, True)])
def test_signals_that_grow_from_layer_to_layer(growth, fires):
    assert (bad_initialization(measures(growth=growth)) is not None) == fires


@pytest.mark.parametrize(
    ("norms", "saturating", "fires"),
    [
        ([1e-6, 1e-3, 1.0], 0, True),
        ([5e-5, 1e-3, 1e-2], 0, True),
        ([0.05, 0.5, 1.0], 3, True),
        ([0.05, 0.5, 1.0], 2, False),
        ([0.05, 0.5, 1.0], 0, False),
        # Of two layers none is deep.
        ([1e-6, 1.0], 2, False),
        ([0.0, 0.0, 0.0], 0, True),
    ],
)
def test_gradients_that_vanish(norms, saturating, fires):
    found = vanishing_gradients(measures(gradients=norms, saturating=saturating))
    assert (found is not None) is fires


def test_a_softmax_within_is_suspected():
    found = vanishing_gradients(measures(saturating=1, softmax=1))
    assert found.message.endswith("1 hidden layers saturate, 1 of them a softmax")


def test_evidence_of_vanishing_gradients():
    found = vanishing_gradients(measures(gradients=[1e-4, 0.1, 0.5], saturating=4))
    assert (found.cause, found.status) == ("vanishing_gradients", "suspected")
    assert found.message == (
        "at the first step the first layer has a gradient of 0.0001, 0.0002 times that "
        "of the last; 4 hidden layers saturate, 0 of them a softmax"
    )
    (evidence,) = found.evidence
    assert evidence.value == pytest.approx(2e-4)
    assert evidence.threshold == (
        "below 0.001, or 0.1 where three layers saturate, or a softmax"
    )


@pytest.mark.parametrize(
    ("norms", "fires"),
    [
        ([1.0, 500.0], True),
        ([1.0, np.inf], True),
        ([np.nan, 1.0], True),
        ([1.0, np.nan], True),
        ([1.0, 99.0], False),
        ([], False),
    ],
)
def test_gradients_that_explode(norms, fires):
    found = exploding_gradients(measures(gradients=norms))
    assert (found is not None) is fires


def test_evidence_of_exploding_gradients():
    found = exploding_gradients(measures(gradients=[1.0, 512.0]))
    assert (found.cause, found.status) == ("exploding_gradients", "suspected")
    assert found.message == "at the first step a layer has a gradient of 512"
    (evidence,) = found.evidence
    assert (evidence.value, evidence.threshold) == (512.0, "above 100")


@pytest.mark.parametrize(
    ("first", "now", "early", "late"),
    [
        (0.9, 0.9, True, True),
        (0.0, 0.9, False, True),
        # It has recovered.
        (0.9, 0.1, False, False),
        (0.5, 0.5, False, False),
    ],
)
def test_units_that_never_fire(first, now, early, late):
    found = measures(dead_at_first=first, dead=now)
    assert (dead_from_the_start(found) is not None) is early
    assert (dead_units(found) is not None) is late


def test_a_net_that_has_learnt_all_has_units_enough():
    found = measures(dead=0.9, dead_at_first=0.9)
    found["clean/accuracy"] = proportion(995, 1000)
    assert dead_units(found) is None
    assert dead_from_the_start(found) is None


def test_evidence_of_dead_units():
    found = dead_units(measures(dead=0.8))
    assert (found.cause, found.status) == ("dead_units", "suspected")
    assert found.message == (
        "80% of the units of a hidden layer are dead since training began"
    )
    assert [(e.value, e.threshold, e.source) for e in found.evidence] == [
        (0.8, "above 0.75", "those that fire for none of 512 training images"),
        (0.0, "", "the same images"),
    ]
    found = dead_from_the_start(measures(dead=0.75, dead_at_first=0.75))
    assert found.message.endswith("dead from the start")


def test_remedies():
    found = measures()
    assert weights.redraw(found).differences() == {"initialize": True}
    assert weights.clip(found).differences() == {"clip_norm": 1.0}
    assert weights.rectify(found).differences() == {
        "initialize": True,
        "activation": "relu",
    }
    assert weights.leak(found).differences() == {
        "initialize": True,
        "activation": "leaky_relu",
    }


class Program:
    """A Keras model on which all is measured as it is."""

    def __init__(self, model, images):
        self.model = model
        self._images = images
        model(images[:1])

    def weights(self, fresh):
        return {weight.path: weight.numpy() for weight in self.model.weights}

    def gradients(self, split, fresh):
        return {each.path: np.ones(3) for each in self.model.trainable_weights}

    def activations(self, images, fresh):
        found, values = {}, np.asarray(images, np.float32) / 255
        for layer in self.model.layers:
            values = layer(values)
            found[layer.name] = np.asarray(values)
        return found


def measured(subject, scans, layers, rows=()):
    model = keras.Sequential([keras.layers.Flatten(), *layers])
    program = Program(model, scans.train.images)
    return measure(subject(scans.train, scans.validation, program=program, rows=rows))


def dense(units, activation, kernel=None, bias=0.0):
    initial = kernel or keras.initializers.HeNormal(seed=1)
    return keras.layers.Dense(
        units,
        activation,
        kernel_initializer=initial,
        bias_initializer=keras.initializers.Constant(bias),
    )


def test_measures_spreads_and_saturating_layers(subject, scans):
    layers = [dense(30, "relu"), dense(30, "tanh"), dense(10, "softmax")]
    found = measured(subject, scans, layers)
    assert list(found["weights/spreads"].values()) == pytest.approx([1.15] * 3, abs=0.1)
    assert found["weights/gradients"] == pytest.approx([3**0.5] * 3)
    # The last one is a head.
    assert found["weights/saturating"] == 1


def test_measures_units_that_fire_for_no_image(subject, scans):
    layers = [dense(30, "relu", bias=-100.0), dense(10, None)]
    assert measured(subject, scans, layers)["weights/dead"] == 1.0
    layers = [
        dense(30, None, bias=-100.0),
        keras.layers.ReLU(),
        dense(10, None),
    ]
    assert measured(subject, scans, layers)["weights/dead"] == 1.0


def test_units_that_are_often_zero_are_not_dead(subject, scans):
    """Trap H6: nine of ten activations are zero, yet each unit fires for some."""
    layers = [dense(30, "relu", bias=-0.3), dense(10, None)]
    found = measured(subject, scans, layers)
    assert found["weights/dead"] < 0.5


def test_only_rectified_units_can_be_dead(subject, scans):
    layers = [dense(30, "sigmoid", bias=-20.0), dense(10, None, bias=-1.0)]
    assert measured(subject, scans, layers)["weights/dead"] == 0.0


def test_a_model_of_no_kernels(subject, scans):
    found = measured(subject, scans, [])
    assert found["weights/spreads"] == {}
    assert exploding_gradients(Measures(found)) is None
    assert bad_initialization(Measures(found)) is None


def test_a_filter_that_fires_anywhere_is_alive(subject, scans):
    program = types.SimpleNamespace(
        model=keras.Sequential([keras.layers.ReLU(name="relu")]),
        activations=lambda images, fresh: {
            "relu": np.eye(64, dtype=np.float32)[: len(images) % 64 + 20].reshape(
                -1, 8, 8, 1
            ),
            "last": np.zeros((9, 1)),
        },
    )
    made = subject(scans.train, scans.validation, program=program)
    assert weights._dead(made, scans.train.images[:20], fresh=True) == 0.0
