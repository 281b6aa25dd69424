"""Tests of framework/launch/reports.py."""

from types import SimpleNamespace

import pytest

from framework.launch import reports


class Hook:
    """A hook that stops at each event."""

    def after_steps(self, moment):
        moment.request_stop("enough")

    after_evaluation = at_end = after_steps


@pytest.mark.parametrize("count", [0, 2])
def test_hooks_may_ask_to_stop_and_the_console_shows_it(count):
    asked, shown, expected = [], [], []
    stop = SimpleNamespace(ask=asked.append, expect_asks=lambda: expected.append(1))
    lines = SimpleNamespace(stopping=shown.append)
    built = SimpleNamespace(state=SimpleNamespace(model=None))
    built_reports = reports.hook_reports([Hook()] * count, built, stop, lines, "run")
    for report in built_reports:
        report.logged(3, {})
    assert asked == shown == ["Hook.after_steps: enough"] * count
    assert bool(expected) == bool(count)
