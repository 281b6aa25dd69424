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


def test_says_it_once_with_the_command(tmp_path):
    message, shown = [], []
    note = StaticNotice(tmp_path, message.append, lambda *text: shown.append(text))
    predictions = {"validation": range(1000)}
    for step, accuracy in enumerate([*FLAT, *FLAT[-3:]]):
        note.evaluated(step, {"validation/accuracy": accuracy}, predictions)
    assert message == [
        "validation accuracy has been static for 5 evaluations, at 70.0%; find the "
        f"cause with: whyflat diagnose --workdir={tmp_path}"
    ]
    assert shown == [(7, "static", message[0])]
