"""Tests of framework/diagnose/process/fit.py."""

import types

import keras
import numpy as np
import pytest
from framework.diagnose.change import CannotChangeError
from framework.diagnose.detector import Measures
from framework.diagnose.process import fit
from framework.diagnose.process.fit import over_regularized, overfitting
from framework.diagnose.repair import FLOOR

from framework.numerics.intervals import Estimate, difference, proportion
from framework.numerics.metrics import Predictions

_NO_GAIN = Estimate(0.0, -0.02, 0.02)
_GAIN = Estimate(0.2, 0.1, 0.3)
_LENGTH = {"epochs": 10.0, "steps_per_epoch": 100}
_USUAL = {
    "clean/accuracy": proportion(700, 1000),
    "clean/loss": 0.9,
    "clean/majority": 0.1,
    "classes": 10,
    "validation/accuracy": proportion(680, 1000),
    "validation/majority": 0.1,
    "fit/dropout": 0.2,
    "fit/penalty": 0.1,
    "fit/narrowest": 32,
    "fit/parameters": 12_345,
    "fit/train": 0.7,
    "fit/augment": "",
    "fit/fallen": _NO_GAIN,
    "fit/fallen_p": 0.5,
    "fit/images": True,
    "fit/colors": False,
    "settings": {"learning_rate": 0.01, "weight_decay": 0.01, **_LENGTH},
}


def measures(changes=None, clean=700, validation=680):
    found = Measures(_USUAL | (changes or {}))
    found["clean/accuracy"] = proportion(clean, 1000)
    found["validation/accuracy"] = proportion(validation, 1000)
    found["gap/clean_validation"] = difference(
        found["clean/accuracy"], found["validation/accuracy"]
    )
    return found


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fit/dropout": 0.9}, "dropout of 0.9"),
        ({"fit/penalty": 5.0}, "a penalty of weights of 5"),
        (
            {"settings": {"learning_rate": 0.01, "weight_decay": 1.0, **_LENGTH}},
            "weight decay of 1",
        ),
        ({"fit/augment": "rotate(90)", "fit/train": 0.4}, "augmentation rotate(90)"),
        # Where nothing is learnt, training images are no better without it.
        ({"fit/augment": "flip", "clean/majority": 0.65}, "augmentation flip"),
        (
            {"fit/dropout": 0.9, "fit/penalty": 5.0},
            "dropout of 0.9 and a penalty of weights of 5",
        ),
    ],
)
def test_what_keeps_a_model_from_learning(changes, reason):
    found = over_regularized(measures(changes))
    assert (found.cause, found.status) == ("over_regularized", "suspected")
    assert found.message == (
        f"only 70.0% of the training images are learnt, and there is {reason}"
    )


@pytest.mark.parametrize(
    ("changes", "clean"),
    [
        ({}, 700),
        ({"fit/dropout": 0.5}, 700),
        ({"fit/penalty": 0.8}, 700),
        ({"fit/augment": "flip"}, 700),
        # Traps H3 and H10: strong dropout, and yet all is learnt.
        ({"fit/dropout": 0.6, "fit/train": 0.8}, 990),
        ({"settings": {"learning_rate": 0.001, "weight_decay": 0.1, **_LENGTH}}, 700),
        # Not every program says what its optimizer does.
        ({"settings": {"learning_rate": 0.001, **_LENGTH}}, 700),
    ],
)
def test_silent_where_little_holds_it_back(changes, clean):
    assert over_regularized(measures(changes, clean)) is None


def test_evidence_of_too_much():
    found = over_regularized(measures({"fit/dropout": 0.9}))
    assert [(e.name, e.threshold) for e in found.evidence] == [
        ("accuracy on training images", "below 0.95"),
        ("highest dropout", "0.55 or more"),
        ("penalty of weights", "above the loss of the images, 0.9"),
    ]


@pytest.mark.parametrize(
    ("gain", "status"),
    [
        (None, "suspected"),
        (_GAIN, "confirmed"),
        # Traps H17 and H29: a gap is no cause where nothing can be done about it.
        (_NO_GAIN, "falsified"),
    ],
)
def test_regularization_decides_about_overfitting(gain, status):
    changes = {} if gain is None else {"overfitting/gain": gain}
    changes["overfitting/floor"] = FLOOR
    found = overfitting(measures(changes, clean=1000, validation=850))
    assert (found.cause, found.status, found.cost) == ("overfitting", status, gain)


