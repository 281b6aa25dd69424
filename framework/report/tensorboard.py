"""Report to TensorBoard: curves in train/ and validation/, images and the config."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.plugins.text.summary_v2 import text_pb

from framework.numerics import metrics as metrics_lib
from framework.numerics.metrics import Predictions
from framework.report import figures
from framework.report.base import Report
from framework.report.events import Events
from framework.report.timing import Timing

# As in metrics.jsonl: means over all steps since the last evaluation. Means over the
# steps since the last logged metrics have other tags, as in Keras.
_AS_EVALUATED = ("train/accuracy", "train/loss")
_AS_LOGGED = {"accuracy": "batch_accuracy", "loss": "batch_loss"}


class TensorBoard(Report):
    """Writes event files; the x-axis of all curves is the optimizer step.

    A tag that is also in metrics.jsonl has the same value at the same step.

    Args:
        workdir: The run's folder.
        config: The fields that the run's numbers depend on, for the text and the
            hparams tab.
        class_names: Names of the classes.
        timing: The run's timing.
        samples: Rows of images, each a training image and augmentations of it,
            [columns, height, width, C]; may be empty.
    """

    def __init__(
        self,
        workdir: Path,
        config: Mapping[str, object],
        class_names: Sequence[str],
        timing: Timing,
        samples: Sequence[np.ndarray] = (),
    ):
        self._workdir = workdir
        self._files: tuple[Events, ...] = ()
        self._config = config
        self._class_names = class_names
        self._timing = timing
        self._samples = samples
        self._evaluations = 0
        self._next_image = 1
        # Predictions without a confusion matrix yet.
        self._last: Predictions | None = None

    def started(self, step: int) -> None:
        """See base class."""
        self._train = Events(self._workdir / "train")
        self._validation = Events(self._workdir / "validation")
        self._files = self._train, self._validation
        for events in self._files:
            events.start(step)
        if step:
            return
        lines = [f"| {name} | `{value}` |" for name, value in self._config.items()]
        table = "\n".join(["| field | value |", "|---|---|", *lines])
        self._train.add(0, text_pb("config", table))
        fields = {name: value for name, value in self._config.items() if value != ""}
        self._validation.add(0, hparams.hparams_pb(fields))
        if self._samples:
            self._train.image(0, "augmented", figures.samples(self._samples))

    def advanced(self, step: int, seconds: float) -> None:
        """See base class."""

    def logged(self, step: int, metrics: Mapping[str, float]) -> None:
        """See base class."""
        tagged = {_AS_LOGGED.get(name, name): value for name, value in metrics.items()}
        speed = {"images_per_second": self._timing.images_per_second}
        self._train.scalars(step, {**tagged, **speed})
        # A checkpoint may follow, from which a killed run resumes.
        self._train.flush()

    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """See base class."""
        for name, value in metrics.items():
            prefix, _, rest = name.partition("/")
            if prefix == "validation":
                self._validation.scalars(step, {rest: value})
            elif prefix in ("train_clean", "train_dev"):
                # Listed beside "accuracy" and "loss" of training.
                tag = f"{rest}_{prefix.removeprefix('train_')}"
                self._train.scalars(step, {tag: value})
            elif name in _AS_EVALUATED:
                self._train.scalars(step, {rest: value})
            elif name == "epoch":
                self._train.scalars(step, {name: value})
        self._evaluations += 1
        self._last = predictions["validation"]
        # An image takes as long as many steps: after 1, 4, 16, 64... evaluations.
        if self._evaluations == self._next_image:
            self._next_image *= 4
            self._add_confusion(step)
        for events in self._files:
            events.flush()

    def text(self, step: int, tag: str, text: str) -> None:
        """Adds a text to the validation run.

        Args:
            step: Optimizer steps so far.
            tag: The name of the text.
            text: The text, in Markdown.
        """
        self._validation.add(step, text_pb(tag, text))
        self._validation.flush()

    def finished(self, step: int) -> None:
        """See base class."""
        self._add_confusion(step)
        for events in self._files:
            events.close()

    def stopped(self) -> None:
        """See base class."""
        for events in self._files:
            # The disk may be full; a resumed run writes the missing events again.
            with contextlib.suppress(OSError):
                events.close()

    def _add_confusion(self, step: int) -> None:
        """Adds the confusion matrix of the last evaluation, unless it has one."""
        if self._last is None:
            return
        matrix = metrics_lib.confusion(self._last, len(self._class_names))
        png = figures.confusion(matrix, self._class_names)
        self._validation.image(step, "confusion", png)
        self._last = None
