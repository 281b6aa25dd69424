"""Tests of framework/diagnose/process/loss.py."""

import numpy as np
import pytest
from framework.diagnose.detector import Measures
from framework.diagnose.process.loss import change, measure, rule

_USUAL = {
    "loss/units": 10,
    "loss/constant": False,
    "loss/softmax": False,
    "loss/alone": 0.0,
    "loss/classes": 10,
    "loss/cut": 0.0,
    "loss/right": 1e-6,
    "loss/equal": 2.3026,
    "loss/wrong": 16.1,
    "loss/twice": 1.0,
    "loss/squashed": False,
}


def measures(**changes):
    return Measures(_USUAL | {f"loss/{name}": each for name, each in changes.items()})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # Double softmax.
        (
            {"right": 1.4612},
            "the loss cannot fall below 1.461, where undecided outputs have 2.303: it "
            "takes for logits what are probabilities already",
        ),
        # Squared errors of probabilities.
        (
            {"right": 0.0, "equal": 0.09, "wrong": 0.2},
            "certain and wrong costs 0.2, undecided 0.09: it is no cross-entropy, and "
            "its gradient vanishes where outputs are wrong",
        ),
        # The wrong sign, or the wrong axis.
        (
            {"right": 16.1, "wrong": 1e-6},
            "the loss does not grow from right over undecided to wrong outputs",
        ),
        (
            {"right": 2.3, "equal": 2.3, "wrong": 2.3},
            "the loss does not grow from right over undecided to wrong outputs",
        ),
        ({"wrong": np.inf}, "the loss of outputs that are certain is not finite"),
        ({"right": np.nan}, "the loss of outputs that are certain is not finite"),
        ({"twice": 2.0}, "the loss is a sum over the batch, not a mean"),
        (
            {"alone": 0.2},
            "what is said of an image depends on the others in its batch",
        ),
        ({"cut": 0.5}, "50% of the outputs are cut off at 0"),
        (
            {"constant": True},
            "the only output is the same for all images: a softmax of one",
        ),
    ],
)
def test_what_a_loss_does_wrong_is_suspected(changes, message):
    found = rule(measures(**changes))
    assert (found.cause, found.status) == ("loss_output_mismatch", "suspected")
    assert found.message == message


def test_more_classes_than_outputs_is_arithmetic():
    found = Measures({name: _USUAL[name] for name in list(_USUAL)[:6]})
    found["loss/units"] = 1
    found = rule(found)
    assert found.status == "confirmed"
    assert found.message == "1 outputs cannot tell 10 classes apart"
    (evidence,) = found.evidence
    assert (evidence.value, evidence.threshold) == (
        1.0,
        "fewer than 10 classes, or always the same",
    )


def test_a_softmax_of_one_is_arithmetic_too():
    found = rule(measures(units=1, classes=2, constant=True, softmax=True))
    assert found.status == "confirmed"
    # Of a sigmoid it may be the inputs that saturate it.
    assert rule(measures(units=1, classes=2, constant=True)).status == "suspected"


def test_several_reasons_are_all_given():
    found = rule(measures(twice=2.0, alone=1.0))
    assert found.message == (
        "what is said of an image depends on the others in its batch; the loss is a "
        "sum over the batch, not a mean"
    )


def test_the_evidence():
    found = rule(measures(right=1.4612))
    assert [(each.value, each.threshold) for each in found.evidence] == [
        (1.4612, "above 0.4 of 2.303, that of undecided ones"),
        (16.1, "below 3 times 2.303"),
        (1.0, "above 1.5"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # Trap H14: labels smoothed by .1 leave .5 for ten classes.
        {"right": 0.5003, "wrong": 14.5},
        # Trap H15: a sigmoid for each class, focal loss.
        {"right": 1e-6, "equal": 0.325, "wrong": 3.2},
        {"right": 0.0, "equal": 1.87, "wrong": 16.1},
        # Two classes, one output: a sigmoid.
        {"units": 1, "classes": 2},
        {"units": 12},
        {"alone": 1e-5},
        # Of a softmax in float32.
        {"cut": 0.05},
        {"twice": 1.01},
    ],
)
def test_silent_on_losses_that_are_right(changes):
    assert rule(measures(**changes)) is None


def test_the_remedy():
    assert change(measures()).differences() == {"consistent_loss": True}


def log_softmax(outputs):
    return outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))


def cross_entropy(labels, outputs):
    found = log_softmax(outputs.astype(np.float64))
    return -float(found[np.arange(len(labels)), labels].mean())


def softmax(outputs):
    return np.exp(log_softmax(outputs))


def of_probabilities(labels, outputs):
    chosen = np.clip(outputs, 1e-7, 1)[np.arange(len(labels)), labels]
    return -float(np.log(chosen).mean())


def squared(labels, outputs):
    return float(np.mean((np.eye(outputs.shape[1])[labels] - outputs) ** 2))


def smoothed(labels, outputs):
    found = log_softmax(outputs.astype(np.float64))
    chosen = found[np.arange(len(labels)), labels]
    return -float((0.9 * chosen + 0.1 * found.mean(axis=1)).mean())


@pytest.fixture
def judged(subject, scans):
    """Judges a model whose outputs and loss are given."""

    def judged(head, loss):
        made = subject(scans.train, scans.validation)
        ask = made.program.ask
        made.program.ask = lambda images, training=False: head(10 * ask(images))
        made.program.loss = loss
        found = Measures(measure(made))
        return rule(found), found

    return judged


@pytest.mark.parametrize(
    ("head", "loss", "word"),
    [
        (np.asarray, cross_entropy, None),
        (softmax, of_probabilities, None),
        (np.asarray, smoothed, None),
        # Double softmax.
        (softmax, cross_entropy, "cannot fall below 1.461"),
        (softmax, squared, "no cross-entropy"),
        (np.asarray, lambda *a: -cross_entropy(*a), "does not grow"),
        (np.asarray, lambda y, x: len(y) * cross_entropy(y, x), "a sum"),
        # Over the batch, instead of over the classes.
        (
            lambda said: said - said.mean(axis=0),
            cross_entropy,
            "depends on the others",
        ),
        (lambda said: np.maximum(said, 0), cross_entropy, "cut off at 0"),
        (lambda said: np.ones((len(said), 1), np.float32), squared, "softmax of one"),
    ],
)
def test_losses_are_probed_with_outputs_made_up(judged, head, loss, word):
    found, _ = judged(head, loss)
    assert found is None if word is None else word in found.message


def test_labels_beyond_the_outputs_are_not_probed(judged):
    found, measured = judged(lambda said: said[:, :5], cross_entropy)
    assert found.status == "confirmed"
    assert "loss/equal" not in measured
