"""Tests of framework/diagnose/measure/loss_probe.py."""

import numpy as np
import pytest

from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.measure.loss_probe import LossProbe, OutputProbe, softened


def cross_entropy(labels, logits):
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -float(logs[np.arange(len(labels)), labels].mean())


@pytest.fixture
def probed(context, scans):
    """Makes a context whose outputs are changed by a function."""

    def probe(head):
        made = context(scans.train, scans.validation)
        predict = made.program.predict
        made.program.predict = lambda images, training=False: head(predict(images))
        made.program.loss = cross_entropy
        return made

    return probe


def test_outputs_of_a_usual_model(probed):
    result = OutputProbe.measure(probed(np.asarray))
    assert (result.units, result.classes, result.cut) == (10, 10, 0.0)
    assert not result.is_constant
    assert not result.is_softmax_of_one
    assert result.batch_dependence < 1e-6


def test_outputs_that_depend_on_their_batch(probed):
    result = OutputProbe.measure(probed(lambda logits: logits - logits.mean(axis=0)))
    assert result.batch_dependence > 0.1


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("outputs", "near"),
    [
        # Certain, and so softened at both bounds.
        (softmax(np.eye(10)), 1.0),
        (softmax(softmax(np.eye(10))), 0.11),
        (np.full((4, 10), 0.1), 0.0),
        # One softmax; logits; one output.
        (softmax(3 * np.eye(10)), None),
        (np.eye(10) - 0.5, None),
        (np.full((4, 1), 0.5), None),
    ],
)
def test_nearness_to_the_bounds_of_a_double_softmax(outputs, near):
    assert softened(outputs) == (near and pytest.approx(near, abs=0.01))


def test_outputs_that_are_cut_off(probed):
    result = OutputProbe.measure(probed(lambda logits: np.maximum(logits, 0)))
    assert 0.1 < result.cut < 0.9


def test_an_output_that_is_constant(probed):
    result = OutputProbe.measure(probed(lambda logits: np.ones((len(logits), 1))))
    assert (result.units, result.is_constant) == (1, True)
    # There is no softmax in the architecture.
    assert not result.is_softmax_of_one


def test_cross_entropy_of_made_up_outputs(probed):
    result = LossProbe.measure(probed(np.asarray))
    assert result.right == pytest.approx(0, abs=1e-5)
    assert result.equal == pytest.approx(np.log(10))
    assert result.wrong == pytest.approx(-np.log(1e-7), rel=1e-3)
    assert result.twice == pytest.approx(1)


@pytest.mark.parametrize("units", [1, 5])
def test_there_must_be_an_output_for_each_class(probed, units):
    with pytest.raises(NotApplicableError, match="one output for each class"):
        LossProbe.measure(probed(lambda logits: logits[:, :units]))
