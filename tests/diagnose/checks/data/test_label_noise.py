"""Tests of framework/diagnose/checks/data/label_noise.py."""

import types

import numpy as np
import pytest

from framework.config import Config
from framework.data.drawn import drawn_flowers
from framework.data.fashion_mnist import fashion_mnist
from framework.data.split import Split
from framework.diagnose.checks.data import label_noise
from framework.diagnose.checks.data.label_noise import LabelNoise
from framework.diagnose.core.check import examine
from framework.diagnose.core.measurement import Unavailable
from framework.diagnose.measure.label_agreement import (
    FlaggedImages,
    FlaggedLabels,
    LabelAgreement,
)
from framework.diagnose.measure.regularization import AccuracyFall
from framework.numerics.intervals import Estimate, proportion


@pytest.fixture(scope="module")
def check(examined, context, label_signal):
    """Returns the finding for splits; a probe sees what their labels are."""

    def run(train_split, validation_split, **signals):
        case = context(train_split, validation_split)
        return examined(LabelNoise(), case, label_signal(**signals))

    return run


_LEAD, _LAG = Estimate(0.1, 0.05, 0.15), Estimate(-0.1, -0.15, -0.05)
_NONE = Estimate(0.0, -0.1, 0.1)


def agreement(
    easy=40,
    worst=10,
    validation=35,
    controls=(0, 0),
    p=1.0,
    lead=_LEAD,
    confused=_NONE,
):
    """Returns contradicted labels: of 100 easy ones, 25 of a class, and 100."""
    return LabelAgreement(
        easy=proportion(easy, 100),
        worst_class="tulip",
        worst=proportion(worst, 25),
        validation=proportion(validation, 100),
        worst_in_validation=proportion(*controls),
        worst_controls=controls[1],
        worst_p=p,
        probe_lead=lead,
        confusion="rose labelled tulip",
        confused=confused,
        confused_p=0.001 if confused is _LEAD else 0.5,
    )


_FLAGGED = FlaggedLabels(proportion(300, 1000))
_ROWS = np.array([7, 3])
_IMAGES = FlaggedImages(_ROWS, places=_ROWS + 100, likely=np.array([1, 0]), images=20)


def noisy(split, fraction, seed=0):
    """Returns a split of which a fraction has another label."""
    generator = np.random.default_rng(seed)
    is_wrong = generator.random(len(split)) < fraction
    classes = int(split.labels.max()) + 1
    others = (split.labels + generator.integers(1, classes, len(split))) % classes
    labels = np.where(is_wrong, others, split.labels).astype(np.int32)
    return Split(split.images, labels)


@pytest.mark.extended
@pytest.mark.parametrize(
    ("fraction", "status"), [(0.1, "suspected"), (0.3, "confirmed")]
)
def test_wrong_labels(check, scans, fraction, status):
    finding = check(noisy(scans.train, fraction), scans.validation)
    assert (finding.cause.name, finding.status) == ("label_noise", status)
    (flagged,) = [each for each in finding.evidence if each.name == "labels flagged"]
    assert flagged.value.value == pytest.approx(fraction, abs=0.05)


@pytest.mark.extended
def test_suspects_a_class_that_is_mistaken_for_another(check, scans):
    wrong = np.random.default_rng(0).random(len(scans.train)) < 0.35
    labels = np.where(wrong & (scans.train.labels == 3), 8, scans.train.labels)
    finding = check(Split(scans.train.images, labels), scans.validation)
    assert finding.status == "suspected"
    assert "class3 labelled class8, more than in validation" in [
        each.name for each in finding.evidence
    ]


@pytest.mark.extended
def test_noise_of_both_splits_is_only_suspected(check, scans):
    splits = [noisy(each, 0.3) for each in (scans.train, scans.validation)]
    assert check(*splits).status == "suspected"


@pytest.mark.extended
def test_silent_on_right_labels_however_hard(check, scans):
    assert check(scans.train, scans.validation) is None
    assert check(noisy(scans.train, 0.01), scans.validation) is None
    data = drawn_flowers(train=600, validation=100, size=32)
    assert check(data.train, data.validation) is None


@pytest.mark.extended
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("fraction", "classes", "status"),
    [(0.2, 10, "suspected"), (0.3, 5, "suspected"), (0.4, 10, "confirmed")],
)
def test_wrong_labels_of_clothes(check, fraction, classes, status):
    data = fashion_mnist()
    train, validation = (
        split.take(np.arange(2000)) for split in (data.train, data.validation)
    )
    wrong = noisy(train, fraction).labels
    labels = np.where(train.labels < classes, wrong, train.labels).astype(np.int32)
    assert check(Split(train.images, labels), validation).status == status


@pytest.mark.extended
@pytest.mark.real_data
def test_silent_on_clothes_that_look_alike(check):
    data = fashion_mnist()
    rows = np.arange(2000)
    assert check(data.train.take(rows), data.validation.take(rows)) is None


