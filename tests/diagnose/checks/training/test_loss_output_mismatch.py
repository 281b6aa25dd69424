"""Tests of framework/diagnose/checks/training/loss_output_mismatch.py."""

import numpy as np
import pytest

from framework.diagnose.checks.training.loss_output_mismatch import LossOutputMismatch
from framework.diagnose.core.check import examine
from framework.diagnose.measure.loss_probe import LossProbe, OutputProbe


def outputs(**changes):
    fields = {
        "units": 10,
        "classes": 10,
        "is_constant": False,
        "is_softmax_of_one": False,
        "batch_dependence": 0.0,
        "cut": 0.0,
    }
    return OutputProbe(**{**fields, **changes})


def loss(**changes):
    fields = {"right": 1e-6, "equal": 2.3026, "wrong": 16.1, "twice": 1.0}
    return LossProbe(**{**fields, **changes})


@pytest.mark.parametrize(
    ("known", "message"),
    [
        # Double softmax.
        (
            loss(right=1.4612),
            "the loss cannot fall below 1.461, where undecided outputs have 2.303: it "
            "takes for logits what are probabilities already",
        ),
        # Squared errors of probabilities.
        (
            loss(right=0.0, equal=0.09, wrong=0.2),
            "certain and wrong costs 0.2, undecided 0.09: it is no cross-entropy, and "
            "its gradient vanishes where outputs are wrong",
        ),
        # The wrong sign, or the wrong axis.
        (
            loss(right=16.1, wrong=1e-6),
            "the loss does not grow from right over undecided to wrong outputs",
        ),
        (
            loss(right=2.3, equal=2.3, wrong=2.3),
            "the loss does not grow from right over undecided to wrong outputs",
        ),
        (loss(wrong=np.inf), "the loss of outputs that are certain is not finite"),
        (loss(right=np.nan), "the loss of outputs that are certain is not finite"),
        (loss(twice=2.0), "the loss is a sum over the batch, not a mean"),
        (
            outputs(batch_dependence=0.2),
            "the outputs for an image depend on the others in its batch",
        ),
        (outputs(cut=0.5), "50% of the outputs are cut off at 0"),
        (
            outputs(softened=0.95),
            "no output is above 0.232, the most that a softmax of probabilities gives: "
            "softmax is applied twice",
        ),
        (
            outputs(is_constant=True),
            "the only output is the same for all images: a softmax of one",
        ),
    ],
)
def test_what_a_loss_does_wrong_is_suspected(measured, no_trials, known, message):
    others = [each for each in (outputs(), loss()) if type(each) is not type(known)]
    finding = examine(LossOutputMismatch(), measured(known, *others), no_trials)
    assert (finding.cause.name, finding.status) == ("loss_output_mismatch", "suspected")
    assert finding.message == message


def test_more_classes_than_outputs_is_arithmetic(measured, no_trials):
    made = measured(outputs(units=1))
    finding = examine(LossOutputMismatch(), made, no_trials)
    assert finding.status == "confirmed"
    assert finding.message == "1 outputs cannot tell 10 classes apart"
    (evidence,) = finding.evidence
    assert (evidence.value, str(evidence.threshold)) == (
        1.0,
        "fewer than 10 classes, or always the same",
    )
    # Its remedy is applied for what comes later.
    assert no_trials.applied == [{"consistent_loss": True}]


def test_a_softmax_of_one_is_arithmetic_too(measured, no_trials):
    constant = {"units": 1, "classes": 2, "is_constant": True}
    made = measured(outputs(**constant, is_softmax_of_one=True))
    assert examine(LossOutputMismatch(), made, no_trials).status == "confirmed"
    # Of a sigmoid it may be the inputs that saturate it.
    made = measured(outputs(**constant))
    assert examine(LossOutputMismatch(), made, no_trials).status == "suspected"


