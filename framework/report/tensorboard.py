"""TensorBoard: curves in train/ and validation/, with pictures and the config."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from framework import metrics as metrics_lib
from framework.report import figures
from framework.report.base import Report
from framework.report.timing import Timing

_DT_STRING = 7


class TensorBoard(Report):
    """Writes event files; every curve is over the optimizer step.

    Args:
        workdir: The run's folder.
        config: What its numbers depend on, for the text and the hparams tab.
        class_names: What the classes are called.
        timing: The run's clock.
        samples: Rows of training images, each an image and what augmentation makes of
            it: [columns, height, width, C]; may be none.
    """

    def __init__(
        self,
        workdir: Path,
        config: Mapping[str, object],
        class_names: Sequence[str],
        timing: Timing,
        samples: Sequence[np.ndarray] = (),
    ):
        self._train = EventFileWriter(str(workdir / "train"))
        self._validation = EventFileWriter(str(workdir / "validation"))
        self._config = config
        self._class_names = class_names
        self._timing = timing
        self._samples = samples
        self._evaluations = 0
        self._last: metrics_lib.Predictions | None = None

    def started(self, step):
        """See base class."""
        # Tells TensorBoard to forget what an earlier, killed process wrote from here
        # on: without it the curves would go back and forth.
        start = step + 1 if step else 0
        for writer in (self._train, self._validation):
            log = SessionLog(status=SessionLog.START)
            writer.add_event(Event(step=start, session_log=log, wall_time=time.time()))
        if step:
            return
        lines = [f"| {name} | `{value}` |" for name, value in self._config.items()]
        table = "\n".join(["| field | value |", "|---|---|", *lines])
        self._add(self._train, 0, text_pb("config", table))
        named = {name: value for name, value in self._config.items() if value != ""}
        self._add(self._validation, 0, hparams.hparams_pb(named))
        if self._samples:
            self._add_image(self._train, 0, "augmented", figures.samples(self._samples))

    def advanced(self, step, seconds):
        """See base class."""

    def logged(self, step, metrics):
        """See base class."""
        speed = {"images_per_second": self._timing.images_per_second}
        for name, value in {**metrics, **speed}.items():
            self._add(self._train, step, scalar_pb(name, value))

    def evaluated(self, step, metrics, predictions):
        """See base class."""
        for name, value in metrics.items():
            prefix, _, rest = name.partition("/")
            if prefix == "validation":
                self._add(self._validation, step, scalar_pb(rest, value))
            elif prefix in ("train_clean", "train_dev"):
                # Next to "accuracy" and "loss" of training itself.
                tag = f"{rest}_{prefix.removeprefix('train_')}"
                self._add(self._train, step, scalar_pb(tag, value))
            elif name == "epoch":
                self._add(self._train, step, scalar_pb(name, value))
        self._evaluations += 1
        self._last = predictions["validation"]
        # A picture takes as long as many steps: after 1, 2, 4, 8... evaluations.
        if self._evaluations & (self._evaluations - 1) == 0:
            self._add_confusion(step)
        for writer in (self._train, self._validation):
            writer.flush()

    def finished(self, step):
        """See base class."""
        if self._last is not None:
            self._add_confusion(step)
        for writer in (self._train, self._validation):
            writer.close()

    def _add_confusion(self, step: int) -> None:
        matrix = metrics_lib.confusion(self._last, len(self._class_names))
        png = figures.confusion(matrix, self._class_names)
        self._add_image(self._validation, step, "confusion", png)
        self._last = None

    def _add(self, writer: EventFileWriter, step: int, summary: Summary) -> None:
        writer.add_event(Event(step=step, summary=summary, wall_time=time.time()))

    def _add_image(
        self, writer: EventFileWriter, step: int, tag: str, png: bytes
    ) -> None:
        width, height = np.frombuffer(png[16:24], ">u4")
        values = [str(width).encode(), str(height).encode(), png]
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(values))])
        tensor = TensorProto(dtype=_DT_STRING, tensor_shape=shape, string_val=values)
        metadata = image_metadata.create_summary_metadata(
            display_name="", description="", converted_to_tensor=False
        )
        value = Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
        self._add(writer, step, Summary(value=[value]))