def test_silent_where_a_probe_sees_nothing(check, scans):
    noise = noisy(scans.train, 0.3)
    assert check(noise, scans.validation, train=1.0) is None


def test_unavailable_for_few_images(check, scans):
    assert check(scans.train.take(np.arange(100)), scans.validation) == Unavailable(
        "LabelAgreement", "there are fewer than 200 training images", is_failure=False
    )


@pytest.mark.parametrize(
    ("known", "outside", "status"),
    [
        (agreement(30, 0, 0), 0, "confirmed"),
        # The probe is not trusted, or the excess is not certain.
        (agreement(30, 0, 11), 0, "suspected"),
        (agreement(20, 0, 0), 0, "suspected"),
        # One class is enough; but neither is a twentieth that may be chance.
        (agreement(0, 10, 0), 0, "suspected"),
        (agreement(4, 5, 0), 0, None),
        (agreement(30, 10, 0), 1, None),
        # Images that are as hard in validation, which the model tells apart.
        (agreement(30, 0, 25, lead=_LAG), 0, None),
        (agreement(40, 0, 35), 0, "suspected"),
        (agreement(40, 0, 35, lead=_LAG), 0, None),
        # A probe that is wrong about what is hard.
        (agreement(17, 0, 15), 0, None),
        (agreement(30, 0, 5, lead=_LAG), 0, "suspected"),
        # A class that is as hard in validation.
        (agreement(0, 10, 0, controls=(12, 30)), 0, None),
        (agreement(0, 10, 0, controls=(2, 30), p=0.04), 0, "suspected"),
        (agreement(0, 10, 0, controls=(5, 30), p=0.06), 0, None),
        (agreement(0, 10, 0, controls=(5, 10)), 0, None),
        (agreement(0, 10, 0, controls=(1, 10)), 0, "suspected"),
        (agreement(0, 0, 0, confused=_LEAD), 0, "suspected"),
    ],
)
def test_thresholds(
    measured, undecided, validity, label_signal, monkeypatch, known, outside, status
):
    monkeypatch.setattr(label_noise, "train_without", lambda *arguments: None)
    seen = measured(known, _FLAGGED, _IMAGES, validity(outside), label_signal())
    finding = examine(LabelNoise(), seen, undecided())
    assert (finding and finding.status) == status


@pytest.mark.parametrize(
    ("void", "status"), [(0.05, "confirmed"), (0.3, "suspected"), (1.0, "suspected")]
)
def test_validation_is_no_control_where_it_holds_copies(
    monkeypatch, measured, undecided, validity, label_signal, void, status
):
    gain = Estimate(0.08, 0.04, 0.12)
    monkeypatch.setattr(label_noise, "train_without", lambda *arguments: gain)
    for each in (agreement(60, 10, 0), agreement(50, 10, 4, p=0.01)):
        known = measured(each, _FLAGGED, _IMAGES, validity(), label_signal())
        known.void = void
        assert examine(LabelNoise(), known, undecided()).status == status


def test_leaves_out_what_is_probably_wrong(
    scans, monkeypatch, measured, undecided, validity, label_signal, context
):
    train, flags = noisy(scans.train, 0.2), {}

    def train_without(trials, name, flagged):
        flags[name] = flagged
        return Estimate(0.1, 0.05, 0.15)

    monkeypatch.setattr(label_noise, "train_without", train_without)
    images = context(train, scans.validation).get(FlaggedImages)
    known = measured(
        agreement(40, 10, 12), _FLAGGED, images, validity(), label_signal()
    )
    finding = examine(LabelNoise(), known, undecided())
    assert finding.cost.value == 0.1
    is_wrong, is_flagged = train.labels != scans.train.labels, flags["label_noise"]
    # What was tried is what is listed.
    rows, likely = finding.remedy.images.rows, finding.remedy.images.likely
    assert sorted(rows) == np.flatnonzero(is_flagged).tolist()
    assert np.mean(likely == scans.train.labels[rows]) > 0.9
    assert np.mean(is_flagged) == pytest.approx(0.2, abs=0.04)
    assert np.mean(is_wrong[~is_flagged]) < 0.04


@pytest.mark.parametrize(
    ("gain", "status"),
    [
        (Estimate(0.08, 0.04, 0.12), "confirmed"),
        # Trap H23: irreducible noise, at its ceiling.
        (Estimate(0.0, -0.02, 0.02), "falsified"),
        (Estimate(0.02, 0.01, 0.03), "minor"),
    ],
)
def test_a_trial_decides(
    monkeypatch, measured, undecided, validity, label_signal, gain, status
):
    monkeypatch.setattr(label_noise, "train_without", lambda *arguments: gain)
    known = agreement(17, 10, 4, p=0.2), _FLAGGED, _IMAGES, validity(), label_signal()
    finding = examine(LabelNoise(), measured(*known), undecided())
    assert (finding.status, finding.cost) == (status, gain)
    # Nothing is to be left out where that did not help.
    assert (finding.remedy.images is None) == (status == "falsified")
    assert finding.message == (
        "17.0% of the labels of easy training images are contradicted by all similar "
        "images; worst are images that look like tulip, 40.0%"
    )
    assert [str(each.threshold) for each in finding.evidence] == [
        "0.05 or more, and the interval above 0.02",
        "the interval above 0.15; p below 0.05",
        "shown only: hard images are flagged as well",
        "the interval above 0.15: decisive, if those are 10% or fewer",
        "0.1 or more",
        "below 0.01",
        "the interval above 0, and 3 points or more",
    ]


