"""data.json: a description of a run's data, so that a resume can detect changes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework.data import fingerprint
from framework.errors import UsageError
from framework.system import atomic, json_text

FORMAT = 1
# Sums of many numbers differ between processors by less than this, relatively.
_TOLERANCE = 1e-3
_KEYS = {
    "format": int,
    "name": str,
    "image_shape": list,
    "dtype": str,
    "class_names": list,
    "splits": dict,
    "held_out": dict,
    "normalize": dict,
    "drawn": dict,
    "files": dict,
}
_OPTIONAL_KEYS = {
    "excluded": dict,
    "sampled": list,
    "several_labels": bool,
    "pixel_range": list,
    "decoding": dict,
    "inexact": bool,
}
_EXCLUDED_KEYS = {"images": int, "digest": str}
_NO_IMAGES = {"images": 0, "per_class": []}
# That of an image of unknown values: none is outside.
UNKNOWN_RANGE = (0.0, 0.0)
# Records of earlier versions do not have it.
_NONE_EXCLUDED = {"images": 0, "digest": fingerprint.of_indices(np.zeros(0))}
_SPLIT_KEYS = {"images": int, "per_class": list, "digest": str, "covers": str}


@dataclasses.dataclass(frozen=True, eq=False)
class DataRecord:
    """A description of a run's data: the content of data.json.

    Attributes:
        fields: JSON values by name: name, image_shape, dtype, class_names, splits
            (of "train", "validation" and perhaps "test": the number of images, in all
            and per class, and a digest of images and labels), held_out (the number and
            a digest of the training images that are not trained on), normalize
            (statistics of the training images), drawn (the flags that the division
            depends on), and files (the names of the files held out of training, if
            drawn at random). Also excluded (the number and a digest of the training
            images that --exclude leaves out), sampled (the number of images of each
            class in the first epoch) if it is not that of all images, pixel_range (the
            least and the greatest value of a training image), several_labels, if images
            may have several, decoding (how image files become pixels), if there are
            files, and inexact, if it was trained on a stream.
    """

    fields: Mapping[str, Any]

    def difference(self, other: DataRecord) -> list[str]:
        """Returns one line for each difference of `other` from this record."""
        lines: list[str] = []
        for name in ("image_shape", "dtype", "class_names"):
            lines += _change(name, self.fields[name], other.fields[name])
        # Earlier versions did not record it.
        if self.decoding and other.decoding:
            lines += _change("decoding", self.decoding, other.decoding)
        for split, before in self.fields["splits"].items():
            # A new test part changes no results; a run has one from its start, unless
            # an earlier version did not read that of its data set.
            now = other.fields["splits"].get(split, _NO_IMAGES)
            lines += _split_change(split, before, now)
        if not lines and self.fields["held_out"] != other.fields["held_out"]:
            lines.append("train_dev: other training images are held out")
        if not lines and self.excluded != other.excluded:
            before, now = self.excluded["images"], other.excluded["images"]
            lines.append(f"exclude: other training images ({before} -> {now})")
        # Different images have different statistics: that would be no news.
        if not lines and not _close(
            self.fields["normalize"], other.fields["normalize"]
        ):
            lines.append("normalize: other statistics of the same training images")
        return lines

    @property
    def excluded(self) -> Mapping[str, Any]:
        """The number and a digest of the training images that are left out."""
        excluded: Mapping[str, Any] = self.fields.get("excluded", _NONE_EXCLUDED)
        return excluded

    @property
    def has_several_labels(self) -> bool:
        """Whether an image may have several labels."""
        return bool(self.fields.get("several_labels", False))

    @property
    def is_inexact(self) -> bool:
        """Whether the training images are a stream, whose order may differ."""
        return bool(self.fields.get("inexact", False))

    @property
    def decoding(self) -> Mapping[str, Any]:
        """How image files become pixels, see `Files.decoding`; empty if not known."""
        decoding: Mapping[str, Any] = self.fields.get("decoding", {})
        return decoding

    @property
    def sampled(self) -> Sequence[int]:
        """The number of images of each class in the first epoch; empty if of all."""
        sampled: Sequence[int] = self.fields.get("sampled", ())
        return sampled

    @property
    def pixel_range(self) -> tuple[float, float]:
        """The least and the greatest value of a training image."""
        # Records of earlier versions do not have it.
        low, high = self.fields.get("pixel_range", UNKNOWN_RANGE)
        return low, high

    def check_test(self, other: DataRecord) -> None:
        """Checks that no image of another record's drawn test part was trained on.

        Args:
            other: The record of the current data, of the same `--test`.

        Raises:
            UsageError: It has other images than this one's.
        """
        before, now = self.fields["files"], other.fields["files"]
        is_kept = True
        if "test" in now:
            is_kept = set(now["test"]) <= set(before.get("test", ()))
        elif other.fields["drawn"].get("test"):
            splits = self.fields["splits"], other.fields["splits"]
            is_kept = splits[0].get("test") == splits[1]["test"]
        if not is_kept:
            raise UsageError(
                "the data have changed such that --test would draw images that this "
                "run was trained on; restore the data, or use another --workdir"
            )


def read(folder: Path) -> DataRecord | None:
    """Reads the record in a run's folder; None if there is none.

    Raises:
        UsageError: The record is damaged, or of another version.
    """
    path = folder / "data.json"
    try:
        fields = json_text.parse_object(atomic.read_bytes(path))
        _check_fields(fields)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise UsageError(
            f"{path} is damaged ({problem}); delete it to resume without checking that "
            f"the data are unchanged"
        ) from None
    return DataRecord(fields)


def is_inexact(folder: Path) -> bool:
    """Returns whether the run in a folder was trained on a stream, if that is known."""
    try:
        record = read(folder)
    except UsageError:
        return False
    return record is not None and record.is_inexact


def write(folder: Path, record: DataRecord) -> None:
    """Writes data.json into a run's folder, which this process must have locked."""
    text = json.dumps(record.fields, indent=1) + "\n"
    atomic.write_text(folder / "data.json", text)


