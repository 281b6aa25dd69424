"""Tests of framework/report/base.py."""

import pytest

from framework.report import Report, Reports
from framework.report.base import Forwarder


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

    def rescaled(self, step, before, after):
        self.events.append((self.name, "rescaled", step, before, after))

    def spent(self, what, seconds):
        self.events.append((self.name, "spent", what, seconds))

    def finished(self, step):
        self.events.append((self.name, "finished", step))

    def stopped(self):
        self.events.append((self.name, "stopped"))


EVENTS = [
    ("started", (1,)),
    ("advanced", (2, 0.5)),
    ("logged", (3, {"loss": 1.0})),
    ("evaluated", (4, {"loss": 1.0}, {"validation": None})),
    ("rescaled", (4, 1.0, 0.5)),
    ("spent", ("evaluation", 0.5)),
    ("finished", (5,)),
    ("stopped", ()),
]


@pytest.mark.parametrize(("what", "arguments"), EVENTS)
def test_several_are_told_one_after_the_other(what, arguments):
    events = []
    reports = Reports([Heard("first", events), Heard("second", events)])
    getattr(reports, what)(*arguments)
    assert events == [("first", what, *arguments), ("second", what, *arguments)]


class LastStep(Report):
    """Uses one event only."""

    step = 0

    def advanced(self, step, seconds):
        self.step = step


def test_events_that_a_report_does_not_use_do_nothing():
    report = LastStep()
    for what, arguments in EVENTS:
        assert getattr(report, what)(*arguments) is None
    assert report.step == 2
    assert {what for what, _ in EVENTS} == {
        name for name in vars(Report) if not name.startswith("_")
    }


@pytest.mark.parametrize(("what", "arguments"), EVENTS)
def test_every_event_is_forwarded(what, arguments):
    forwarded = []

    class Recorder(Forwarder):
        def forward(self, event, *arguments):
            forwarded.append((event, arguments))

    getattr(Recorder(), what)(*arguments)
    assert forwarded == [(what, arguments)]