@pytest.mark.parametrize(
    ("clean", "validation", "status"),
    [
        (1000, 700, "confirmed"),
        (1000, 860, "falsified"),
        # Labels that are wrong, or training that is not over.
        (940, 600, "falsified"),
    ],
)
def test_a_wide_gap_is_decisive_though_only_more_images_help(clean, validation, status):
    changes = {"overfitting/gain": _NO_GAIN, "overfitting/floor": FLOOR}
    found = overfitting(measures(changes, clean, validation))
    assert found.status == status
    gap = clean / 1000 - validation / 1000
    cost = gap if status == "confirmed" else _NO_GAIN.value
    assert found.cost.value == pytest.approx(cost)


def test_of_labels_that_say_nothing_all_is_learnt_by_heart():
    """More images would be no help."""
    changes = {"overfitting/gain": _NO_GAIN, "overfitting/floor": FLOOR}
    assert overfitting(measures(changes, 1000, 110)).status == "falsified"
    changes["validation/majority"] = 0.4
    assert overfitting(measures(changes, 1000, 420)).status == "falsified"


def test_of_images_of_another_kind_a_wide_gap_decides_nothing():
    changes = {"overfitting/gain": _NO_GAIN, "overfitting/floor": FLOOR}
    changes["shift/probe_loss"] = _GAIN
    assert overfitting(measures(changes, 1000, 700)).status == "falsified"


@pytest.mark.parametrize(
    ("changes", "clean", "validation", "fires"),
    [
        ({}, 1000, 860, True),
        # A gap of more than ten points, but not for certain.
        ({}, 1000, 890, False),
        # Accuracy has fallen since its best, of many.
        ({"fit/fallen": _GAIN, "fit/fallen_p": 0.01}, 1000, 890, True),
        ({"fit/fallen": _GAIN, "fit/fallen_p": 0.2}, 1000, 890, False),
        ({"fit/fallen": _GAIN, "fit/fallen_p": 0.01}, 700, 680, False),
        # It is the validation set that is different, not what was held out.
        ({"dev/accuracy": proportion(980, 1000)}, 1000, 700, False),
        ({"dev/accuracy": proportion(700, 1000)}, 1000, 980, True),
        # The gap of few images is not for certain.
        ({"dev/accuracy": proportion(4, 5)}, 960, 900, False),
    ],
)
def test_what_is_learnt_by_heart(changes, clean, validation, fires):
    found = overfitting(measures(changes, clean, validation))
    assert (found is not None) is fires


def test_a_gain_that_is_small_beside_others_is_none():
    changes = {"overfitting/gain": _GAIN, "overfitting/floor": 0.25}
    assert overfitting(measures(changes, 1000, 860)).status == "falsified"


@pytest.mark.parametrize(
    ("cause", "fires"), [("distribution_shift", False), ("dead_units", True)]
)
def test_a_gap_that_is_explained_is_not_learnt_by_heart(cause, fires):
    found = measures(clean=1000, validation=700)
    found.confirmed.add(cause)
    assert (overfitting(found) is not None) is fires


def test_evidence_of_overfitting():
    found = overfitting(measures(clean=1000, validation=700))
    assert found.message == (
        "100.0% of the training images are right, but 70.0% of those that were not "
        "trained on"
    )
    assert [(e.name, e.threshold) for e in found.evidence] == [
        (
            "gap of training images and others",
            "for certain above 0.1; decisive above 0.15",
        ),
        (
            "fall of validation accuracy since its best",
            "3 % or more; p = 0.5, below 0.05",
        ),
    ]


@pytest.mark.parametrize(
    ("changes", "text", "flags"),
    [
        (
            {},
            "augment, add dropout of 0.3, stop at the best epoch",
            (f"--augment={fit.AUGMENT}", "--early_stopping=5"),
        ),
        # What is in place is never prescribed.
        (
            {"fit/augment": "flip", "fit/dropout": 0.5},
            "add weight decay of 0.01, stop at the best epoch",
            ("--early_stopping=5",),
        ),
        (
            {"fit/augment": "flip", "settings": {"early_stopping": 3}},
            "add dropout of 0.3",
            (),
        ),
    ],
)
def test_what_is_in_place_is_not_prescribed(changes, text, flags):
    remedy = overfitting(measures(changes, clean=1000, validation=700)).remedy
    assert remedy.text == f"{text}, or collect more images"
    assert remedy.flags == flags


def test_remedies():
    assert fit.free(measures()).differences() == {"dropout": 0.0, "weight_decay": 0.0}
    found = fit.free(measures({"fit/augment": "flip"})).differences()
    assert found == {"dropout": 0.0, "weight_decay": 0.0, "augment": ""}


