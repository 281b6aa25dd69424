"""Tests of framework/diagnose/checks/training/overfitting.py."""

import pytest

from framework.diagnose.checks.training.overfitting import AUGMENT, FLIP, Overfitting
from framework.diagnose.core.check import examine
from framework.diagnose.core.decision import MINIMUM_GAIN
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.measure.near_duplicates import NearDuplicates
from framework.diagnose.measure.regularization import AccuracyFall, Regularization
from framework.diagnose.measure.shift import ProbeLoss
from framework.numerics.intervals import Estimate, proportion

_NO_GAIN = Estimate(0.0, -0.02, 0.02)
_GAIN = Estimate(0.2, 0.1, 0.3)
_FALL = AccuracyFall(_GAIN, 0.01)


def regularization(**changes):
    fields = {
        "dropout": 0.2,
        "penalty": 0.1,
        "augment": "",
        "train_accuracy": 0.7,
        "has_images": True,
        "has_colors": False,
    }
    return Regularization(**{**fields, **changes})


class Trials:
    """Whatever is tried has the gain that is given; None cannot be tried."""

    is_done = False
    expected = 0.0

    def __init__(self, gain, budget=9.0, gap=0.3, minimum_gain=MINIMUM_GAIN):
        self.given, self.budget, self.gap = gain, budget, gap
        self.minimum_gain = minimum_gain
        self.trained, self.accepted = [], []

    def can_afford(self, count=1.0):
        return count <= self.budget

    def train(self, name, intervention, at_initialization=True, lengths=1.0):
        if self.given is None:
            raise NotApplicableError
        self.trained.append((intervention.differences(), lengths))
        return "result"

    def gain(self, result):
        return self.given

    def accept(self, result, intervention):
        self.accepted.append(intervention.differences())


@pytest.fixture
def seen(measured, accuracy):
    """Makes what the check sees: `seen(clean, validation, *others, dev=None)`."""

    def see(clean=1000, validation=700, *others, present=None, settings=None, **rest):
        known = {
            type(each): each
            for each in (
                accuracy(clean, validation, **rest),
                regularization(**(present or {})),
                AccuracyFall(_NO_GAIN, 0.5),
                *others,
            )
        }
        return measured(*known.values(), **(settings or {}))

    return see


@pytest.mark.parametrize(
    ("gain", "status"),
    [
        (None, "suspected"),
        (_GAIN, "confirmed"),
        # Traps H17 and H29: a gap is no cause where nothing can be done about it.
        (_NO_GAIN, "falsified"),
    ],
)
def test_regularization_decides(seen, gain, status):
    finding = examine(Overfitting(), seen(1000, 850), Trials(gain))
    assert (finding.cause.name, finding.status) == ("overfitting", status)
    assert finding.cost == gain


@pytest.mark.parametrize(
    ("clean", "validation", "status"),
    [
        (1000, 700, "confirmed"),
        (1000, 860, "falsified"),
        # Labels that are wrong, or training that is not over.
        (940, 600, "falsified"),
    ],
)
def test_a_wide_gap_is_decisive_though_only_more_images_help(
    seen, clean, validation, status
):
    finding = examine(Overfitting(), seen(clean, validation), Trials(_NO_GAIN))
    assert finding.status == status
    # The gap is evidence; what the trial has gained is the cost.
    assert finding.cost == _NO_GAIN
    gap = clean / 1000 - validation / 1000
    assert finding.evidence[0].value.value == pytest.approx(gap)


@pytest.mark.parametrize(("validation", "majority"), [(110, 0.1), (420, 0.4)])
def test_labels_that_say_nothing_are_memorized(seen, validation, majority):
    """More images would not help."""
    made = seen(1000, validation, majority=majority)
    assert examine(Overfitting(), made, Trials(_NO_GAIN)).status == "falsified"


