"""Tests of framework/diagnose/process/rate.py."""

import math
import types

import pytest
from framework.diagnose.detector import Measures
from framework.diagnose.process.rate import (
    batch_size_too_large,
    batch_size_too_small,
    larger_batch,
    learning_rate_too_high,
    learning_rate_too_low,
    lower,
    measure,
    raise_,
    smaller_batch,
)
from framework.diagnose.subject import Step

from framework.numerics.intervals import proportion

_USUAL = {
    "rate/first": -2.3,
    "rate/next": -2.8,
    "rate/longest": -1.8,
    "rate/first_overshoot": 0.1,
    "rate/next_overshoot": 0.3,
    "rate/diverged": False,
    "rate/steps": 2000,
    "rate/left": 1.0,
    "rate/annealed": False,
    "clean/accuracy": proportion(700, 1000),
    "clean/majority": 0.1,
    "gate": types.SimpleNamespace(verdict="static"),
    "settings": {
        "batch_size": 32,
        "train_images": 1000,
        "epochs": 64,
        "learning_rate": 0.02,
        "highest_rate": 0.02,
    },
}
_LEARNT = {"clean/accuracy": proportion(995, 1000)}
_NOTHING = {"clean/accuracy": proportion(100, 1000)}
_RULES = (
    batch_size_too_large,
    batch_size_too_small,
    learning_rate_too_high,
    learning_rate_too_low,
)


def measures(settings=None, **changes):
    found = _USUAL | {f"rate/{name}": value for name, value in changes.items()}
    found["settings"] = found["settings"] | (settings or {})
    return Measures(found)


@pytest.mark.parametrize("rule", _RULES)
def test_silent_on_usual_steps(rule):
    assert rule(measures()) is None


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({"rate/first": -1.0}, True),
        ({"rate/next": -1.4}, True),
        ({"rate/next_overshoot": 0.75}, True),
        ({"rate/first_overshoot": 0.75}, True),
        ({"rate/diverged": True}, True),
        # Where nothing has been learnt, shorter steps may be too long.
        ({"rate/first": -2.3, **_NOTHING}, True),
        ({"rate/first": -2.7, **_NOTHING}, False),
        ({"rate/first_overshoot": 0.5}, False),
        # Traps H11 and H24: what is learnt all the same.
        ({"rate/first": -1.0, **_LEARNT}, False),
        ({"rate/next_overshoot": 1.0, **_LEARNT}, False),
    ],
)
def test_steps_that_are_too_long(changes, fires):
    found = learning_rate_too_high(Measures(_USUAL | changes))
    assert (found is not None) is fires


def test_evidence_of_long_steps():
    found = learning_rate_too_high(measures(first=-0.52, next_overshoot=0.75))
    assert (found.cause, found.status) == ("learning_rate_too_high", "suspected")
    assert found.message == (
        "a step moves the weights by 10^-0.5 of their norm, and 75% of steps end with "
        "a higher loss of the same batch"
    )
    assert [(e.value, e.threshold) for e in found.evidence] == [
        (-0.52, "above -1.5"),
        (0.75, "above 0.5"),
    ]


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({"rate/next": -4.0}, True),
        ({"rate/next": -3.1}, False),
        # Who is still on the way may go faster.
        ({"rate/next": -3.1, "gate": types.SimpleNamespace(verdict="improving")}, True),
        # Trap H17: an interpolating net.
        ({"rate/next": -6.0, **_LEARNT}, False),
        # Trap H12: warm-up makes the first steps short, not the last.
        ({"rate/first": -6.0}, False),
        ({"rate/next": -4.0, "rate/diverged": True}, False),
    ],
)
def test_steps_that_are_too_short(changes, fires):
    found = learning_rate_too_low(Measures(_USUAL | changes))
    assert (found is not None) is fires


def test_evidence_of_short_steps():
    found = learning_rate_too_low(measures(next=-4.21))
    assert (found.cause, found.status) == ("learning_rate_too_low", "suspected")
    assert found.message == (
        "a step moves the weights by 10^-4.2 of their norm only, and 70.0% of the "
        "training images are learnt"
    )
    assert [(e.value, e.threshold) for e in found.evidence] == [
        (-4.21, "below -3.3"),
        (1.0, "below 0.02: the schedule is at fault"),
    ]


def test_a_schedule_that_falls_too_far_is_held():
    made = measures(next=-9.0, left=1e-7)
    found = learning_rate_too_low(made)
    assert found.message.endswith("are learnt; the schedule has left 1e-07 of the rate")
    assert found.remedy.flags == ("--schedule=constant",)
    assert raise_(made).differences() == {"constant_rate": 0.02}


@pytest.mark.parametrize(
    ("settings", "steps", "learnt", "fires"),
    [
        ({"batch_size": 500}, 100, 0.7, True),
        ({"batch_size": 250}, 300, 0.7, True),
        ({"batch_size": 240}, 100, 0.7, False),
        ({"batch_size": 512, "train_images": 50_000}, 100, 0.7, True),
        # Keras's default is large for nobody.
        ({"batch_size": 32, "train_images": 60}, 100, 0.7, False),
        # Trap H24: large batches, but steps enough.
        ({"batch_size": 500}, 400, 0.7, False),
        ({"batch_size": 500}, 100, 0.99, False),
    ],
)
def test_batches_so_large_that_steps_are_few(settings, steps, learnt, fires):
    found = measures(settings, steps=steps)
    found["clean/accuracy"] = proportion(round(1000 * learnt), 1000)
    assert (batch_size_too_large(found) is not None) is fires