def check(before: DataRecord, now: DataRecord, folder: Path) -> None:
    """Compares the current data with those of the run so far.

    Args:
        before: The record in the run's folder.
        now: The record of the current data.
        folder: The run's folder, for the message.

    Raises:
        UsageError: They differ; the message lists each difference in a line.
    """
    lines = before.difference(now)
    if lines:
        listed = "\n".join(f"    {line}" for line in lines)
        raise UsageError(
            f"the data are not those of the run in {folder}; restore them, use "
            f"another --workdir, or pass --allow_data_change\n{listed}"
        )


def _check_fields(fields: Mapping[str, Any]) -> None:
    """Raises ValueError, TypeError or KeyError if the content is not as written."""
    if fields.get("format") != FORMAT:
        raise ValueError(f"it is not of format {FORMAT}")
    for name, kind in _KEYS.items():
        if not isinstance(fields[name], kind):
            raise TypeError(f"{name} is not of type {kind.__name__}")
    for name, kind in _OPTIONAL_KEYS.items():
        if not isinstance(fields.get(name, kind()), kind):
            raise TypeError(f"{name} is not of type {kind.__name__}")
    for name, kind in _EXCLUDED_KEYS.items():
        if not isinstance(fields.get("excluded", _NONE_EXCLUDED)[name], kind):
            raise TypeError(f"excluded/{name} is not of type {kind.__name__}")
    if not all(isinstance(count, int) for count in fields.get("sampled", ())):
        raise TypeError("sampled is not a list of numbers")
    for split in ("train", "validation"):
        for name, kind in _SPLIT_KEYS.items():
            if not isinstance(fields["splits"][split][name], kind):
                raise TypeError(f"{split}/{name} is not of type {kind.__name__}")
    for name, files in fields["files"].items():
        if not all(isinstance(file, str) for file in files):
            raise TypeError(f"files/{name} is not a list of names")


def _split_change(
    split: str, before: Mapping[str, Any], now: Mapping[str, Any]
) -> list[str]:
    lines = _change(f"{split}, images", before["images"], now["images"])
    lines += _change(
        f"{split}, images of each class", before["per_class"], now["per_class"]
    )
    if not lines and before != now:
        lines = [f"{split}: other images or labels, of the same number"]
    return lines


def _change(name: str, before: Any, now: Any) -> list[str]:
    return [] if before == now else [f"{name}: {before} -> {now}"]


def _close(
    before: Mapping[str, Sequence[float]], now: Mapping[str, Sequence[float]]
) -> bool:
    """Returns whether statistics agree within the tolerance."""
    return before.keys() == now.keys() and all(
        len(before[name]) == len(now[name])
        and np.allclose(before[name], now[name], rtol=_TOLERANCE, atol=_TOLERANCE)
        for name in before
    )