def test_a_wide_gap_to_images_of_another_kind_decides_nothing(seen):
    made = seen(1000, 700, ProbeLoss(_GAIN))
    assert examine(Overfitting(), made, Trials(_NO_GAIN)).status == "falsified"


@pytest.mark.parametrize(
    ("fall", "clean", "validation", "dev", "is_suspected"),
    [
        (None, 1000, 860, None, True),
        # A gap of more than ten points, but not for certain.
        (None, 1000, 890, None, False),
        # Accuracy has fallen since its best, of many.
        (_FALL, 1000, 890, None, True),
        (AccuracyFall(_GAIN, 0.2), 1000, 890, None, False),
        (_FALL, 700, 680, None, False),
        # It is the validation set that is different, not what was held out.
        (None, 1000, 700, 980, False),
        (None, 1000, 980, 700, True),
        # The gap of few images is not for certain.
        (None, 960, 900, proportion(4, 5), False),
    ],
)
def test_what_is_memorized(seen, fall, clean, validation, dev, is_suspected):
    others = () if fall is None else (fall,)
    made = seen(clean, validation, *others, dev=dev)
    assert (Overfitting().suspect(made) is not None) is is_suspected


def test_a_gain_that_is_small_beside_others_is_none(seen):
    """But five points are always enough."""
    small = Estimate(0.045, 0.01, 0.08)
    trials = Trials(small, minimum_gain=0.25)
    assert examine(Overfitting(), seen(1000, 860), trials).status == "minor"
    trials = Trials(small, minimum_gain=0.04)
    assert examine(Overfitting(), seen(1000, 860), trials).status == "confirmed"
    trials = Trials(_GAIN, minimum_gain=0.25)
    assert examine(Overfitting(), seen(1000, 860), trials).status == "confirmed"


@pytest.mark.parametrize(
    ("cause", "is_reported"), [("distribution_shift", False), ("dead_units", True)]
)
def test_a_gap_that_is_explained_is_not_overfitting(seen, cause, is_reported):
    made = seen(1000, 700)
    made.confirmed.add(cause)
    finding = examine(Overfitting(), made, Trials(_GAIN))
    assert (finding is not None) is is_reported


def test_evidence(seen):
    finding = examine(Overfitting(), seen(1000, 700), Trials(None))
    assert finding.message == (
        "100.0% of the training images are right, but 70.0% of those that were not "
        "trained on"
    )
    gap = (
        "gap of training images and others",
        "the interval above 10 points; decisive above 0.15, with more than 0.95 of the "
        "training images learnt",
    )
    fall = (
        "fall of validation accuracy since its best",
        "the interval above 0, and 3 points or more; p below 0.05",
    )
    *evidence, trial = finding.evidence
    assert [(e.name, str(e.threshold)) for e in evidence] == [gap, fall]
    assert evidence[1].source.endswith("p = 0.5")
    assert trial.value == "not measured"
    finding = examine(Overfitting(), seen(1000, 700), Trials(_GAIN))
    assert finding.evidence[-1].name == "gain in validation accuracy once regularized"
    assert finding.evidence[-1].value == _GAIN


@pytest.mark.parametrize(
    ("present", "settings", "text"),
    [
        ({}, {}, "augment, add dropout of 0.3, stop at the best epoch"),
        # What is in place is never prescribed.
        (
            {"augment": "flip", "dropout": 0.5},
            {},
            "add weight decay of 0.01, stop at the best epoch",
        ),
        ({"augment": "flip"}, {"early_stopping": 3}, "add dropout of 0.3"),
    ],
)
def test_what_is_in_place_is_not_prescribed(seen, present, settings, text):
    made = seen(1000, 700, present=present, settings=settings)
    assert Overfitting().suspect(made).advice == f"{text}, or collect more images"


