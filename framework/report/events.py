"""Writes TensorBoard's event files, with no TensorFlow graph in between."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

_DT_STRING = 7


class Events:
    """The event file of one of TensorBoard's runs.

    Args:
        folder: Of the run; its name is what TensorBoard calls it.
    """

    def __init__(self, folder: Path):
        self._writer = EventFileWriter(str(folder))

    def start(self, step: int) -> None:
        """Tells TensorBoard to forget what came after so many steps.

        An earlier, killed process may have written beyond the checkpoint that is gone
        on from: without this the curves would go back and forth.
        """
        log = SessionLog(status=SessionLog.START)
        first = step + 1 if step else 0
        self._write(Event(step=first, session_log=log))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a point to each of some curves."""
        for name, value in values.items():
            self.add(step, scalar_pb(name, value))

    def image(self, step: int, tag: str, png: bytes) -> None:
        """Adds a picture, given as PNG."""
        width, height = np.frombuffer(png[16:24], ">u4")
        values = [str(width).encode(), str(height).encode(), png]
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(values))])
        tensor = TensorProto(dtype=_DT_STRING, tensor_shape=shape, string_val=values)
        metadata = image_metadata.create_summary_metadata(
            display_name="", description="", converted_to_tensor=False
        )
        value = Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
        self.add(step, Summary(value=[value]))

    def add(self, step: int, summary: Summary) -> None:
        """Adds what one of TensorBoard's plugins has made."""
        self._write(Event(step=step, summary=summary))

    def flush(self) -> None:
        """Brings all to the disk."""
        self._writer.flush()

    def close(self) -> None:
        """Ends the file."""
        self._writer.close()

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self._writer.add_event(event)
