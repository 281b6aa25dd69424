"""Tests of framework/report/events.py."""

import time

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.backend.event_processing.plugin_event_accumulator import (
    EventAccumulator,
)

from framework.report.events import Events, read_scalars

DAY = 86_400.0
NOW = 1_700_000_000.25


@pytest.fixture
def clock(monkeypatch):
    """Sets the clock."""

    def set_to(seconds):
        monkeypatch.setattr(time, "time", lambda: seconds)

    set_to(NOW)
    return set_to


def write(folder, start, *steps):
    events = Events(folder)
    events.start(start)
    for step in steps:
        events.scalars(step, {"loss": float(start)})
    events.close()


def read(folder):
    """Returns the events in the order in which TensorBoard reads them."""
    paths = sorted(map(str, folder.iterdir()))
    return [event for path in paths for event in EventFileLoader(path).Load()]


def steps(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return [event.step for event in accumulator.Tensors("loss")]


@pytest.mark.parametrize("jump", [DAY, 0.5, 0.0, -0.5, -DAY, -NOW])
def test_whatever_the_clock_says_no_step_is_hidden(tmp_path, clock, jump):
    write(tmp_path, 0, 10, 20, 30)
    clock(NOW + jump)
    write(tmp_path, 20, 30, 40)
    clock(NOW)
    write(tmp_path, 30, 40, 50)
    assert steps(tmp_path) == [10, 20, 30, 40, 50]
    times = [event.wall_time for event in read(tmp_path)]
    assert times == sorted(times)
    assert len(set(map(str, tmp_path.iterdir()))) == 3


def test_times_do_not_go_backwards_while_a_file_is_open(tmp_path, clock):
    events = Events(tmp_path)
    for step, seconds in enumerate((NOW, NOW + DAY, NOW - DAY, NOW)):
        clock(seconds)
        events.scalars(step, {"loss": 0.0})
    events.close()
    times = [event.wall_time for event in read(tmp_path)]
    assert times == sorted(times)
    assert times[-1] == NOW + DAY


@pytest.mark.parametrize("lost", [1, 10, 30, 60])
def test_half_a_last_event_is_passed_over(tmp_path, clock, lost):
    write(tmp_path, 0, 10, 20)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-lost])
    write(tmp_path, 10, 20, 30)
    assert steps(tmp_path) == [10, 20, 30]


def test_a_damaged_time_is_passed_over(tmp_path, clock):
    write(tmp_path, 0, 10)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    # The first event's: head, tag, and the highest byte of the double.
    content[12 + 8] = 0x7E
    path.write_bytes(content)
    write(tmp_path, 10, 20)
    assert read(tmp_path)[-1].wall_time == NOW


def test_other_files_are_left_alone(tmp_path, clock):
    names = ("events.out.tfevents.x", "notes.txt", "events.out.tfevents.99999999999.a")
    for name in names:
        (tmp_path / name).write_text("mine")
    (tmp_path / f"events.out.tfevents.{int(NOW):010d}.folder").mkdir()
    write(tmp_path, 0, 10)
    assert [(tmp_path / name).read_text() for name in names] == ["mine"] * 3
    assert len(list(tmp_path.iterdir())) == 5


def test_a_curve_is_read_as_tensorboard_shows_it(tmp_path):
    write(tmp_path, 0, 10, 20, 30)
    # A resumed run discards what a killed one has written after its checkpoint.
    write(tmp_path, 20, 30, 40)
    accumulator = EventAccumulator(str(tmp_path)).Reload()
    shown = {
        each.step: float(each.tensor_proto.float_val[0])
        for each in accumulator.Tensors("loss")
    }
    assert read_scalars(tmp_path, "loss") == shown
    assert shown == {10: 0.0, 20: 0.0, 30: 20.0, 40: 20.0}


def test_a_curve_that_is_not_there_has_no_points(tmp_path):
    write(tmp_path, 0, 10)
    assert read_scalars(tmp_path, "accuracy") == {}
    assert read_scalars(tmp_path / "nowhere", "loss") == {}


def test_an_unlisted_file_is_read_but_tensorboard_does_not_find_it(tmp_path):
    events = Events(tmp_path / "train", is_listed=False)
    events.start(0)
    events.scalars(3, {"loss": 0.5})
    events.close()
    assert read_scalars(tmp_path / "train", "loss") == {3: 0.5}
    found = EventAccumulator(str(tmp_path / "train"))
    found.Reload()
    assert not found.Tags()["tensors"]
    assert not [*tmp_path.rglob("*tfevents*")]
    # A file after it is named and dated after it.
    again = Events(tmp_path / "train", is_listed=False)
    again.scalars(4, {"loss": 0.25})
    again.close()
    assert read_scalars(tmp_path / "train", "loss") == {3: 0.5, 4: 0.25}