@pytest.mark.parametrize(
    ("known", "fall", "is_confirmed"),
    [
        (agreement(20, 0, 5), AccuracyFall(Estimate(0.09, 0.05, 0.13), 0.001), True),
        # Labels of one class that are given to another.
        (
            agreement(0, 0, 0, confused=_LEAD),
            AccuracyFall(Estimate(0.09, 0.05, 0.13), 0.001),
            True,
        ),
        # Labels as often contradicted in validation, or hardly more; no fall.
        (agreement(20, 0, 15), AccuracyFall(Estimate(0.09, 0.05, 0.13), 0.001), False),
        (agreement(14, 0, 5), AccuracyFall(Estimate(0.09, 0.05, 0.13), 0.001), False),
        (agreement(20, 0, 5), AccuracyFall(Estimate(0.09, 0.05, 0.13), 0.2), False),
        (agreement(20, 0, 5), AccuracyFall(Estimate(0.02, 0.01, 0.03), 0.001), False),
    ],
)
def test_wrong_labels_that_are_memorized(
    monkeypatch, measured, undecided, validity, label_signal, known, fall, is_confirmed
):
    monkeypatch.setattr(label_noise, "train_without", lambda *arguments: None)
    seen = measured(known, fall, _FLAGGED, _IMAGES, validity(), label_signal())
    finding = examine(LabelNoise(), seen, undecided())
    assert (finding is not None and finding.status == "confirmed") == is_confirmed


def test_without_an_excess_over_validation_nothing_is_tried(
    monkeypatch, measured, undecided, validity, label_signal
):
    def train_without(*arguments):
        raise AssertionError("a trial was run")

    monkeypatch.setattr(label_noise, "train_without", train_without)
    known = measured(agreement(40, 0, 35), _FLAGGED, validity(), label_signal())
    assert examine(LabelNoise(), known, undecided()).status == "suspected"


@pytest.mark.parametrize(
    "cause", ["preprocessing_mismatch", "distribution_shift", "split_artifact"]
)
def test_validation_of_another_kind_is_no_control(
    measured, undecided, validity, label_signal, cause
):
    for known, is_suspected in [
        (agreement(11, 0, 0, confused=_LEAD), False),
        (agreement(40, 0, 0), True),
    ]:
        seen = measured(known, _FLAGGED, validity(), label_signal())
        seen.confirmed.add(cause)
        finding = examine(LabelNoise(), seen, undecided(None))
        assert (finding is not None) == is_suspected
        assert finding is None or finding.status == "suspected"


def test_the_run_is_told_to_leave_the_list_out(
    measured, undecided, validity, label_signal
):
    known = agreement(40, 0, 4), _FLAGGED, _IMAGES, validity(), label_signal()
    config = Config(workdir="runs/a")
    finding = examine(LabelNoise(), measured(*known, config=config), undecided())
    path = "runs/a/diagnosis/flagged.csv"
    assert finding.remedy.flags == (f"--exclude={path}",)
    assert finding.remedy.intervention.differences() == {"exclude": (path,)}
    # Where `context.train` is a sample, its positions are others.
    assert finding.remedy.images.rows.tolist() == [107, 103]


def test_a_list_that_the_run_depends_on_is_not_overwritten(
    measured, undecided, validity, label_signal
):
    known = agreement(40, 0, 4), _FLAGGED, _IMAGES, validity(), label_signal()
    config = Config(workdir="runs/a", exclude="runs/a/./diagnosis/flagged.csv")
    finding = examine(LabelNoise(), measured(*known, config=config), undecided())
    assert finding.remedy.images.name == "flagged-2"
    both = "runs/a/./diagnosis/flagged.csv,runs/a/diagnosis/flagged-2.csv"
    assert finding.remedy.flags == (f"--exclude={both}",)


def test_a_keras_program_is_told_its_rows(measured, undecided, validity, label_signal):
    known = agreement(40, 0, 4), _FLAGGED, _IMAGES, validity(), label_signal()
    remedy = examine(LabelNoise(), measured(*known), undecided()).remedy
    assert (remedy.flags, remedy.intervention) == ((), None)
    names = {
        "diagnosis": types.SimpleNamespace(excluded={"label_noise": [1, 2]}.get),
        "np": np,
        "x_train": np.zeros((5, 2)),
        "y_train": np.arange(5),
    }
    exec("\n".join(remedy.code), names)
    assert names["y_train"].tolist() == [0, 3, 4]
    assert len(names["x_train"]) == 3
