"""Writes TensorBoard's event files without TensorFlow graphs."""

from __future__ import annotations

import os
import re
import secrets
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util

from framework.report.tags import Tag

_DT_STRING = 7
# TensorBoard reads files with "tfevents" in their names, in all folders below its own.
_LISTED, _UNLISTED = "tfevents", "unlisted"
_NAME = re.compile(rf"events\.out\.(?:{_LISTED}|{_UNLISTED})\.(\d{{10}})\..*", re.ASCII)
# A record is a length, its checksum, the content, and its checksum.
_HEAD, _FOOT_SIZE = struct.Struct("<QI"), 4
# An event begins with its time: the tag of a protocol buffer's first field, a double.
_TIME = struct.Struct("<Bd")
_TIME_TAG = 0x09
# Seconds of the year 2286, when they have more than ten digits.
_MAX_TIME = 1e10


class Events:
    """An event file of a TensorBoard run.

    TensorBoard reads the files of a run in the order of their names, which begin with
    the second of their creation, and never returns to an earlier file. A new file is
    therefore named and dated after the existing ones, whatever the clock says. Only one
    `Events` may be open per folder.

    Args:
        folder: Folder of the TensorBoard run, which has the folder's name.
        is_listed: Whether TensorBoard finds the file; `read_scalars` always does.

    Raises:
        OSError: The file cannot be created.
    """

    def __init__(self, folder: Path, is_listed: bool = True):
        folder.mkdir(parents=True, exist_ok=True)
        numbers, times = [-1], [0.0]
        for number, path in _files(folder):
            numbers.append(number)
            times += _times(path)
        self._folder = folder
        # The tags that an earlier process wrote at the step that is resumed from.
        self._resumed_step = -1
        self._written_tags: set[str] = set()
        self._described: set[str] = set()
        self._last_time = max(times)
        number = max(int(time.time()), max(numbers) + 1)
        kind = _LISTED if is_listed else _UNLISTED
        name = f"events.out.{kind}.{number:010d}.{os.getpid()}.{secrets.token_hex(4)}"
        self._writer = RecordWriter(open(folder / name, "xb"))  # noqa: SIM115
        self._write(Event(file_version="brain.Event:2"))
        self.flush()

    def start(self, step: int) -> None:
        """Makes TensorBoard discard all points after a step.

        A killed process may have written points after the checkpoint that is resumed
        from, and the curves would go back and forth. Its points at that very step stay,
        and are not added again if an evaluation is rerun.

        Args:
            step: The step to resume from.
        """
        self._resumed_step = step
        self._written_tags = _tags_at(self._folder, step)
        log = SessionLog(status=SessionLog.START)
        first = step + 1 if step else 0
        self._write(Event(step=first, session_log=log))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a point to each curve.

        Args:
            step: Optimizer steps so far, the x-coordinate.
            values: The y-coordinate of each curve by the name of its tag.
        """
        for name, value in values.items():
            self.scalar(step, Tag(name), value)

    def scalar(self, step: int, tag: Tag, value: float) -> None:
        """Adds a point to a curve.

        Args:
            step: Optimizer steps so far, the x-coordinate.
            tag: The curve.
            value: The y-coordinate.
        """
        # TensorBoard reads the description of the first point only.
        is_first = tag.name not in self._described
        self._described.add(tag.name)
        description = tag.description if is_first else None
        self.add(step, scalar_pb(tag.name, value, description=description))

    def image(self, step: int, tag: str, png: bytes) -> None:
        """Adds an image.

        Args:
            step: Optimizer steps so far.
            tag: The name of the image.
            png: The content of a PNG file.
        """
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
        """Adds a summary of a TensorBoard plugin.

        Args:
            step: Optimizer steps so far.
            summary: The summary.
        """
        tags = {value.tag for value in summary.value}
        if step == self._resumed_step and tags <= self._written_tags:
            return
        self._write(Event(step=step, summary=summary))

    def flush(self) -> None:
        """Hands all events to the operating system."""
        self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        self._writer.close()

    def _write(self, event: Event) -> None:
        self._last_time = event.wall_time = max(time.time(), self._last_time)
        self._writer.write(event.SerializeToString())


def read_scalars(folder: Path, tag: str) -> dict[int, float]:
    """Reads a curve of a folder of event files, as TensorBoard shows it.

    Args:
        folder: Folder of the TensorBoard run; it need not exist.
        tag: The name of the curve.

    Returns:
        The values by step, in the order of the steps.
    """
    points: dict[int, float] = {}
    for _, path in sorted(_files(folder)) if folder.is_dir() else ():
        for record in RawEventFileLoader(str(path)).Load():
            event = Event.FromString(record)
            if event.session_log.status == SessionLog.START:
                points = {at: each for at, each in points.items() if at < event.step}
            for value in event.summary.value:
                if value.tag == tag:
                    points[event.step] = float(tensor_util.make_ndarray(value.tensor))
    return dict(sorted(points.items()))


def _files(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yields the number in the name of each event file, and its path."""
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match and path.is_file():
            yield int(match[1]), path


def _tags_at(folder: Path, step: int) -> set[str]:
    """Returns the tags that have a point at a step in the event files of a folder."""
    tags: set[str] = set()
    if step == 0:
        # A new run discards all earlier points.
        return tags
    for _, path in sorted(_files(folder)):
        for record in RawEventFileLoader(str(path)).Load():
            event = Event.FromString(record)
            if event.session_log.status == SessionLog.START and event.step <= step:
                tags.clear()
            if event.step == step:
                tags |= {value.tag for value in event.summary.value}
    return tags


def _times(path: Path) -> Iterator[float]:
    """Yields the times of the events in a file, up to the first incomplete event."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            head = file.read(_HEAD.size + _TIME.size)
            if len(head) < _HEAD.size + _TIME.size:
                return
            length, _ = _HEAD.unpack_from(head)
            tag, seconds = _TIME.unpack_from(head, _HEAD.size)
            if length < _TIME.size or file.tell() + length - _TIME.size > size:
                return
            # A damaged time must not affect later events.
            if tag == _TIME_TAG and 0.0 <= seconds < _MAX_TIME:
                yield seconds
            file.seek(length - _TIME.size + _FOOT_SIZE, os.SEEK_CUR)
