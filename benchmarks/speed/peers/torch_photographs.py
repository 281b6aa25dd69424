"""Photographs in PyTorch's usual way: a data set and a loader, decoded by Pillow."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch.utils import data

from benchmarks.speed.workloads import CROP, Workload


class Photographs(data.Dataset):
    """Images of a folder with a folder for each class, as (image, label).

    Args:
        folder: The folder.
        workload: Tells the size, and whether files are decoded once.
        train: Whether images are cropped at random after padding, and flipped.
    """

    def __init__(self, folder: pathlib.Path, workload: Workload, train: bool):
        self._paths = sorted(folder.glob("*/*.jpg"))
        names = sorted({path.parent.name for path in self._paths})
        self._labels = [names.index(path.parent.name) for path in self._paths]
        self._size = (workload.shape[1], workload.shape[0])
        self._train = train
        self._decoded: dict[int, np.ndarray] = {}
        self._is_cached = workload.photographs == "cached"

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = torch.from_numpy(self._pixels(index)).permute(2, 0, 1)
        if self._train:
            image = _augmented(image)
        return image.float() / 127.5 - 1, self._labels[index]

    def _pixels(self, index: int) -> np.ndarray:
        if index in self._decoded:
            return self._decoded[index]
        with Image.open(self._paths[index]) as file:
            image = file.convert("RGB").resize(self._size, Image.Resampling.BILINEAR)
        pixels = np.array(image)
        if self._is_cached:
            self._decoded[index] = pixels
        return pixels


def _augmented(image: torch.Tensor) -> torch.Tensor:
    """Returns a random crop of the padded image, [3, H, W], flipped by chance."""
    height, width = image.shape[1:]
    padded = torch.nn.functional.pad(image, [CROP] * 4)
    top, left = torch.randint(2 * CROP + 1, (2,)).tolist()
    cropped = padded[:, top : top + height, left : left + width]
    return cropped.flip(2) if torch.rand(()) < 0.5 else cropped


class Loader:
    """Batches of a folder's images, with channels last in memory.

    Args:
        folder: The folder.
        workload: The workload.
        train: Whether to shuffle and augment.
    """

    def __init__(self, folder: pathlib.Path, workload: Workload, train: bool):
        dataset = Photographs(folder, workload, train)
        self._loader = data.DataLoader(dataset, workload.batch_size, shuffle=train)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for images, labels in self._loader:
            yield images.contiguous(memory_format=torch.channels_last), labels
