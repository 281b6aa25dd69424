"""Tests of framework/diagnose/ruler/updates.py."""

import types

import keras
import numpy as np
import pytest
from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.detector import Measures
from framework.diagnose.ruler.updates import (
    _as_drawn,
    all_trained,
    by_plain_steps,
    frozen_weights,
    learning_rate_frozen,
    measure,
    replica_scaling,
    wrong_variables,
)
from keras.initializers import Constant

from framework.numerics.intervals import proportion

_USUAL = {
    "updates/gradients": {"a/kernel": 1.0, "a/bias": 0.1, "b/kernel": 2.0},
    "updates/frozen": {},
    "updates/as_drawn": [],
    "clean/accuracy": proportion(700, 1000),
    "updates/unmoved": [],
    "updates/scales": [1.0, 1.0],
    "updates/cosines": [1.0, 1.0],
    "updates/slower": 0.1,
}


def measures(**changes):
    changes = {f"updates/{name}": value for name, value in changes.items()}
    return Measures(_USUAL | changes)


@pytest.mark.parametrize(
    "rule", [frozen_weights, learning_rate_frozen, replica_scaling, wrong_variables]
)
def test_silent_on_usual_steps(rule):
    assert rule(measures()) is None


def test_wrong_variables_are_those_that_a_step_leaves_alone():
    found = wrong_variables(measures(unmoved=["a/kernel", "a/bias"]))
    assert (found.cause, found.status) == ("wrong_variables", "suspected")
    assert found.message == (
        "a training step does not move 2 of 3 weights that the loss depends on: "
        "a/kernel, a/bias"
    )
    assert [(e.value, e.threshold) for e in found.evidence] == [
        (2.0, "above 0"),
        (1.0, "below -0.5"),
    ]


def test_uphill_is_wrong_as_well():
    found = wrong_variables(measures(cosines=[-1.0, -0.9]))
    assert (
        found.message == "a training step moves the weights up the gradient, not down"
    )
    # One step of two may be noise, as with much dropout.
    assert wrong_variables(measures(cosines=[-1.0, 0.4])) is None
    assert wrong_variables(measures(cosines=[])) is None


def test_weights_without_a_gradient_are_frozen():
    gradients = {"a/kernel": None, "a/bias": None, "b/kernel": 2.0}
    found = frozen_weights(measures(gradients=gradients))
    assert (found.cause, found.status) == ("frozen_weights", "suspected")
    assert found.message == "the loss does not depend on 2 weights: a/kernel, a/bias"


@pytest.mark.parametrize(("right", "status"), [(700, "confirmed"), (990, "suspected")])
def test_random_features_that_get_no_gradient_are_certain(right, status):
    gradients = {"a/kernel": None, "a/bias": None, "b/kernel": 2.0}
    made = measures(gradients=gradients, as_drawn=["a/kernel"])
    made["clean/accuracy"] = proportion(right, 1000)
    found = frozen_weights(made)
    assert found.status == status
    assert found.message == (
        "outputs depend on, but no gradient has ever come to 2 weights: a/kernel, "
        "a/bias"
    )


def test_kernels_that_are_declared_frozen_are_only_suspected():
    """Trap H9: a frozen backbone is right where it was trained before."""
    found = frozen_weights(measures(frozen={"a/kernel": 64}))
    assert found.status == "suspected"
    assert found.message == "training leaves alone 1 weights: a/kernel"
    assert [(e.name, e.value) for e in found.evidence] == [
        ("weights without a gradient", 0.0),
        ("those that outputs depend on, beside biases of exactly 0", 0.0),
        ("kernels declared not trainable", 1.0),
    ]


def test_a_gradient_of_zero_is_a_gradient():
    """Traps H7 and H8: initial zeros, and biases that a norm cancels."""
    gradients = {"a/kernel": 0.0, "a/bias": 0.0, "b/kernel": 2.0}
    assert frozen_weights(measures(gradients=gradients)) is None


def test_a_learning_rate_that_does_not_act():
    found = learning_rate_frozen(measures(slower=1.0))
    assert (found.cause, found.status) == ("learning_rate_frozen", "confirmed")
    assert found.message == (
        "with a tenth of the learning rate a step moves the weights 1 times as far: "
        "the rate that acts is not the optimizer's, so no schedule and no plateau "
        "reducer has any effect"
    )
    (evidence,) = found.evidence
    assert (evidence.value, evidence.threshold) == (1.0, "above 0.5; it should be 0.1")


@pytest.mark.parametrize("slower", [0.1, 0.13, 0.0, 0.5, float("nan")])
def test_silent_on_a_rate_that_acts(slower):
    assert learning_rate_frozen(measures(slower=slower)) is None


@pytest.mark.parametrize("scale", [2.0, 0.25, 32.0])
def test_fires_on_a_constant_factor(scale):
    found = replica_scaling(measures(scales=[scale, scale * 1.001]))
    assert (found.cause, found.status) == ("replica_scaling", "suspected")
    assert found.message == (
        f"each step uses {scale * 1.001:.3g} times the gradient of the mean loss: "
        f"losses are divided by the wrong number, such as that of one replica"
    )