@pytest.mark.parametrize(
    ("present", "differences"),
    [
        ({}, {"dropout": 0.3, "augment": AUGMENT}),
        ({"dropout": 0.5}, {"augment": AUGMENT}),
        # A photograph may be mirrored.
        ({"dropout": 0.5, "has_colors": True}, {"augment": AUGMENT + FLIP}),
        # What is in place is not tried again.
        ({"augment": "flip"}, {"dropout": 0.3}),
        ({"dropout": 0.5, "augment": "flip"}, {"weight_decay": 0.01}),
        ({"dropout": 0.5, "has_images": False}, {"weight_decay": 0.01}),
    ],
)
def test_what_is_not_in_place_yet_is_tried(seen, present, differences):
    trials = Trials(_GAIN)
    finding = examine(Overfitting(), seen(1000, 850, present=present), trials)
    assert (finding.status, finding.cost) == ("confirmed", _GAIN)
    assert trials.trained == [(differences, 3.0)]
    assert trials.accepted == [differences]
    # What was tried is what is printed.
    assert finding.remedy.intervention.differences() == differences


def test_what_gains_nothing_is_not_accepted(seen):
    trials = Trials(_NO_GAIN, budget=1.0)
    assert examine(Overfitting(), seen(1000, 850), trials).cost == _NO_GAIN
    assert (trials.trained[0][1], trials.accepted) == (1.0, [])


def test_an_accuracy_that_has_fallen_needs_no_trial(seen):
    trials = Trials(_NO_GAIN)
    finding = examine(Overfitting(), seen(1000, 850, _FALL), trials)
    assert (finding.status, finding.cost) == ("confirmed", _GAIN)
    assert trials.trained == []


def test_without_a_budget_or_a_way_nothing_is_known(seen):
    for trials in (Trials(_GAIN, budget=0.5), Trials(None)):
        finding = examine(Overfitting(), seen(1000, 850), trials)
        assert (finding.status, finding.cost) == ("suspected", None)


def test_a_gap_that_was_closed_needs_no_trial(seen):
    trials = Trials(_GAIN, gap=0.05)
    assert examine(Overfitting(), seen(1000, 850), trials).status == "suspected"
    assert trials.trained == []


def test_a_model_without_a_place_for_dropout_gets_weight_decay(seen):
    trials = Trials(_GAIN)
    train = trials.train

    def without_dropout(name, intervention, **lengths):
        if intervention.dropout:
            raise NotApplicableError
        return train(name, intervention, **lengths)

    trials.train = without_dropout
    finding = examine(Overfitting(), seen(1000, 850), trials)
    assert finding.status == "confirmed"
    differences = {"augment": AUGMENT, "weight_decay": 0.01}
    assert trials.accepted == [differences]
    # What was tried is what is printed.
    assert finding.remedy.intervention.differences() == differences


def test_a_curve_that_still_rises_is_not_held_back_by_what_was_memorized(seen, plateau):
    for verdict, status in (("static", "confirmed"), ("improving", "falsified")):
        made = seen(1000, 700, plateau(verdict))
        assert examine(Overfitting(), made, Trials(_NO_GAIN)).status == status


@pytest.mark.parametrize(
    ("clean_accuracy", "dev", "is_suspected"),
    [(700, None, True), (980, None, False), (700, 980, False)],
)
def test_after_a_leak_only_images_without_a_copy_count(
    seen, clean_accuracy, dev, is_suspected
):
    none = proportion(0, 1000)
    leak = NearDuplicates(
        threshold=0.95,
        details_threshold=0.85,
        rate=proportion(500, 1000),
        within=none,
        same=none,
        accuracy=proportion(500, 500),
        other_accuracy=proportion(clean_accuracy, 1000),
        exact=none,
        mirrored=none,
        searched=1000,
    )
    # 87 % shown, of which the copies are a half; and a fall that is also of copies.
    made = seen(1000, 870, leak, _FALL, dev=dev)
    made.confirmed.add("split_leakage")
    made.void = 0.1
    finding = examine(Overfitting(), made, Trials(_NO_GAIN))
    assert (finding is not None) == is_suspected
    if finding:
        assert "70.0% of those that were not trained on" in finding.message