def test_several_reasons_are_all_given(measured):
    made = measured(outputs(batch_dependence=1.0), loss(twice=2.0))
    assert LossOutputMismatch().suspect(made).message == (
        "the outputs for an image depend on the others in its batch; the loss is a "
        "sum over the batch, not a mean"
    )


def test_evidence(measured):
    suspicion = LossOutputMismatch().suspect(measured(outputs(), loss(right=1.4612)))
    assert [(each.value, str(each.threshold)) for each in suspicion.evidence] == [
        (1.4612, "above 0.92104: 0.4 of that of undecided ones"),
        (16.1, "below 6.9078: 3 times that of undecided ones"),
        (1.0, "above 1.5"),
    ]


@pytest.mark.parametrize(
    "known",
    [
        (outputs(), loss()),
        # Trap H14: labels smoothed by .1 leave .5 for ten classes.
        (outputs(), loss(right=0.5003, wrong=14.5)),
        # Trap H15: a sigmoid for each class, focal loss.
        (outputs(), loss(right=1e-6, equal=0.325, wrong=3.2)),
        (outputs(), loss(right=0.0, equal=1.87, wrong=16.1)),
        # Two classes, one output: a sigmoid.
        (outputs(units=1, classes=2), loss()),
        (outputs(units=12), loss()),
        (outputs(batch_dependence=1e-5), loss()),
        # Of a softmax in float32.
        (outputs(cut=0.05), loss()),
        # Nothing is learnt yet: all outputs are about a tenth.
        (outputs(softened=0.2), loss()),
        (outputs(), loss(twice=1.01)),
    ],
)
def test_silent_on_losses_that_are_right(measured, known):
    assert LossOutputMismatch().suspect(measured(*known)) is None


def test_remedy(measured):
    suspicion = LossOutputMismatch().suspect(measured(outputs(cut=0.5), loss()))
    assert suspicion.intervention.differences() == {"consistent_loss": True}


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def cross_entropy(labels, logits):
    logs = log_softmax(logits.astype(np.float64))
    return -float(logs[np.arange(len(labels)), labels].mean())


def softmax(logits):
    return np.exp(log_softmax(logits))


def of_probabilities(labels, probabilities):
    chosen = np.clip(probabilities, 1e-7, 1)[np.arange(len(labels)), labels]
    return -float(np.log(chosen).mean())


def squared(labels, probabilities):
    truth = np.eye(probabilities.shape[1])[labels]
    return float(np.mean((truth - probabilities) ** 2))


def smoothed(labels, logits):
    logs = log_softmax(logits.astype(np.float64))
    chosen = logs[np.arange(len(labels)), labels]
    return -float((0.9 * chosen + 0.1 * logs.mean(axis=1)).mean())


@pytest.fixture
def probed(context, scans):
    """Makes what is measured of a model whose head and loss are given."""

    def probe(head, loss):
        made = context(scans.train, scans.validation)
        predict = made.program.predict
        made.program.predict = lambda images, training=False: head(10 * predict(images))
        made.program.loss = loss
        return made.measurements

    return probe


@pytest.mark.parametrize(
    ("head", "loss", "words"),
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
            lambda logits: logits - logits.mean(axis=0),
            cross_entropy,
            "depend on the others",
        ),
        (lambda logits: np.maximum(logits, 0), cross_entropy, "cut off at 0"),
        (lambda logits: np.ones((len(logits), 1)), squared, "softmax of one"),
    ],
)
def test_losses_are_probed_with_made_up_outputs(probed, head, loss, words):
    suspicion = LossOutputMismatch().suspect(probed(head, loss))
    assert suspicion is None if words is None else words in suspicion.message


def test_labels_beyond_the_outputs_are_not_probed(probed, no_trials):
    made = probed(lambda logits: logits[:, :5], cross_entropy)
    finding = examine(LossOutputMismatch(), made, no_trials)
    assert finding.status == "confirmed"
    assert made.find(LossProbe) is None