@pytest.mark.parametrize(
    "changes",
    [
        # Trap H30: correct scaling.
        {"scales": [1.0, 1.001]},
        {"scales": [1.2, 1.2]},
        # Trap H18: clipping scales each step otherwise.
        {"scales": [0.1, 0.14]},
        # Another gradient, not a multiple of this one.
        {"scales": [2.0, 2.0], "cosines": [0.5, 0.99]},
        {"scales": [2.0]},
        {"scales": [], "cosines": []},
        # The step does not ask the optimizer: nothing is known.
        {"scales": [0.01, 0.01], "slower": 1.0},
    ],
)
def test_silent_on_what_is_no_constant_factor(changes):
    assert replica_scaling(measures(**changes)) is None


def test_remedies():
    assert by_plain_steps(measures()).differences() == {"plain_step": True}
    assert all_trained(measures()).differences() == {"trainable": True}
    assert isinstance(by_plain_steps(measures()), Change)


class Program:
    """Two weights whose gradient is 1 and 2; what a step applies is given."""

    def __init__(self, factors=(1.0, 1.0), slower=0.1):
        self.factors, self.slower = factors, slower
        trained = [self._weight("a/kernel", 2), self._weight("b/kernel", 3)]
        self.model = types.SimpleNamespace(
            trainable_weights=trained,
            weights=[
                *trained,
                self._weight("c/kernel", 4),
                self._weight("words/embeddings", 9),
                self._weight("norm/moving_mean", 4),
            ],
        )

    def _weight(self, path, size):
        return types.SimpleNamespace(path=path, shape=(size, 2))

    def gradients(self, split, fresh):
        return {"a/kernel": np.ones(2), "b/kernel": np.full(3, 2.0), "d": None}

    def weights(self, fresh):
        return {"a/kernel": np.ones(2), "b/kernel": np.zeros(3) + fresh}

    def applied(self, split):
        gradients = self.gradients(split, True)
        return {
            name: factor * gradients[name]
            for name, factor in zip(("a/kernel", "b/kernel"), self.factors, strict=True)
        }

    def moved(self, split, factor):
        return 1.0 if factor == 1.0 else self.slower


def measured(subject, scans, program):
    return measure(subject(scans.train, scans.validation, program=program))


def test_measures_steps(subject, scans):
    found = measured(subject, scans, Program())
    norms = {"a/kernel": 2**0.5, "b/kernel": 12**0.5, "d": None}
    assert found["updates/gradients"] == pytest.approx(norms)
    assert found["updates/frozen"] == {"c/kernel": 8, "words/embeddings": 18}
    assert found["updates/unmoved"] == []
    assert found["updates/scales"] == pytest.approx([1, 1])
    assert found["updates/cosines"] == pytest.approx([1, 1])
    assert found["updates/slower"] == 0.1


def test_measures_what_is_wrong_with_steps(subject, scans):
    found = measured(subject, scans, Program((0.0, 8.0), 1.0))
    assert found["updates/unmoved"] == ["a/kernel"]
    assert found["updates/scales"] == pytest.approx([8, 8])
    assert found["updates/slower"] == 1.0
    found = measured(subject, scans, Program((-1.0, -1.0)))
    assert found["updates/cosines"] == pytest.approx([-1, -1])


def test_a_step_that_moves_nothing_at_all(subject, scans):
    program = Program((0.0, 0.0))
    program.moved = lambda split, factor: 0.0
    found = measured(subject, scans, program)
    assert found["updates/unmoved"] == ["a/kernel", "b/kernel"]
    assert found["updates/scales"] == found["updates/cosines"] == []
    assert "updates/slower" not in found
    assert wrong_variables(Measures(found)).status == "suspected"


def test_steps_of_the_framework_itself_are_not_asked(subject, scans):
    def cannot(*_):
        raise CannotChangeError

    program = Program()
    program.applied = program.moved = cannot
    found = measured(subject, scans, program)
    assert not {"updates/unmoved", "updates/slower"} & set(found)
    assert found["updates/frozen"] == {"c/kernel": 8, "words/embeddings": 18}


@pytest.mark.parametrize(("bias", "found"), [(0.0, ["dense/kernel"]), (0.1, [])])
def test_what_was_never_trained_and_gets_no_gradient(subject, scans, bias, found):
    layers = keras.layers
    first = layers.Dense(8, "relu", name="dense", bias_initializer=Constant(bias))
    unused = layers.Dense(8, name="unused")
    inputs = keras.Input((64,))
    unused(inputs)
    model = keras.Model(inputs, layers.Dense(10, name="head")(first(inputs)))
    program = types.SimpleNamespace(
        model=model,
        ask=lambda images: model(images.reshape(-1, 64).astype(np.float32)).numpy(),
    )
    made = subject(scans.train, scans.validation, program=program)
    before = [weight.numpy() for weight in model.weights]
    cut = [weight.path for weight in first.weights]
    assert _as_drawn(made, cut) == found
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