class Repairs:
    """Whatever is tried gains what it is told."""

    floor = FLOOR

    def __init__(self, gain, left=9.0, gap=0.3, has_mended=False):
        self.given, self.left = gain, left
        self.gap, self.has_mended = gap, has_mended
        self.changes, self.accepted = [], []

    def can_afford(self, attempts=1.0):
        return attempts <= self.left

    def attempt(self, name, change, fresh=True, share=1.0):
        if self.given is None:
            raise CannotChangeError
        self.changes.append((change.differences(), share))
        return "branch"

    def gain(self, branch):
        return self.given

    def accept(self, branch, change):
        self.accepted.append(change.differences())


@pytest.mark.parametrize(
    ("changes", "tried"),
    [
        ({}, {"dropout": 0.3, "augment": fit.AUGMENT}),
        ({"fit/dropout": 0.5}, {"augment": fit.AUGMENT}),
        # A photograph may be mirrored.
        (
            {"fit/dropout": 0.5, "fit/colors": True},
            {"augment": fit.AUGMENT + fit.FLIP},
        ),
        # What is in place is not tried again.
        ({"fit/augment": "flip"}, {"dropout": 0.3}),
        ({"fit/dropout": 0.5, "fit/augment": "flip"}, {"weight_decay": 0.01}),
        ({"fit/dropout": 0.5, "fit/images": False}, {"weight_decay": 0.01}),
    ],
)
def test_what_is_not_in_place_yet_is_tried(changes, tried):
    repairs = Repairs(_GAIN)
    found = fit.regularize(repairs, measures(changes))
    assert found == {"overfitting/gain": _GAIN, "overfitting/floor": FLOOR}
    assert repairs.changes == [(tried, 3.0)]
    assert repairs.accepted == [tried]


def test_what_gains_nothing_is_not_kept():
    repairs = Repairs(_NO_GAIN, left=1.0)
    found = fit.regularize(repairs, measures())
    assert found["overfitting/gain"] == _NO_GAIN
    assert (repairs.changes[0][1], repairs.accepted) == (1.0, [])


def test_an_accuracy_that_has_fallen_needs_no_attempt():
    repairs = Repairs(_NO_GAIN)
    changes = {"fit/fallen": _GAIN, "fit/fallen_p": 0.01}
    found = fit.regularize(repairs, measures(changes))
    assert (found["overfitting/gain"], repairs.changes) == (_GAIN, [])


def test_without_a_budget_or_a_way_nothing_is_known():
    assert fit.regularize(Repairs(_GAIN, left=0.5), measures()) == {}
    assert fit.regularize(Repairs(None), measures()) == {}


def test_a_gap_that_was_closed_needs_no_attempt():
    repairs = Repairs(_GAIN, gap=0.05)
    assert (fit.regularize(repairs, measures()), repairs.changes) == ({}, [])


class Program:
    """A Keras model, and what its layers add to the loss."""

    def __init__(self, model):
        self.model = model

    def penalty(self, fresh):
        return 2.0 if fresh else 1.0


def measured(subject, scans):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(7, "relu"),
            layers.Dropout(0.2),
            layers.GaussianDropout(0.4),
            layers.Dense(10),
        ]
    )
    labels = scans.validation.labels
    zeros = np.zeros(len(labels), np.float32)
    predictions = [
        Predictions(labels, (labels + shift) % 10, zeros, zeros, zeros)
        for shift in (1, 0, 1)
    ]
    made = subject(
        scans.train,
        scans.validation,
        program=Program(model),
        predictions=predictions,
        rows=[{"train/accuracy": 0.75, "train/loss": 0.5}],
        settings={"augment": "flip"},
    )
    return model, fit.measure(made)


def test_measures_what_holds_a_model_back(subject, scans):
    model, found = measured(subject, scans)
    assert found["fit/dropout"] == 0.4
    assert found["fit/penalty"] == 2.0
    assert found["fit/narrowest"] == 7
    assert found["fit/parameters"] == model.count_params()
    assert found["fit/train"] == 0.75
    assert found["fit/augment"] == "flip"
    assert found["fit/images"] is True
    # Accuracy was 1 in the second evaluation, and is 0 now.
    assert found["fit/fallen"].value == 1.0
    assert found["fit/fallen_p"] < 1e-6


def test_without_hidden_layers_the_classes_are_the_narrowest(subject, scans):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10)])
    program = Program(model)
    made = subject(
        scans.train,
        scans.validation,
        program=program,
        rows=[types.MappingProxyType({})],
    )
    found = fit.measure(made)
    assert found["fit/narrowest"] == 10
    assert np.isnan(found["fit/train"])
