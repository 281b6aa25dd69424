"""Writes TensorBoard's event files, with no TensorFlow graph in between."""

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

_DT_STRING = 7
_NAME = re.compile(r"events\.out\.tfevents\.(\d{10})\..*", re.ASCII)
# A record is a length, its checksum, the content, and its checksum.
_HEAD, _FOOT_SIZE = struct.Struct("<QI"), 4
# An event begins with its time: the tag of a protocol buffer's first field, a double.
_TIME = struct.Struct("<Bd")
_TIME_TAG = 0x09
# Where seconds have more than ten digits: the year 2286.
_LATEST = 1e10


class Events:
    """The event file of one of TensorBoard's runs.

    TensorBoard reads the files of a run in the order of their names, which begin with
    the second they were made in, and never returns to an earlier one. Whatever the
    clock says, a new file is named and dated after those that are there. Hence only one
    of these should be open for a folder.

    Args:
        folder: Of the run; its name is what TensorBoard calls it.

    Raises:
        OSError: The file cannot be made.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        numbers, times = [-1], [0.0]
        for number, path in _files(folder):
            numbers.append(number)
            times += _times(path)
        self._folder = folder
        # What an earlier process has written at the step that is resumed from.
        self._resumed, self._written = -1, set()
        self._latest = max(times)
        number = max(int(time.time()), max(numbers) + 1)
        name = f"events.out.tfevents.{number:010d}.{os.getpid()}.{secrets.token_hex(4)}"
        self._writer = RecordWriter(open(folder / name, "xb"))  # noqa: SIM115
        self._write(Event(file_version="brain.Event:2"))
        self.flush()

    def start(self, step: int) -> None:
        """Tells TensorBoard to forget what came after so many steps.

        An earlier, killed process may have written beyond the checkpoint that is
        resumed from: without this the curves would go back and forth. What it has
        written of that very step stays, and is not added once more if an evaluation
        is rerun.
        """
        self._resumed, self._written = step, _tags_at(self._folder, step)
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
        tags = {value.tag for value in summary.value}
        if step == self._resumed and tags <= self._written:
            return
        self._write(Event(step=step, summary=summary))

    def flush(self) -> None:
        """Hands all to the operating system."""
        self._writer.flush()

    def close(self) -> None:
        """Ends the file."""
        self._writer.close()

    def _write(self, event: Event) -> None:
        self._latest = event.wall_time = max(time.time(), self._latest)
        self._writer.write(event.SerializeToString())


def _files(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yields the number in the name of each event file, and its path."""
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match and path.is_file():
            yield int(match[1]), path


def _tags_at(folder: Path, step: int) -> set[str]:
    """Returns the tags of which the event files of a folder have a point at a step."""
    tags: set[str] = set()
    if step == 0:
        # A run that starts anew purges all.
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
    """Yields the times of the events in a file, up to the first that is not whole."""
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
            # A damaged time must not date all that follows.
            if tag == _TIME_TAG and 0.0 <= seconds < _LATEST:
                yield seconds
            file.seek(length - _TIME.size + _FOOT_SIZE, os.SEEK_CUR)
