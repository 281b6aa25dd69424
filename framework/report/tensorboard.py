"""Report to TensorBoard: a run of curves for each split, images, texts and HParams."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import (
    api_pb2,
    metadata,
    plugin_data_pb2,
    summary_v2,
)
from tensorboard.plugins.text.summary_v2 import text_pb

from framework.numerics.metrics import Predictions
from framework.report import about as about_lib
from framework.report import figures, histograms, pictures, precision_recall, tags
from framework.report.about import About
from framework.report.base import Report
from framework.report.events import Events, read_scalars
from framework.report.history import History
from framework.report.timing import Timing

# As in metrics.jsonl: means over all steps since the last evaluation. Means over the
# steps since the last logged metrics have other tags.
_BASIC = ("accuracy", "subset_accuracy", "loss")
_AS_EVALUATED = (
    *(f"train/{name}" for name in _BASIC),
    *(f"train/weighted_{name}" for name in _BASIC),
)
_SPLITS = ("train", "train_clean", "train_dev", "validation")
# What HParams compares, of the best and of the last evaluation.
_COMPARED = ("accuracy", "balanced_accuracy", "subset_accuracy", "mAP", "loss")
# Folders of curves. What is compared has one of its own: HParams has a column for each
# curve in the folder.
FOLDERS = (*_SPLITS, "summary")
_SUMMARY = FOLDERS[-1]
# The folder of one of several runs that differ in the seed.
_OF_SEED = re.compile(r"seed-\d+", re.ASCII)
# The text of a change of the learning rate by a controller.
_REDUCTIONS = "learning_rate/reductions"


class TensorBoard(Report):
    """Writes event files; the x-axis of all curves is the optimizer step.

    A curve that is also in metrics.jsonl has the same value at the same step.

    Args:
        workdir: The run's folder.
        about: What is written once, at the start.
        history: The evaluations of the run, whose best and last are compared.
        monitor: The metric that determines the best one.
        timing: The run's timing.
    """

    def __init__(
        self,
        workdir: Path,
        about: About,
        history: History,
        monitor: str,
        timing: Timing,
    ):
        self._workdir = workdir
        self._about = about
        self._history = history
        self._monitor = monitor
        self._timing = timing
        self._files: dict[str, Events] = {}
        self._start = 0
        self._evaluations = 0
        # Predictions without images yet.
        self._last: Predictions | None = None
        # Weights before the steps whose update is shown next.
        self._before: Mapping[str, np.ndarray] = {}

    def started(self, step: int) -> None:
        """See base class."""
        self._start = step
        # Counted on in a resumed run.
        self._evaluations = len(self._history)
        # Curves of other splits begin when they have a value.
        for name in ("train", "validation"):
            self._events(name)
        if step in (0, self._history.last_step):
            self._keep_weights()
        self._add_schedule(step)
        if step == 0:
            self._add_about()
        # A resumed run does not tell it again.
        for events in self._files.values():
            events.flush()

    def _add_about(self) -> None:
        """Adds the texts, the layout and the start of the session, once a run."""
        about, train = self._about, self._events("train")
        for tag, text in about_lib.texts(about).items():
            train.add(0, text_pb(tag, text))
        train.add(0, tags.layout(about.is_rate_adapted))
        self._events(_SUMMARY).add(0, self._session_start())
        if about.samples:
            train.image(0, "images/augmented", figures.samples(about.samples))

    def _session_start(self) -> Summary:
        """Returns the event that adds the run to HParams.

        Its line has the end of its path, which people know, instead of a hash. Runs in
        folders seed-0, seed-1 and so on share one, with the mean of each metric.
        """
        about, parts = self._about, self._workdir.absolute().parts
        compared = dict(about.changed)
        if about.compared is not None:
            compared = {name: about.config[name] for name in about.compared}
        if _OF_SEED.fullmatch(parts[-1]):
            parts = parts[:-1]
            # HParams has that of the first run only.
            compared.pop("seed", None)
        return summary_v2.hparams_pb(compared, trial_id="/".join(parts[-2:]))

    def _add_schedule(self, step: int) -> None:
        """Adds the parts of the schedule that begin later.

        Those that an earlier process has added are discarded, as all after the step.
        """
        parts: dict[int, list[str]] = {}
        for begin, part in self._about.schedule:
            parts.setdefault(begin, []).append(f"`{part}`")
        for begin, names in parts.items():
            if begin > step or step == 0:
                text = f"from step {begin:,}: {' and '.join(names)}"
                pb = text_pb("learning_rate/schedule", text)
                self._events("train").add(begin, pb)

    def logged(self, step: int, metrics: Mapping[str, float]) -> None:
        """See base class."""
        speed = {"images_per_second": self._timing.images_per_second}
        train = self._events("train")
        for name, value in {**metrics, **speed}.items():
            train.scalar(step, tags.logged(name), value)
        # A checkpoint may follow, from which a killed run resumes.
        train.flush()

    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """See base class."""
        for name, value in metrics.items():
            split, _, metric = name.partition("/")
            if split in _SPLITS and (split != "train" or name in _AS_EVALUATED):
                self._events(split).scalar(step, tags.evaluated(metric), value)
        self._evaluations += 1
        self._last = predictions["validation"]
        if self._is_shown(self._evaluations):
            self._add_weights(step)
            self._add_images(step)
        self._keep_weights()
        self._compare()
        for events in self._files.values():
            events.flush()

    def rescaled(self, step: int, before: float, after: float) -> None:
        """See base class."""
        verb = "reduces" if after < before else "raises"
        text = (
            f"after step {step:,} the schedule {verb} the learning rate to "
            f"{after / before:.3g} of what it was; all reductions together: {after:.3g}"
        )
        train = self._events("train")
        train.add(step, text_pb(_REDUCTIONS, text))
        train.flush()

    def text(self, step: int, tag: str, text: str) -> None:
        """Adds a text to the validation run.

        Args:
            step: Optimizer steps so far.
            tag: The name of the text.
            text: The text, in Markdown.
        """
        events = self._events("validation")
        events.add(step, text_pb(tag, text))
        events.flush()

    def finished(self, step: int) -> None:
        """See base class."""
        if self._last is not None and self._about.is_listed:
            # They are those of the last evaluation.
            self._before = {}
            self._add_weights(step)
            self._add_images(step)
        self._events(_SUMMARY).add(step, _session_end(api_pb2.STATUS_SUCCESS))
        self.stopped()

    def stopped(self) -> None:
        """See base class."""
        for events in self._files.values():
            with contextlib.suppress(OSError):
                events.close()
        self._files = {}

    def _events(self, name: str) -> Events:
        """Returns the event file of a folder of curves; opens it if need be."""
        if name not in self._files:
            self._files[name] = Events(self._workdir / name, self._about.is_listed)
            self._files[name].start(self._start)
        return self._files[name]

    def _compare(self) -> None:
        """Adds the metrics that HParams compares, unless this is done."""
        best, rows = self._history.best(self._monitor), self._history.rows
        if not self._files or best is None:
            return
        for when, row in (("best", best), ("last", rows[-1])):
            for name in (*_COMPARED, *self._about.metrics):
                if (value := row.get(f"validation/{name}")) is not None:
                    tag = tags.compared(when, name)
                    self._events(_SUMMARY).scalar(int(rows[-1]["step"]), tag, value)

    def _is_shown(self, evaluations: int) -> bool:
        """Returns whether images follow a number of evaluations: 1, 4, 16, 64...

        They take as long as many steps, and are for TensorBoard only.
        """
        is_power_of_2 = evaluations & (evaluations - 1) == 0
        is_power_of_4 = is_power_of_2 and evaluations.bit_length() % 2 == 1
        return self._about.is_listed and is_power_of_4

    def _keep_weights(self) -> None:
        """Keeps the weights, if the update up to the next evaluation is shown."""
        is_next = self._is_shown(self._evaluations + 1)
        self._before = self._about.weights() if is_next else {}

    def _add_weights(self, step: int) -> None:
        """Adds histograms of the weights, and of their update since `_before`."""
        weights, train = self._about.weights(), self._events("train")
        updates = {
            name: values - self._before[name]
            for name, values in weights.items()
            if name in self._before
        }
        for prefix, values in {"weights": weights, "updates": updates}.items():
            for pb in histograms.summaries(prefix, values):
                train.add(step, pb)
        train.flush()

    def _add_images(self, step: int) -> None:
        """Adds the images of the last evaluation, unless it has them."""
        if self._last is None:
            return
        last, names = self._last, self._about.class_names
        self._last = None
        validation = self._events("validation")
        drawn = pictures.of_evaluation(last, names, self._about.validation)
        for name, png in drawn.items():
            validation.image(step, f"images/{name}", png)
        if last.logits is not None:
            for pb in precision_recall.summaries(last, names, "precision_recall"):
                validation.add(step, pb)


def mark(workdir: Path, step: int, is_complete: bool) -> None:
    """Adds to HParams whether the trial of a sweep that a run is of is complete.

    HParams does not show the status of a session, and filters sessions by it only. So
    it is a metric, too, which is 1 or 0. A second call adds nothing.

    Args:
        workdir: The run's folder, which this process must have locked.
        step: Of the run's last evaluation.
        is_complete: Whether the trial was trained to the end with each seed; not if it
            was pruned, or has failed.
    """
    folder = workdir / _SUMMARY
    if not folder.is_dir() or read_scalars(folder, tags.TRIAL_COMPLETE.name):
        return
    with contextlib.closing(Events(folder)) as events:
        events.scalar(step, tags.TRIAL_COMPLETE, float(is_complete))
        if not is_complete:
            # HParams keeps the first end: that of a run which was trained to the end.
            events.add(step, _session_end(api_pb2.STATUS_FAILURE))


def _session_end(status: int) -> Summary:
    """Returns the event that ends a run in HParams.

    TensorBoard has a function for it, whose module loads TensorFlow.

    Args:
        status: One of TensorBoard's `Status`.
    """
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    content = plugin_data_pb2.HParamsPluginData(session_end_info=end)
    value = Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(content),
        tensor=metadata.NULL_TENSOR,
    )
    return Summary(value=[value])
