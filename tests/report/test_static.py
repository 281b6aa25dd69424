"""Tests of framework/report/static.py."""

import pytest

from framework.report.static import StaticNotice, is_static

FLAT = [0.3, 0.6, 0.7, 0.704, 0.7, 0.699, 0.703, 0.7, 0.702]


@pytest.mark.parametrize(
    ("curve", "total", "static"),
    [
        (FLAT, 1000, True),
        # Curves that still rise, are too short, or are at their ceiling.
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75], 1000, False),
        (FLAT[:5], 1000, False),
        ([0.5, 0.9, 0.97, 0.98, 0.982, 0.979, 0.981, 0.98, 0.98], 360, False),
        # A step of the schedule has just raised the accuracy.
        ([0.5, 0.6, 0.7, 0.7, 0.7, 0.7, 0.8, 0.8, 0.8], 5000, False),
    ],
)
def test_static(curve, total, static):
    assert is_static(curve, total) == static


@pytest.mark.parametrize(
    ("losses", "static"),
    [
        ([2.0, 1.5, 1.2, 1.1, 1.15, 1.2, 1.3, 1.4, 1.5], True),
        # It falls at each evaluation, slowly: accuracy may follow.
        ([2.0, 1.9, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2], False),
        # Its lowest value is new, though it swings.
        ([2.0, 1.5, 1.2, 1.1, 1.3, 1.2, 1.3, 1.0, 1.3], False),
        # The lowest was long ago, and it falls again.
        ([2.0, 0.5, 2.2, 2.1, 2.0, 1.9, 1.8, 1.7, 1.6], False),
        ([float("nan")] * 9, True),
    ],
)
def test_accuracy_is_not_static_while_loss_falls(losses, static):
    assert is_static(FLAT, 1000, losses) == static


def test_says_it_once_with_the_command(tmp_path):
    message, shown = [], []
    note = StaticNotice(tmp_path, message.append, lambda *text: shown.append(text))
    predictions = {"validation": range(1000)}
    for step, accuracy in enumerate([*FLAT, *FLAT[-3:]]):
        metrics = {"validation/accuracy": accuracy, "validation/loss": 1 + step}
        note.evaluated(step, metrics, predictions)
    assert message == [
        "validation accuracy has been static for 5 evaluations, at 70.0%; find the "
        f"cause with: whyflat diagnose {tmp_path}"
    ]
    assert shown == [(7, "static", message[0])]


def test_a_command_that_goes_on_says_with_what(tmp_path):
    message, then = [], "after training, its cause is looked for"
    note = StaticNotice(tmp_path, message.append, lambda *_: None, then)
    for step, accuracy in enumerate(FLAT):
        metrics = {"validation/accuracy": accuracy, "validation/loss": 1 + step}
        note.evaluated(step, metrics, {"validation": range(1000)})
    assert message[0].endswith("at 70.0%; after training, its cause is looked for")
