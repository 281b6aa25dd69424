"""Tests of framework/report/base.py."""

import pytest

from framework.report import Report, Reports


class Heard(Report):
    """Records events in a list that several reports share."""

    def __init__(self, name, events):
        self.name = name
        self.events = events

    def started(self, step):
        self.events.append((self.name, "started", step))

    def advanced(self, step, seconds):
        self.events.append((self.name, "advanced", step, seconds))

    def logged(self, step, metrics):
        self.events.append((self.name, "logged", step, metrics))

    def evaluated(self, step, metrics, predictions):
        self.events.append((self.name, "evaluated", step, metrics, predictions))

    def finished(self, step):
        self.events.append((self.name, "finished", step))

    def stopped(self):
        self.events.append((self.name, "stopped"))


@pytest.mark.parametrize(
    ("what", "arguments"),
    [
        ("started", (1,)),
        ("advanced", (2, 0.5)),
        ("logged", (3, {"loss": 1.0})),
        ("evaluated", (4, {"loss": 1.0}, {"validation": None})),
        ("finished", (5,)),
        ("stopped", ()),
    ],
)
def test_several_are_told_one_after_the_other(what, arguments):
    events = []
    reports = Reports([Heard("first", events), Heard("second", events)])
    getattr(reports, what)(*arguments)
    assert events == [("first", what, *arguments), ("second", what, *arguments)]
