"""Data sets: each is a function that returns a `Dataset`, listed in `DATASETS`."""

from __future__ import annotations

from collections.abc import Callable

from framework.config import spec
from framework.data import arrays, drawn, fashion_mnist, folder, tfds
from framework.data.dataset import Dataset, Images, Progress, Split, stratified_split

__all__ = [
    "DATASETS",
    "Dataset",
    "Images",
    "Progress",
    "Split",
    "build",
    "check",
    "stratified_split",
]

DATASETS: dict[str, Callable[..., Dataset]] = {
    "arrays": arrays.arrays,
    "digits": arrays.digits,
    "drawn_flowers": drawn.drawn_flowers,
    "fashion_mnist": fashion_mnist.fashion_mnist,
    "folder": folder.folder,
    "noise": arrays.noise,
    "tfds": tfds.tfds,
}


def build(text: str) -> Dataset:
    """Returns the data set of a spec, such as 'folder("data/flowers", size=64)'.

    A function of the user's own, `module:function(...)`, returns a `Dataset`.

    Raises:
        UsageError: The spec is wrong, or its data are not there.
        RunError: The data are damaged, or no training could use them.
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
    """Checks the name and the arguments of a spec, and reads no data.

    Raises:
        UsageError: There is no such data set, or it has no such arguments.
    """
    call = spec.single(text)
    spec.arguments(call, spec.look_up(call, DATASETS, "dataset"))
