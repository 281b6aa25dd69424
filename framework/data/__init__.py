"""Data sets: functions that return a `Dataset`, listed in `DATASETS`."""

from __future__ import annotations

from collections.abc import Callable

from framework.config import spec
from framework.data import arrays, drawn, fashion_mnist, folder, table, tfds
from framework.data.dataset import Dataset
from framework.data.images import Images, Progress
from framework.data.inexact import inexact_stream
from framework.data.split import LabelledImages, LazySplit, Split
from framework.data.stratify import stratified_split

__all__ = [
    "DATASETS",
    "Dataset",
    "Images",
    "LabelledImages",
    "LazySplit",
    "Progress",
    "Split",
    "build",
    "check",
    "inexact_stream",
    "stratified_split",
]

DATASETS: dict[str, Callable[..., Dataset]] = {
    "arrays": arrays.arrays,
    "digits": arrays.digits,
    "drawn_flowers": drawn.drawn_flowers,
    "fashion_mnist": fashion_mnist.fashion_mnist,
    "folder": folder.folder,
    "noise": arrays.noise,
    "table": table.table,
    "tfds": tfds.tfds,
}


def build(text: str) -> Dataset:
    """Builds a data set from a spec, such as 'folder("data/flowers", size=64)'.

    A user's own function is named `module:function(...)` and must return a `Dataset`.

    >>> len(build("noise(train=100, validation=20, size=8)").train)
    100

    Args:
        text: A member of `DATASETS` or a user's own function, with its arguments.

    Raises:
        UsageError: The spec is wrong, or its data do not exist.
        RunError: The data are damaged or cannot be trained on.
    """
    call = spec.single(text)
    dataset = spec.build(call, DATASETS, "dataset")
    if not isinstance(dataset, Dataset):
        name = type(dataset).__name__
        raise spec.error(
            text,
            call.column,
            f"{call.name} must return a framework.data.Dataset, not {name}",
        )
    return dataset


def check(text: str) -> None:
    """Validates the name and the arguments of a spec without reading data.

    >>> check("digits(validation=0.1)")

    Raises:
        UsageError: There is no such data set, or it has no such argument.
    """
    call = spec.single(text)
    spec.arguments(call, spec.look_up(call, DATASETS, "dataset"))
