"""Console output: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from rich import progress
from rich.console import Console as Screen
from rich.table import Column
from rich.text import Text

from framework.numerics import labels as labels_lib
from framework.numerics.metrics import Predictions
from framework.report import time_spent
from framework.report.base import Report
from framework.report.compiling import Compiling
from framework.report.history import History
from framework.report.timing import Timing

# Seconds between lines of progress: of training, without a terminal, and of reading.
_LINE_EVERY = 30.0
_READING_EVERY = 5.0
# With more classes, only the range of their sizes is printed.
_MAX_COUNTED = 12


class Console(Report):
    """Prints the progress of a run.

    Args:
        total_steps: The length of the run.
        steps_per_epoch: Steps per epoch.
        monitor: The metric that determines the best evaluation.
        timing: The run's timing; it must receive each event before this report.
        output: The Rich console to print to; by default that of the process.
        metrics: Names of further metrics of the validation images to print.

    Attributes:
        compiling: Shows what is being compiled.
    """

    def __init__(
        self,
        total_steps: int,
        steps_per_epoch: int,
        monitor: str,
        timing: Timing,
        output: Screen | None = None,
        metrics: Collection[str] = (),
    ):
        self._metrics = tuple(metrics)
        self._reason = f"no improvement of {monitor} (--early_stopping)"
        self._total_steps = total_steps
        self._steps_per_epoch = steps_per_epoch
        self._monitor = monitor
        self._timing = timing
        self._output = output or console()
        self.compiling = Compiling(self._print, self._output.is_terminal)
        self._bar: progress.Progress | None = None
        # When the last line was printed.
        self._printed = time.perf_counter()

    def banner(self, facts: Mapping[str, str]) -> None:
        """Prints the data, the model and the settings of a run, a line or more each."""
        for line in table(facts):
            self._print(line)

    def started(self, step: int) -> None:
        """See base class."""
        if step:
            epoch = step / self._steps_per_epoch
            is_over = step >= self._total_steps
            state = "nothing left to do" if is_over else "resuming"
            self._print(f"{state} after step {step} (epoch {_epoch(epoch)})")
        self._printed = time.perf_counter()
        if self._output.is_terminal:
            self._bar = progress.Progress(
                progress.BarColumn(),
                progress.TextColumn("{task.completed:,}/{task.total:,} steps"),
                _StateColumn(self.compiling.text),
                console=self._output,
                transient=True,
            )
            self._task = self._bar.add_task(
                "", total=self._total_steps, completed=step, rate="", left="-"
            )
            self._bar.start()

    def advanced(self, step: int, seconds: float) -> None:
        """See base class."""
        rate, left = self._rate(), self._left()
        if self._bar:
            self._bar.update(self._task, completed=step, rate=rate, left=left)
        elif time.perf_counter() - self._printed > _LINE_EVERY:
            done = f"step {step:,} of {self._total_steps:,}"
            self._print(f"{done} | {rate} | {left} left")

    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """See base class."""
        columns = [
            f"epoch {_epoch(metrics['epoch']):>7}",
            f"step {step:7,}",
            f"train {_accuracy(metrics, 'train')}",
            f"loss {metrics['train/loss']:.4f}",
            f"validation {_accuracy(metrics, 'validation')}",
            f"loss {metrics['validation/loss']:.4f}",
            *(f"{name} {metrics[f'validation/{name}']:.4f}" for name in self._metrics),
            f"lr {metrics['learning_rate']:.3g}",
            self._rate(),
            f"{self._left()} left",
        ]
        self._print(" | ".join(columns))

    def finished(self, step: int) -> None:
        """See base class."""
        self.stopped()
        if step < self._total_steps:
            self._print(
                f"stopped early, after step {step:,} of {self._total_steps:,}: "
                f"{self._reason}"
            )

    def stopping(self, reason: str) -> None:
        """Remembers why the run will stop early."""
        self._reason = reason

    def stopped(self) -> None:
        """See base class."""
        if self._bar:
            self._bar.stop()

    def summary(
        self,
        history: History,
        workdir: str,
        seconds: Mapping[str, float],
        note: str = "",
    ) -> None:
        """Prints the best evaluation, the time, and how to view the results.

        Args:
            history: The evaluations of the run.
            workdir: The run's folder.
            seconds: Where the time has gone, from `time_spent.parts`.
            note: What restricts these numbers; "" if nothing does.
        """
        best = history.best(self._monitor)
        if best:
            self._print(
                f"best {self._monitor} {best[self._monitor]:.4f} at step "
                f"{best['step']:,} (epoch {_epoch(best['epoch'])})"
            )
        if note:
            self._print(note)
        if self._timing.images:
            self._print(time_spent.line(seconds))
        quoted = shlex.quote(str(workdir))
        self._print(f"results in {workdir}; curves: tensorboard --logdir {quoted}")

    def notice(self, line: str) -> None:
        """Prints a notice, such as that validation accuracy is static."""
        self._print(line)

    def _rate(self) -> str:
        return f"{self._timing.images_per_second:,.0f} images/s"

    def _left(self) -> str:
        """Returns the estimated time left, such as 1:02:03."""
        seconds = round(self._timing.left)
        hours, minutes = seconds // 3600, seconds // 60 % 60
        return f"{hours}:{minutes:02}:{seconds % 60:02}"

    def _print(self, line: str) -> None:
        self._printed = time.perf_counter()
        self._output.print(Text(line), soft_wrap=True)


class _StateColumn(progress.ProgressColumn):
    """Shows what is being compiled; if nothing is, the speed and the time left."""

    def __init__(self, compiling: Callable[[], str]):
        super().__init__(Column(no_wrap=True))
        self._compiling = compiling

    def render(self, task: progress.Task) -> Text:
        """See base class."""
        speed = f"{task.fields['rate']} {task.fields['left']} left"
        return Text(self._compiling() or speed)


def _accuracy(metrics: Mapping[str, float], prefix: str) -> str:
    """Formats the accuracy of images, or mAP or subset accuracy of several labels."""
    if f"{prefix}/accuracy" in metrics:
        return f"{metrics[f'{prefix}/accuracy']:6.2%}"
    name = "mAP" if f"{prefix}/mAP" in metrics else "subset_accuracy"
    shown = "mAP" if name == "mAP" else "all right"
    return f"{shown} {metrics[f'{prefix}/{name}']:6.2%}"


def table(facts: Mapping[str, str]) -> list[str]:
    r"""Returns lines with the headings right-aligned.

    >>> table({"data": "digits", "note": "one\ntwo"})
    ['data  digits', 'note  one', '      two']

    Args:
        facts: Text by heading, a line or more each.
    """
    width = max(map(len, facts))
    return [
        f"{'' if index else name:>{width}}  {line}"
        for name, fact in facts.items()
        for index, line in enumerate(fact.split("\n"))
    ]


def console() -> Screen:
    """Returns the Rich console of this process."""
    return Screen(highlight=False)


def reading_progress(output: Screen) -> Callable[[int, int], None]:
    """Returns a function that prints the numbers of images read and to read."""
    start = printed = time.perf_counter()

    def show(done: int, total: int) -> None:
        nonlocal printed
        now = time.perf_counter()
        if now - printed > _READING_EVERY and done:
            printed = now
            rate = done / (now - start)
            left = (total - done) / rate
            output.print(
                f"reading images: {done:,} of {total:,}, {rate:,.0f} images/s, "
                f"{left:.0f} s left"
            )

    return show


def _epoch(value: float) -> str:
    """Returns a number of epochs with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def counts(labels: np.ndarray, class_names: Sequence[str]) -> str:
    """Formats the number of examples of each class.

    Args:
        labels: int [N], or [N, K] of 0 and 1.
        class_names: Names of the classes.

    >>> counts(np.array([0, 1, 1]), ["cat", "dog"])
    '3 images (cat 1, dog 2)'
    """
    numbers = labels_lib.counts(labels, len(class_names))
    if len(class_names) > _MAX_COUNTED:
        sizes = f"{numbers.min():,} to {numbers.max():,} per class"
        return f"{len(labels):,} images of {len(class_names)} classes, {sizes}"
    by_class = ", ".join(
        f"{name} {count:,}" for name, count in zip(class_names, numbers, strict=True)
    )
    return f"{len(labels):,} images ({by_class})"
