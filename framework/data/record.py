"""data.json: what the data of a run were, so that no resume trains on other data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework.data import fingerprint
from framework.data.dataset import Dataset, Split
from framework.data.folder import Files
from framework.errors import UsageError
from framework.system import atomic, json_text

_FORMAT = 1
# Statistics are compared as closely as processors agree on sums of many numbers.
_TOLERANCE = 1e-3
# Longer ones, such as a whitening matrix, follow from the data's digest.
_MOST_STATISTICS = 16
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
_SPLIT_KEYS = {"images": int, "per_class": list, "digest": str, "covers": str}


@dataclasses.dataclass(frozen=True, eq=False)
class DataRecord:
    """What the data of a run were; the content of data.json.

    Attributes:
        fields: JSON values by name: name, image_shape, dtype, class_names, splits
            (for "train" and "validation" the number of images, in all and per class,
            and a digest of images and labels), held_out (the number and a digest of
            the training images that are not trained on), normalize (statistics of the
            training images), drawn (the flags that the division depends on), and
            files (by name, which were held out of training, where it was drawn).
    """

    fields: Mapping[str, Any]

    def difference(self, other: DataRecord) -> list[str]:
        """Returns in a line each how `other` differs from this; [] if it does not."""
        lines = []
        for name in ("image_shape", "dtype", "class_names"):
            lines += _change(name, self.fields[name], other.fields[name])
        for split, before in self.fields["splits"].items():
            lines += _split_change(split, before, other.fields["splits"][split])
        if not lines and self.fields["held_out"] != other.fields["held_out"]:
            lines.append("train_dev: other training images are held out")
        # Other images have other statistics: that says nothing more.
        if not lines and not _close(
            self.fields["normalize"], other.fields["normalize"]
        ):
            lines.append("normalize: other statistics of the same training images")
        return lines

    def keep_split(self, dataset: Dataset, drawn: Mapping[str, Any]) -> Dataset:
        """Returns a data set divided as it was in the recorded run.

        Only where the division was drawn by the program: images that were validated on
        are never trained on, whatever files have been added or deleted since. New
        files are trained on.

        Args:
            dataset: As it is now.
            drawn: The flags that its division depends on; if the data set's spec is
                another one, so is the division.
        """
        recorded = self.fields["files"].get("validation")
        is_same = self.fields["drawn"].get("dataset") == drawn["dataset"]
        if recorded is None or not _is_drawn(dataset) or not is_same:
            return dataset
        names = fingerprint.file_names(dataset)
        if set(recorded) == set(names["validation"]):
            return dataset
        return _divided(dataset, names, set(recorded))

    def held_out(self, dataset: Dataset, drawn: Mapping[str, Any]) -> np.ndarray | None:
        """Returns which training images were held out: int64; None if not recorded.

        Args:
            dataset: From `keep_split`.
            drawn: As there; if any is another one, nothing is recorded of it.
        """
        recorded = self.fields["files"].get("train_dev")
        is_same = self.fields["drawn"] == drawn
        if recorded is None or not _is_drawn(dataset) or not is_same:
            return None
        names = fingerprint.file_names(dataset)["train"]
        return np.flatnonzero(np.isin(names, list(recorded)))


def describe(
    dataset: Dataset,
    held_out: np.ndarray,
    statistics: Mapping[str, np.ndarray],
    drawn: Mapping[str, Any],
) -> DataRecord:
    """Returns the record of a run's data; reads them all, or their files' sizes.

    Args:
        dataset: Both splits.
        held_out: int64 indices of the training images that are not trained on.
        statistics: Of the training images, by name, from normalisation.
        drawn: The flags that the division depends on: dataset, train_dev, seed.

    Raises:
        OSError: A file cannot be read.
    """
    files = {}
    if _is_drawn(dataset):
        names = fingerprint.file_names(dataset)
        files = {
            "validation": names["validation"],
            "train_dev": [names["train"][index] for index in held_out],
        }
    splits = {"train": dataset.train, "validation": dataset.validation}
    return DataRecord(
        {
            "format": _FORMAT,
            "name": dataset.name,
            "image_shape": list(dataset.image_shape),
            "dtype": str(dataset.train.images.dtype),
            "class_names": list(dataset.class_names),
            "splits": {
                name: fingerprint.describe(split, dataset.num_classes)
                for name, split in splits.items()
            },
            "held_out": {
                "images": len(held_out),
                "digest": fingerprint.of_indices(held_out),
            },
            "normalize": {
                name: np.asarray(value, np.float64).ravel().tolist()
                for name, value in statistics.items()
                if np.size(value) <= _MOST_STATISTICS
            },
            "drawn": dict(drawn),
            "files": files,
        }
    )


def read(folder: Path) -> DataRecord | None:
    """Returns the record in a run's folder; None if there is none.

    Raises:
        UsageError: It is damaged, or of another version.
    """
    path = folder / "data.json"
    try:
        fields = json_text.parse_object(atomic.read_bytes(path))
        _check_fields(fields)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise UsageError(
            f"{path} is damaged ({problem}); delete it to resume without comparing the "
            f"data with those of the run so far"
        ) from None
    return DataRecord(fields)


def write(folder: Path, record: DataRecord) -> None:
    """Writes data.json into a run's folder, whose lock this process holds."""
    text = json.dumps(record.fields, indent=1) + "\n"
    atomic.write_text(folder / "data.json", text)