def test_evidence_of_large_batches():
    found = batch_size_too_large(measures({"batch_size": 500}, steps=128))
    assert (found.cause, found.status) == ("batch_size_too_large", "suspected")
    assert found.message == (
        "a batch has 500 images, 50% of all: in 64 epochs there are 128 steps only"
    )
    (evidence,) = found.evidence
    assert evidence.value == 128.0
    assert evidence.threshold == (
        "300 or fewer, with a quarter of all images in a batch"
    )


@pytest.mark.parametrize(
    ("size", "learnt", "fires"),
    [(1, 0.7, True), (7, 0.7, True), (8, 0.7, False), (1, 0.99, False)],
)
def test_batches_of_single_images(size, learnt, fires):
    found = measures({"batch_size": size})
    found["clean/accuracy"] = proportion(round(1000 * learnt), 1000)
    assert (batch_size_too_small(found) is not None) is fires


def test_evidence_of_small_batches():
    found = batch_size_too_small(measures({"batch_size": 2}))
    assert (found.cause, found.status) == ("batch_size_too_small", "suspected")
    assert found.message == "a batch has 2 image(s): steps are mostly noise"
    (evidence,) = found.evidence
    assert (evidence.value, evidence.threshold) == (2.0, "below 8")


def test_remedies_are_given_as_flags():
    found = learning_rate_too_high(measures(first=-0.5))
    assert found.remedy.text == "multiply the learning rate by 0.1, or have it fall"
    assert found.remedy.flags == (
        "--learning_rate=0.002",
        "--schedule=plateau(factor=.1, patience=5)",
    )
    found = learning_rate_too_low(measures(next=-4.2))
    assert found.remedy.text == "multiply the learning rate by 100"
    assert found.remedy.flags == ("--learning_rate=2",)


def test_remedies():
    assert lower(measures()).differences() == {"learning_rate": 0.1}
    assert lower(measures(first=0.5)).differences() == {"learning_rate": 0.01}
    # The first step alone was too long, and made weights huge.
    assert lower(measures(first=0.5, longest=7.0)).learning_rate == pytest.approx(1e-9)
    assert smaller_batch(measures()).differences() == {"batch_size": 1 / 8}
    assert larger_batch(measures()).differences() == {"batch_size": 16.0}


@pytest.mark.parametrize(
    ("length", "factor"), [(-3.2, 10), (-4.2, 100), (-6.3, 1e4), (-9.0, 1e4)]
)
def test_a_rate_is_raised_until_steps_are_of_the_usual_length(length, factor):
    assert raise_(measures(next=length)).learning_rate == pytest.approx(factor)


def measured(steps, rows=({"train/loss": 1.0, "step": 320},)):
    program = types.SimpleNamespace(steps=lambda count, fresh: steps)
    settings = {"highest_rate": 0.5}
    return measure(types.SimpleNamespace(program=program, rows=rows, settings=settings))


def test_measures_the_median_step():
    steps = [Step(2.0, 1.0, ratio) for ratio in (1e-3, 1e-2, 1e-1)]
    found = measured([*steps[:2], Step(1.0, 1.5, 0.1)])
    assert found["rate/first"] == found["rate/next"] == pytest.approx(-2)
    assert found["rate/next_overshoot"] == pytest.approx(1 / 3)
    assert (found["rate/diverged"], found["rate/steps"]) == (False, 320)


def test_steps_that_end_nowhere_are_long_and_go_too_far():
    found = measured([Step(1.0, math.nan, math.nan)] * 3)
    assert found["rate/next"] == pytest.approx(9)
    assert found["rate/next_overshoot"] == 1.0


def test_steps_of_no_length():
    found = measured([Step(1.0, 1.0, 0.0)] * 3)
    assert found["rate/next"] == pytest.approx(-30)
    assert found["rate/next_overshoot"] == 0.0


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_has_diverged(loss):
    rows = ({"train/loss": loss, "step": 10}, {"train/loss": 1.0, "step": 20})
    assert bool(measured([Step(1.0, 1.0, 0.1)], rows)["rate/diverged"])


@pytest.mark.parametrize(
    ("rates", "left", "annealed"),
    [
        ((0.5, 0.05, 0.05), 0.1, False),
        ((0.5, 1e-4, 1e-5), 2e-4, False),
        # Cosines and the like end at nothing.
        ((0.5, 0.25, 0.0), 0.5, True),
        ((0.6,), 1.0, False),
        ((None,), 1.0, False),
    ],
)
def test_what_a_schedule_has_left(rates, left, annealed):
    rows = [{"train/loss": 1.0, "step": 10, "learning_rate": each} for each in rates]
    if rates == (None,):
        del rows[0]["learning_rate"]
    found = measured([Step(1.0, 1.0, 0.1)], rows)
    assert found["rate/left"] == pytest.approx(left)
    assert found["rate/annealed"] is annealed


def test_of_a_rate_that_has_ended_at_nothing_the_first_steps_count():
    assert learning_rate_too_low(measures(next=-30.0, annealed=True)) is None
    found = measures(first=-5.2, next=-30.0, annealed=True)
    assert raise_(found).learning_rate == pytest.approx(1e3)
    assert learning_rate_too_low(found).status == "suspected"
