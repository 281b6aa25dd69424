"""data.json: a description of a run's data, so that a resume can detect changes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework.data import fingerprint
from framework.data.dataset import Dataset
from framework.data.files import Files
from framework.data.joining import joined
from framework.data.split import LabelledImages, LazySplit, Split
from framework.errors import UsageError
from framework.system import atomic, json_text

_FORMAT = 1
# Sums of many numbers differ between processors by less than this, relatively.
_TOLERANCE = 1e-3
# Longer statistics, such as a whitening matrix, follow from the data's digest.
_MAX_STATISTICS = 16
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
# The flags that say which division of the files is drawn.
_DIVIDED_BY = ("dataset", "fold")
_OPTIONAL_KEYS = {
    "excluded": dict,
    "sampled": list,
    "several_labels": bool,
    "pixel_range": list,
    "decoding": dict,
}
_EXCLUDED_KEYS = {"images": int, "digest": str}
_NO_IMAGES = {"images": 0, "per_class": []}
# That of an image of unknown values: none is outside.
_UNKNOWN_RANGE = (0.0, 0.0)
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
            may have several, and decoding (how image files become pixels), if there are
            files.
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
        low, high = self.fields.get("pixel_range", _UNKNOWN_RANGE)
        return low, high

    def keep_split(self, dataset: Dataset, drawn: Mapping[str, Any]) -> Dataset:
        """Divides a data set as in the recorded run, if it was divided at random.

        Validation images of that run are then never trained on, whatever files have
        been added or deleted since. New files are trained on, unless their group is
        used for validation.

        Args:
            dataset: The current data set.
            drawn: The current flags that its division depends on. With another
                `dataset` spec or `fold`, the data set is returned unchanged.
        """
        recorded = self.fields["files"].get("validation")
        before = self.fields["drawn"]
        is_same = all(before.get(name) == drawn.get(name) for name in _DIVIDED_BY)
        if recorded is None or _drawn_files(dataset) is None or not is_same:
            return dataset
        names = fingerprint.file_names(dataset)
        if set(recorded) == set(names["validation"]):
            return dataset
        return _divided(dataset, names, set(recorded))

    def held_out(self, dataset: Dataset, drawn: Mapping[str, Any]) -> np.ndarray | None:
        """Returns the indices of the held-out training images, int64.

        Args:
            dataset: From `keep_split`.
            drawn: The current flags that the division depends on.

        Returns:
            None if none are recorded for these flags.
        """
        recorded = self.fields["files"].get("train_dev")
        is_same = self.fields["drawn"] == drawn
        if recorded is None or _drawn_files(dataset) is None or not is_same:
            return None
        names = fingerprint.file_names(dataset)["train"]
        chosen = np.isin(names, list(recorded))
        return np.flatnonzero(_whole_groups(chosen, dataset.train.groups))

    def test(self, dataset: Dataset) -> np.ndarray | None:
        """Returns the indices of the training images of the drawn test part, int64.

        Files that have been added since are trained on, unless their group is in the
        test part. None of the recorded ones ever is, whatever flags have changed.

        Args:
            dataset: From `keep_split`, before its test part is drawn.

        Returns:
            None if no such files are recorded, or none of them is there.
        """
        recorded = self.fields["files"].get("test")
        if recorded is None or _files(dataset.train) is None or dataset.is_test_drawn:
            return None
        names = fingerprint.file_names(dataset)["train"]
        chosen = np.isin(names, list(recorded))
        indices = np.flatnonzero(_whole_groups(chosen, dataset.train.groups))
        return indices if len(indices) else None

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


def describe(
    dataset: Dataset,
    held_out: np.ndarray,
    statistics: Mapping[str, np.ndarray],
    drawn: Mapping[str, Any],
    excluded: np.ndarray | None = None,
    sampled: np.ndarray | None = None,
) -> DataRecord:
    """Describes a run's data; reads all of them, or only the sizes of large files.

    Args:
        dataset: All splits.
        held_out: int64 indices of the training images that are not trained on.
        statistics: Normalisation statistics of the training images, by name.
        drawn: The flags that the division depends on: dataset, train_dev, seed, test,
            fold.
        excluded: int64 indices of the training images that --exclude leaves out.
        sampled: int [n], the classes of the images in the first epoch, unless each
            image comes once.

    Raises:
        OSError: A file cannot be read.
    """
    files: dict[str, list[str]] = {}
    if _drawn_files(dataset) is not None:
        names = fingerprint.file_names(dataset)
        files = {
            "validation": names["validation"],
            "train_dev": [names["train"][index] for index in held_out],
        }
    if dataset.is_test_drawn and _files(dataset.train) is not None:
        files["test"] = fingerprint.file_names(dataset)["test"]
    splits = {"train": dataset.train, "validation": dataset.validation}
    if dataset.test is not None:
        splits["test"] = dataset.test
    further: dict[str, Any] = {}
    if excluded is not None and len(excluded):
        further["excluded"] = _counted(excluded)
    if dataset.has_several_labels:
        further["several_labels"] = True
    if images := _files(dataset.train):
        further["decoding"] = images.decoding
    if sampled is not None:
        counts = np.bincount(sampled, minlength=dataset.num_classes)
        further["sampled"] = counts.tolist()
    return DataRecord(
        {
            "format": _FORMAT,
            "name": dataset.name,
            "image_shape": list(dataset.image_shape),
            "dtype": str(dataset.train.dtype),
            "class_names": list(dataset.class_names),
            "splits": {
                name: fingerprint.describe(split, dataset.num_classes)
                for name, split in splits.items()
            },
            "held_out": _counted(held_out),
            "normalize": {
                name: np.asarray(value, np.float64).ravel().tolist()
                for name, value in statistics.items()
                if np.size(value) <= _MAX_STATISTICS
            },
            "drawn": dict(drawn),
            "files": files,
            "pixel_range": list(pixel_range(dataset.train)),
            **further,
        }
    )


def pixel_range(split: LabelledImages) -> tuple[float, float]:
    """Returns the least and the greatest value of the images of a split.

    Files are not read: those of bytes are taken to use all values.
    """
    if isinstance(split, Split) and split.images.size:
        return float(split.images.min()), float(split.images.max())
    return (0.0, 255.0) if split.dtype == np.uint8 else _UNKNOWN_RANGE


def _counted(indices: np.ndarray) -> dict[str, Any]:
    return {"images": len(indices), "digest": fingerprint.of_indices(indices)}


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


def _drawn_files(dataset: Dataset) -> tuple[Files, Files] | None:
    """Returns the training and validation files if they were divided at random."""
    train, validation = _files(dataset.train), _files(dataset.validation)
    # The data set of a trial may have arrays in place of files.
    if not dataset.is_split_drawn or train is None or validation is None:
        return None
    return train, validation


def _files(split: LabelledImages) -> Files | None:
    if isinstance(split, LazySplit) and isinstance(split.images, Files):
        return split.images
    return None


def _check_fields(fields: Mapping[str, Any]) -> None:
    """Raises ValueError, TypeError or KeyError if the content is not as written."""
    if fields.get("format") != _FORMAT:
        raise ValueError(f"it is not of format {_FORMAT}")
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


def _divided(
    dataset: Dataset, names: Mapping[str, Sequence[str]], validation: set[str]
) -> Dataset:
    """Divides the files of a data set anew.

    Args:
        dataset: The data set.
        names: Their names, by split.
        validation: The names of the files to use for validation.
    """
    everything = joined(dataset.train, dataset.validation)
    if everything is None:
        return dataset
    listed = [*names["train"], *names["validation"]]
    # In the order of a new listing: by class, then by name.
    order = np.lexsort((np.array(listed), everything.labels))
    everything = everything.take(order)
    chosen = np.array([listed[index] in validation for index in order])
    chosen = _whole_groups(chosen, everything.groups)
    return dataclasses.replace(
        dataset,
        train=everything.take(np.flatnonzero(~chosen)),
        validation=everything.take(np.flatnonzero(chosen)),
    )


def _whole_groups(chosen: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Returns a choice of images, bool [N], with all images of the same groups."""
    return chosen if groups is None else np.isin(groups, groups[chosen])


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
