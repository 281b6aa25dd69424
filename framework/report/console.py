"""The console: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from rich import progress
from rich.console import Console as Screen
from rich.text import Text

from framework.report.base import Report
from framework.report.history import History
from framework.report.timing import Timing

# Where no bar can be drawn, a line tells of progress so often, in seconds.
_LINE_EVERY = 30.0
_READING_EVERY = 5.0


class Console(Report):
    """Tells a person how training goes.

    Args:
        total_steps: The length of the run.
        steps_per_epoch: How many go through the training data once.
        monitor: The metric that says which evaluation is the best.
        timing: The run's clock; is to be told of everything before this.
        output: Where to write.
    """

    def __init__(
        self,
        total_steps: int,
        steps_per_epoch: int,
        monitor: str,
        timing: Timing,
        output: Screen | None = None,
    ):
        self._total_steps = total_steps
        self._steps_per_epoch = steps_per_epoch
        self._monitor = monitor
        self._timing = timing
        self._output = output or console()
        self._bar: progress.Progress | None = None

    def banner(self, facts: Mapping[str, str]) -> None:
        """Says what will be trained, on what, with what."""
        width = max(map(len, facts))
        for name, fact in facts.items():
            self._print(f"{name:>{width}}  {fact}")

    def started(self, step):
        """See base class."""
        if step:
            epoch = step / self._steps_per_epoch
            over = step >= self._total_steps
            what = "nothing left to do" if over else "resuming"
            self._print(f"{what} after step {step} (epoch {epoch:.4g})")
        self._said = time.perf_counter()
        if self._output.is_terminal:
            self._bar = progress.Progress(
                progress.BarColumn(),
                progress.TextColumn("{task.completed:,}/{task.total:,} steps"),
                progress.TextColumn("{task.fields[rate]}"),
                progress.TextColumn("{task.fields[left]} left"),
                console=self._output,
                transient=True,
            )
            self._task = self._bar.add_task(
                "", total=self._total_steps, completed=step, rate="", left="-"
            )
            self._bar.start()

    def advanced(self, step, seconds):
        """See base class."""
        rate, left = self._rate(), self._left()
        if self._bar:
            self._bar.update(self._task, completed=step, rate=rate, left=left)
        elif time.perf_counter() - self._said > _LINE_EVERY:
            done = f"step {step:,} of {self._total_steps:,}"
            self._print(f"{done} | {rate} | {left} left")

    def logged(self, step, metrics):
        """See base class."""

    def evaluated(self, step, metrics, predictions):
        """See base class."""
        columns = [
            f"epoch {metrics['epoch']:7.4g}",
            f"step {step:7,}",
            f"train {metrics['train/accuracy']:6.2%}",
            f"loss {metrics['train/loss']:.4f}",
            f"validation {metrics['validation/accuracy']:6.2%}",
            f"loss {metrics['validation/loss']:.4f}",
            f"lr {metrics['learning_rate']:.3g}",
            self._rate(),
            f"{self._left()} left",
        ]
        self._print(" | ".join(columns))

    def finished(self, step):
        """See base class."""
        self.stopped()
        if step < self._total_steps:
            self._print(
                f"stopped early, after step {step:,} of {self._total_steps:,}: "
                f"{self._monitor} has not become better for long enough"
            )

    def stopped(self):
        """See base class."""
        if self._bar:
            self._bar.stop()

    def summary(self, history: History, workdir: str) -> None:
        """Says what came of it, and how to look at it."""
        best = history.best(self._monitor)
        if best:
            self._print(
                f"best {self._monitor} {best[self._monitor]:.4f} at step "
                f"{best['step']:,} (epoch {best['epoch']:.4g})"
            )
        if self._timing.images:
            total = self._timing.total
            share = self._timing.training / total
            rest = f"{1 - share:.0%} evaluating and saving"
            self._print(f"{total:.1f} s: {share:.0%} training, {rest}")
        quoted = shlex.quote(str(workdir))
        self._print(f"results in {workdir}; curves: tensorboard --logdir {quoted}")

    def note(self, line: str) -> None:
        """Says something that is not of every evaluation."""
        self._print(line)

    def _rate(self) -> str:
        return f"{self._timing.images_per_second:,.0f} images/s"

    def _left(self) -> str:
        """Returns the time to the end, as 1:02:03."""
        seconds = round(self._timing.left)
        hours, minutes = seconds // 3600, seconds // 60 % 60
        return f"{hours}:{minutes:02}:{seconds % 60:02}"

    def _print(self, line: str) -> None:
        self._said = time.perf_counter()
        self._output.print(Text(line), soft_wrap=True)


def console() -> Screen:
    """Returns the console of this process."""
    return Screen(highlight=False)


def reading(output: Screen) -> Callable[[int, int], None]:
    """Returns what tells how many of how many images have been read, now and then."""
    begun = said = time.perf_counter()

    def tell(done: int, total: int) -> None:
        nonlocal said
        now = time.perf_counter()
        if now - said > _READING_EVERY and done:
            said = now
            rate = done / (now - begun)
            left = (total - done) / rate
            output.print(
                f"reading images: {done:,} of {total:,}, {rate:,.0f} images/s, "
                f"{left:.0f} s left"
            )

    return tell


def counts(labels: np.ndarray, class_names: Sequence[str]) -> str:
    """Returns how many examples of each class there are, in words."""
    numbers = np.bincount(labels, minlength=len(class_names))
    if len(class_names) > 12:
        spread = f"{numbers.min():,} to {numbers.max():,} a class"
        return f"{len(labels):,} images of {len(class_names)} classes, {spread}"
    named = ", ".join(
        f"{name} {count:,}" for name, count in zip(class_names, numbers, strict=True)
    )
    return f"{len(labels):,} images ({named})"
