"""Divides a data set as in a recorded run, whatever files were added or deleted since.

Images that were evaluated once are then never trained on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framework.data import fingerprint
from framework.data.dataset import Dataset
from framework.data.files import files_of
from framework.data.joining import joined
from framework.data.record import DataRecord

# The flags that say which division of the files is drawn.
_DIVIDED_BY = ("dataset", "fold")


def keep_split(
    record: DataRecord, dataset: Dataset, drawn: Mapping[str, Any]
) -> Dataset:
    """Divides a data set as in the recorded run, if it was divided at random.

    Validation images of that run are then never trained on, whatever files have
    been added or deleted since. New files are trained on, unless their group is
    used for validation.

    Args:
        record: The record of the run.
        dataset: The current data set.
        drawn: The current flags that its division depends on. With another
            `dataset` spec or `fold`, the data set is returned unchanged.
    """
    recorded = record.fields["files"].get("validation")
    before = record.fields["drawn"]
    is_same = all(before.get(name) == drawn.get(name) for name in _DIVIDED_BY)
    if recorded is None or not fingerprint.has_drawn_files(dataset) or not is_same:
        return dataset
    names = fingerprint.file_names(dataset)
    if set(recorded) == set(names["validation"]):
        return dataset
    return _divided(dataset, names, set(recorded))


def held_out(
    record: DataRecord, dataset: Dataset, drawn: Mapping[str, Any]
) -> np.ndarray | None:
    """Returns the indices of the held-out training images, int64.

    Args:
        record: The record of the run.
        dataset: From `keep_split`.
        drawn: The current flags that the division depends on.

    Returns:
        None if none are recorded for these flags.
    """
    recorded = record.fields["files"].get("train_dev")
    is_same = record.fields["drawn"] == drawn
    if recorded is None or not fingerprint.has_drawn_files(dataset) or not is_same:
        return None
    names = fingerprint.file_names(dataset)["train"]
    chosen = np.isin(names, list(recorded))
    return np.flatnonzero(_whole_groups(chosen, dataset.train.groups))


def test_part(record: DataRecord, dataset: Dataset) -> np.ndarray | None:
    """Returns the indices of the training images of the drawn test part, int64.

    Files that have been added since are trained on, unless their group is in the
    test part. None of the recorded ones ever is, whatever flags have changed.

    Args:
        record: The record of the run.
        dataset: From `keep_split`, before its test part is drawn.

    Returns:
        None if no such files are recorded, or none of them is there.
    """
    recorded = record.fields["files"].get("test")
    if recorded is None or files_of(dataset.train) is None or dataset.is_test_drawn:
        return None
    names = fingerprint.file_names(dataset)["train"]
    chosen = np.isin(names, list(recorded))
    indices = np.flatnonzero(_whole_groups(chosen, dataset.train.groups))
    return indices if len(indices) else None


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
