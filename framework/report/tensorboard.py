"""Report to TensorBoard: a run of curves for each split, images, texts and HParams."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
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

from framework.numerics import metrics as metrics_lib
from framework.numerics.metrics import Predictions
from framework.report import figures, tags
from framework.report.base import Report
from framework.report.events import Events
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
# The number of validation errors to show.
_ERRORS = 16


@dataclasses.dataclass(frozen=True, eq=False)
class About:
    """What is told once about a run.

    Attributes:
        config: The fields that the run's numbers depend on.
        changed: Those of them that HParams compares.
        facts: Lines about the run by heading, as on the console.
        model: The layers of the network.
        class_names: Names of the classes.
        samples: Rows of images, each a training image and augmentations of it,
            [columns, height, width, C]; may be empty.
        validation: Returns the validation images at indices, int64 [n]: [n, height,
            width, C], and the names of their files, or their indices.
        metrics: Names of further metrics that HParams compares.
        is_listed: Whether TensorBoard finds the files: not those of a part of another
            run, which it would list beside that.
    """

    config: Mapping[str, object]
    changed: Mapping[str, object]
    facts: Mapping[str, str]
    model: str
    class_names: Sequence[str]
    samples: Sequence[np.ndarray]
    validation: Callable[[np.ndarray], tuple[np.ndarray, Sequence[str]]]
    metrics: Sequence[str] = ()
    is_listed: bool = True


class TensorBoard(Report):
    """Writes event files; the x-axis of all curves is the optimizer step.

    A curve that is also in metrics.jsonl has the same value at the same step.

    Args:
        workdir: The run's folder.
        about: What is told once.
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
        self._next_image = 1
        # Predictions without images yet.
        self._last: Predictions | None = None

    def started(self, step: int) -> None:
        """See base class."""
        self._start = step
        # Curves of other splits begin when they have a value.
        for name in ("train", "validation"):
            self._events(name)
        if step:
            return
        about, train = self._about, self._events("train")
        others = {k: v for k, v in about.config.items() if k not in about.changed}
        texts = {
            "about/config": "**Set, or not the default**\n\n"
            f"{tags.table(about.changed)}\n\n**Defaults**\n\n{tags.table(others)}",
            "about/run": tags.table(about.facts, "what"),
            "about/model": "".join(f"    {x}\n" for x in about.model.splitlines()),
        }
        for tag, text in texts.items():
            train.add(0, text_pb(tag, text))
        train.add(0, tags.layout())
        # By the end of its path, which people know, instead of a hash.
        name = "/".join(self._workdir.absolute().parts[-2:])
        pb = summary_v2.hparams_pb(dict(about.changed), trial_id=name)
        self._events(_SUMMARY).add(0, pb)
        if about.samples:
            train.image(0, "images/augmented", figures.samples(about.samples))

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
        # Images take as long as many steps: after 1, 4, 16, 64... evaluations.
        if self._evaluations == self._next_image:
            self._next_image *= 4
            self._add_images(step)
        for events in self._files.values():
            events.flush()

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
        self._add_images(step)
        self._compare()
        self._events(_SUMMARY).add(step, _session_end())
        self._close()

    def stopped(self) -> None:
        """See base class."""
        # The disk may be full; a resumed run writes the missing events again.
        with contextlib.suppress(OSError):
            self._compare()
        self._close()

    def _close(self) -> None:
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
                    tag = tags.Tag(f"{when}/{name}")
                    self._events(_SUMMARY).scalar(int(rows[-1]["step"]), tag, value)

    def _add_images(self, step: int) -> None:
        """Adds the images of the last evaluation, unless it has them."""
        if self._last is None or self._last.has_several_labels:
            return
        last, names = self._last, self._about.class_names
        self._last = None
        validation = self._events("validation")
        matrix = metrics_lib.confusion(last, len(names))
        validation.image(step, "images/confusion", figures.confusion(matrix, names))
        diagram = figures.reliability(last.predicted == last.labels, last.confidence)
        validation.image(step, "images/reliability", diagram)
        wrong = np.flatnonzero(last.predicted != last.labels)
        worst = wrong[np.argsort(-last.losses[wrong], kind="stable")[:_ERRORS]]
        if not len(worst):
            return
        images, files = self._about.validation(worst)
        captions = [
            f"{file}\n{names[last.labels[index]]}, not\n"
            f"{names[last.predicted[index]]} ({last.confidence[index]:.0%})"
            for index, file in zip(worst, files, strict=True)
        ]
        png = figures.captioned(images, captions)
        validation.image(step, "images/worst_errors", png)


def _session_end() -> Summary:
    """Returns the event that marks a run as complete in HParams.

    TensorBoard has a function for it, whose module loads TensorFlow.
    """
    end = plugin_data_pb2.SessionEndInfo(
        status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time()
    )
    content = plugin_data_pb2.HParamsPluginData(session_end_info=end)
    value = Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(content),
        tensor=metadata.NULL_TENSOR,
    )
    return Summary(value=[value])
