"""Tests of framework/report/console.py."""

import io
import time

import numpy as np
import pytest
from rich.console import Console as RichConsole

from framework.report import Reports, console
from framework.report.console import Console
from framework.report.history import History
from framework.report.timing import Timing


class Screen:
    """A console whose output can be read."""

    def __init__(self, terminal=False):
        self.file = io.StringIO()
        self.rich = RichConsole(
            file=self.file, force_terminal=terminal, width=60, highlight=False
        )

    @property
    def lines(self):
        return self.file.getvalue().splitlines()


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test advances."""
    now = [1000.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


class Run(Reports):
    """A console report, which receives events after the timing."""

    def __init__(self, screen, clock, total_steps=1000):
        timing = Timing(total_steps, batch_size=32)
        self.console = Console(
            total_steps, 100, "validation/accuracy", timing, screen.rich
        )
        self._clock = clock
        super().__init__([timing, self.console])

    def train(self, step, seconds):
        """Advances training by a number of seconds."""
        self._clock[0] += seconds
        self.advanced(step, seconds)


def row(**changes):
    return {
        "epoch": 1.0,
        "train/accuracy": 0.5,
        "train/loss": 1.25,
        "validation/accuracy": 0.75,
        "validation/loss": 0.5,
        "learning_rate": 0.001,
    } | changes


def test_an_evaluation_is_one_plain_line(clock):
    screen = Screen()
    some = Run(screen, clock)
    some.started(0)
    # 100 steps of 32 images in 10 s, and 2 s of evaluation.
    some.train(100, 10)
    clock[0] += 2
    some.evaluated(100, row(), {})
    (line,) = screen.lines
    assert line == (
        "epoch       1 | step     100 | train 50.00% | loss 1.2500 | "
        "validation 75.00% | loss 0.5000 | lr 0.001 | 320 images/s | 0:01:48 left"
    )


def test_a_long_step_number_and_odd_values_are_no_error(clock):
    screen = Screen()
    some = Run(screen, clock, 20_000_000)
    some.started(0)
    some.train(10_000_000, 1)
    nothing = row(epoch=0.05, **{"train/loss": float("nan")})
    some.evaluated(10_000_000, nothing, {})
    assert "step 10,000,000" in screen.lines[0]
    assert "loss nan" in screen.lines[0]


def test_before_anything_is_known_there_is_no_error(clock):
    screen = Screen()
    some = Run(screen, clock)
    some.started(0)
    some.advanced(1, 0.0)
    some.evaluated(1, row(), {})
    some.finished(1)


def test_a_line_now_and_then_where_there_is_no_terminal(clock):
    screen = Screen()
    some = Run(screen, clock)
    some.started(0)
    for step in range(1, 8):
        some.train(10 * step, 10)
    # Each time after more than thirty seconds without a line.
    assert screen.lines == ["step 40 of 1,000 | 32 images/s | 0:16:00 left"]
    some.evaluated(70, row(), {})
    some.train(80, 20)
    assert len(screen.lines) == 2


def test_a_resumed_run_says_so_and_counts_from_there(clock):
    screen = Screen()
    some = Run(screen, clock)
    some.started(500)
    some.train(600, 10)
    some.evaluated(600, row(epoch=6.0), {})
    assert screen.lines[0] == "resuming after step 500 (epoch 5)"
    # 400 steps at ten a second.
    assert "320 images/s | 0:00:40 left" in screen.lines[1]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.5, "0:00:00"), (59, "0:00:59"), (60, "0:01:00"), (3600 * 30 + 61, "30:01:01")],
)
def test_time_left(clock, seconds, expected):
    screen = Screen()
    some = Run(screen, clock, total_steps=2)
    some.started(0)
    some.train(1, seconds)
    some.evaluated(1, row(), {})
    assert screen.lines[-1].endswith(f"{expected} left")


@pytest.mark.parametrize("end", ["finished", "stopped"])
def test_the_bar_of_a_terminal_is_taken_away(clock, end):
    screen = Screen(terminal=True)
    some = Run(screen, clock)
    some.started(0)
    some.train(100, 10)
    some.evaluated(100, row(), {})
    if end == "finished":
        some.finished(100)
    some.console.stopped()
    text = screen.file.getvalue()
    # The bar was drawn, the line is above it, and the bar is erased at the end.
    assert "100/1,000 steps" in text
    assert "validation 75.00%" in text
    assert "\x1b[2K" in text[text.rindex("steps") :]
    # The cursor is visible again.
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_without_a_terminal_there_are_no_control_codes(clock):
    screen = Screen()
    some = Run(screen, clock)
    some.console.banner({"data": "digits [red]8x8[/red]", "length": "1000 steps"})
    some.started(3)
    some.train(100, 100)
    some.finished(100)
    assert "\x1b" not in screen.file.getvalue()
    assert screen.lines[:2] == ["  data  digits [red]8x8[/red]", "length  1000 steps"]


def test_stopping_before_the_start_is_no_error(clock):
    Run(Screen(terminal=True), clock).console.stopped()


def test_the_summary(clock, tmp_path):
    screen = Screen()
    some = Run(screen, clock)
    some.started(0)
    some.train(100, 9)
    clock[0] += 3
    some.evaluated(100, row(), {})
    history = History(tmp_path / "metrics.jsonl")
    for step, accuracy in ((100, 0.7), (200, 0.9), (300, 0.8)):
        changes = {"epoch": step / 100, "validation/accuracy": accuracy}
        history.append(step, row(**changes))
    some.console.summary(history, "runs/some", {"steps": 9.0, "evaluation": 3.0})
    assert screen.lines[1:] == [
        "best validation/accuracy 0.9000 at step 200 (epoch 2)",
        "12.0 s: 75% steps, 25% evaluation",
        "results in runs/some; curves: tensorboard --logdir runs/some",
    ]


def test_the_summary_of_nothing(clock, tmp_path):
    screen = Screen()
    run = Run(screen, clock)
    run.started(0)
    clock[0] += 1
    run.console.summary(History(tmp_path / "metrics.jsonl"), "runs/some", {})
    assert [line.split()[0] for line in screen.lines] == ["results"]


def test_reading_tells_now_and_then(clock):
    screen = Screen()
    tell = console.reading_progress(screen.rich)
    for done in (0, 10, 60, 70, 120):
        tell(done, 1200)
        clock[0] += 3
    assert [" ".join(line.split()) for line in screen.lines] == [
        "reading images: 60 of 1,200, 10 images/s, 114 s left",
        "reading images: 120 of 1,200, 10 images/s, 108 s left",
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat", "dog"], "5 images (cat 4, dog 1)"),
        # A class without examples.
        (["cat", "dog", "cow"], "5 images (cat 4, dog 1, cow 0)"),
        ([f"{i}" for i in range(13)], "5 images of 13 classes, 0 to 4 per class"),
    ],
)
def test_counts(names, expected):
    assert console.counts(np.array([0, 0, 1, 0, 0]), names) == expected


def test_each_notice_of_the_banner_has_a_line(clock):
    screen = Screen()
    Run(screen, clock).console.banner({"data": "digits", "note": "first\nsecond"})
    assert screen.lines == ["data  digits", "note  first", "      second"]


@pytest.mark.parametrize(
    ("epoch", "shown"), [(1.0, " 1 |"), (0.06977, " 0.07 |"), (12.5, " 12.5 |")]
)
def test_epochs_have_two_decimals(clock, epoch, shown):
    screen = Screen()
    some = Run(screen, clock)
    some.started(0)
    some.train(100, 10)
    some.evaluated(100, row(epoch=epoch), {})
    assert shown in screen.lines[0]


def test_chosen_metrics_have_columns_and_a_stop_its_reason(clock):
    screen = Screen()
    timing = Timing(1000, batch_size=32)
    further = Console(1000, 100, "m", timing, screen.rich, ["auc", "top_k(3)"])
    values = {"validation/auc": 0.875, "validation/top_k(3)": 1.0}
    further.evaluated(100, row(**values), {})
    assert "| auc 0.8750 | top_k(3) 1.0000 |" in "".join(screen.lines)
    further.stopping("Watch.after_steps: enough")
    further.finished(100)
    assert "of 1,000: Watch.after_steps: enough" in " ".join(screen.lines)
