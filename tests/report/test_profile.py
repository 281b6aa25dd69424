"""Tests of framework/report/profile.py."""

import importlib.util

import pytest

from framework.report.profile import Profile


class Profiler:
    """Records when it is started and stopped."""

    def __init__(self):
        self.events = []

    def start(self, folder):
        self.events.append(folder)

    def stop(self):
        self.events.append("stop")


@pytest.fixture
def told(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return []


def advanced(profile, *steps):
    profile.started(steps[0])
    for step in steps[1:]:
        profile.advanced(step, 1.0)


@pytest.mark.parametrize(
    ("first", "steps"), [(0, (0, 20, 30)), (10, (0, 5, 10, 15, 20, 25))]
)
def test_the_steps_of_the_range_are_profiled(tmp_path, told, first, steps):
    profiler = Profiler()
    profile = Profile(tmp_path, first, 20, told.append, profiler)
    advanced(profile, *steps)
    profile.stopped()
    assert profiler.events == [str(tmp_path / "train"), "stop"]
    assert told == [
        f"profile of steps {first} to 20: tensorboard --logdir {tmp_path}, which needs "
        f"xprof to show it: pip install 'whyflat[profile]'"
    ]


def test_an_interrupted_run_writes_what_there_is(tmp_path, told):
    profiler = Profiler()
    profile = Profile(tmp_path, 0, 20, told.append, profiler)
    advanced(profile, 0, 5)
    profile.stopped()
    assert profiler.events[-1] == "stop"


def test_a_range_that_is_over_is_told(tmp_path, told):
    profiler = Profiler()
    profile = Profile(tmp_path, 50, 50, told.append, profiler)
    advanced(profile, 50, 60)
    profile.stopped()
    assert profiler.events == []
    assert told == ["--profile: none of its steps are to come, so nothing is profiled"]
