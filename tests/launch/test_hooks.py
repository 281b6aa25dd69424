"""Tests of framework/launch/hooks.py."""

import sys

import keras
import numpy as np
import pytest

from framework.errors import RunError, Stopped, UsageError
from framework.launch import hooks
from framework.launch.hooks import HookReport

MINE = """
from framework.report import Report

class Watch:
    def __init__(self, limit=1):
        self.limit, self.seen = limit, []

    def after_steps(self, moment):
        self.seen.append(("steps", moment.step))

    def after_evaluation(self, moment):
        self.seen.append(("evaluation", moment.step, moment.metrics["x"]))
        if moment.step >= self.limit:
            moment.request_stop("enough")

    def at_end(self, moment):
        self.seen.append(("end", moment.step, moment.metrics["x"]))
        self.weights = moment.weights()

class Half:
    def after_steps(self, moment):
        pass

class Tracker(Report):
    def __init__(self, workdir, config, project="pets"):
        self.given = workdir, config["seed"], project
        self.seen = []

    def started(self, step):
        self.seen.append(("started", step))

    def advanced(self, step, seconds):
        self.seen.append(("advanced", step, seconds))

    def logged(self, step, metrics):
        self.seen.append(("logged", step, metrics))

    def evaluated(self, step, metrics, predictions):
        self.seen.append(("evaluated", step, metrics, predictions))

    def finished(self, step):
        raise ConnectionError("no server")

    def stopped(self):
        self.seen.append(("stopped",))
"""


@pytest.fixture(autouse=True)
def _mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "mine.py").write_text(MINE)
    yield
    sys.modules.pop("mine", None)


def report_of(hook, asked):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="head")])
    return HookReport(hook, model, asked.append, "runs/x"), model


def test_a_hook_sees_steps_evaluations_and_the_end():
    (hook,) = hooks.build("mine:Watch(limit=20)")
    asked = []
    report, model = report_of(hook, asked)
    for step in (10, 20):
        report.started(step)
        report.advanced(step, 0.1)
        report.logged(step, {"loss": 1.0})
        report.evaluated(step, {"x": step / 10}, {})
    assert asked == ["Watch.after_evaluation: enough"]
    report.finished(20)
    report.stopped()
    assert hook.seen == [
        ("steps", 10),
        ("evaluation", 10, 1.0),
        ("steps", 20),
        ("evaluation", 20, 2.0),
        ("end", 20, 2.0),
    ]
    kernel = next(v for name, v in hook.weights.items() if name.endswith("kernel"))
    np.testing.assert_array_equal(kernel, model.weights[0].numpy())
    kernel[:] = 7
    assert not np.any(model.weights[0].numpy() == 7)


def test_a_hook_that_raises_is_named_with_its_place():
    class Broken:
        def after_steps(self, moment):
            raise ValueError("boom")

        def after_evaluation(self, moment):
            raise Stopped

        def at_end(self, moment):
            raise KeyboardInterrupt

    report, _ = report_of(Broken(), [])
    message = r"hook Broken\.after_steps: .*ValueError: boom; the run in runs/x keeps"
    with pytest.raises(RunError, match=message):
        report.logged(3, {})
    with pytest.raises(Stopped):
        report.evaluated(3, {}, {})
    with pytest.raises(KeyboardInterrupt):
        report.finished(3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("watch", "named module:Class, not 'watch'"),
        ("nowhere:Watch", "there is no module 'nowhere'"),
        ("mine:Nothing", "Nothing"),
        ("mine:Watch(limits=3)", r"its arguments are Watch\(limit=1\)"),
        ("mine:Half", "the hook Half lacks after_evaluation, at_end"),
    ],
)
def test_refuses_what_is_no_hook(text, message):
    with pytest.raises(UsageError, match=message):
        hooks.build(text)


def test_refuses_a_class_in_place_of_an_object():
    hooks.check("mine:Watch(limit=3)")
    watch = type(hooks.build("mine:Watch")[0])
    with pytest.raises(UsageError, match="the hook Watch is a class, not an object"):
        hooks.check_hook(watch)


def test_a_tracker_receives_all_events_and_is_named_if_it_fails():
    (tracker,) = hooks.build_reports("mine:Tracker('x')", "runs/x", {"seed": 3})
    tracker.started(0)
    tracker.advanced(1, 0.5)
    tracker.logged(1, {"loss": 1.0})
    tracker.evaluated(1, {"a": 2.0}, {})
    with pytest.raises(RunError, match=r"report Tracker\.finished: .*no server"):
        tracker.finished(1)
    tracker.stopped()
    own = tracker._report
    assert own.given == ("runs/x", 3, "x")
    assert [event[0] for event in own.seen] == [
        "started",
        "advanced",
        "logged",
        "evaluated",
        "stopped",
    ]


@pytest.mark.parametrize("text", ["mine:Watch", "mine:Tracker(workdir='x')", "Tracker"])
def test_refuses_what_is_no_tracker(text):
    with pytest.raises(UsageError, match=r"Report|arguments are|named module"):
        hooks.check_report(text)