def check(before: DataRecord, now: DataRecord, folder: Path) -> None:
    """Refuses data that are not those of the run so far.

    Raises:
        UsageError: They differ; each difference is in a line.
    """
    lines = before.difference(now)
    if lines:
        listed = "\n".join(f"    {line}" for line in lines)
        raise UsageError(
            f"the data are not those of the run in {folder}; bring them back, use "
            f"another --workdir, or --allow_data_change\n{listed}"
        )


def _is_drawn(dataset: Dataset) -> bool:
    """Returns whether the program has divided files; trials may hold arrays."""
    splits = dataset.train, dataset.validation
    return dataset.is_split_drawn and all(
        isinstance(split.images, Files) for split in splits
    )


def _check_fields(fields: Any) -> None:
    if fields.get("format") != _FORMAT:
        raise ValueError(f"it is not of format {_FORMAT}")
    for name, kind in _KEYS.items():
        if not isinstance(fields[name], kind):
            raise TypeError(f"{name} is not of type {kind.__name__}")
    for split in ("train", "validation"):
        for name, kind in _SPLIT_KEYS.items():
            if not isinstance(fields["splits"][split][name], kind):
                raise TypeError(f"{split}/{name} is not of type {kind.__name__}")
    for name, names in fields["files"].items():
        if not all(isinstance(each, str) for each in names):
            raise TypeError(f"files/{name} is not a list of names")


def _divided(
    dataset: Dataset, names: Mapping[str, Sequence[str]], validation: set[str]
) -> Dataset:
    """Returns a data set of the same files, of which some are validated on."""
    images = dataset.train.images
    everything = Split(
        dataclasses.replace(
            images, paths=(*images.paths, *dataset.validation.images.paths)
        ),
        np.concatenate([dataset.train.labels, dataset.validation.labels]),
    )
    listed = [*names["train"], *names["validation"]]
    # As in a fresh listing: by class, then by name.
    order = np.lexsort((listed, everything.labels))
    chosen = np.array([listed[index] in validation for index in order])
    return dataclasses.replace(
        dataset,
        train=everything.take(order[~chosen]),
        validation=everything.take(order[chosen]),
    )


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


def _close(before: Mapping[str, list], now: Mapping[str, list]) -> bool:
    return before.keys() == now.keys() and all(
        len(before[name]) == len(now[name])
        and np.allclose(before[name], now[name], rtol=_TOLERANCE, atol=_TOLERANCE)
        for name in before
    )
