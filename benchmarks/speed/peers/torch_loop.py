"""PyTorch: its usual loop, with its options for speed on a CPU.

    python -m benchmarks.speed.peers.torch_loop --workload=W1 --compile=0

Memory is channels-last, Adam is fused, bfloat16 is by autocast. Images are in one
tensor, a batch is taken out by its indices; augmentation is one affine sampling.
Photographs come from a `DataLoader` without processes of its own, for one core.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import pathlib
import tempfile
from collections.abc import Iterator

from benchmarks.speed import meter as meter_lib
from benchmarks.speed.workloads import (
    WORKLOADS,
    Workload,
    images,
    scaled,
    write_photographs,
)


def augmented(x: object) -> object:
    """Applies a random affine map to each image, as in the seed article."""
    import torch
    from torch.nn import functional

    count = len(x)

    def uniform(by: float) -> torch.Tensor:
        return (torch.rand(count) * 2 - 1) * by

    angle, shear = uniform(math.radians(20)), uniform(math.radians(0.1))
    flip = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    zoom_x, zoom_y = 1 + uniform(0.1), 1 + uniform(0.1)
    rows = (
        torch.stack([flip * cos * zoom_x, -torch.sin(angle + shear), uniform(0.2)], 1),
        torch.stack([flip * sin, torch.cos(angle + shear) * zoom_y, uniform(0.2)], 1),
    )
    grid = functional.affine_grid(torch.stack(rows, 1), x.shape, align_corners=False)
    return functional.grid_sample(
        x, grid, padding_mode="border", align_corners=False
    ).contiguous(memory_format=torch.channels_last)


class _Tensors:
    """Batches of images in one tensor, with channels last in memory."""

    def __init__(self, data: dict, name: str, size: int):
        import torch

        images = torch.from_numpy(data[f"x_{name}"]).permute(0, 3, 1, 2)
        self._images = images.contiguous(memory_format=torch.channels_last)
        self._labels = torch.from_numpy(data[f"y_{name}"]).long()
        self._size, self._is_shuffled = size, name == "train"

    def __iter__(self) -> Iterator[tuple]:
        import torch

        count = len(self._labels)
        order = torch.randperm(count) if self._is_shuffled else torch.arange(count)
        for rows in order.split(self._size):
            yield self._images[rows], self._labels[rows]


def _parts(workload: Workload) -> dict:
    """Returns the batches of training and validation, by name."""
    names = ("train", "validation")
    if not workload.photographs:
        data = scaled(images(workload))
        return {name: _Tensors(data, name, workload.batch_size) for name in names}
    from benchmarks.speed.peers.torch_photographs import Loader

    folder = pathlib.Path(tempfile.mkdtemp())
    write_photographs(workload, folder)
    return {name: Loader(folder / name, workload, name == "train") for name in names}


def main() -> None:
    """Trains and prints the measurements."""
    arguments = meter_lib.arguments(("--compile", {"type": int, "default": 0}))
    for _ in range(arguments.repeats):
        _train(arguments)


def _train(arguments: argparse.Namespace) -> None:
    workload = WORKLOADS[arguments.workload]
    meter = meter_lib.Meter(arguments)
    import torch
    from torch.nn import functional

    from benchmarks.speed.peers.torch_nets import net

    torch.manual_seed(0)
    model = net(workload).to(memory_format=torch.channels_last)
    call = torch.compile(model) if arguments.compile else model
    optimizer = torch.optim.Adam(
        model.parameters(), workload.learning_rate, eps=1e-7, fused=True
    )
    parts = _parts(workload)

    def cast():
        if arguments.precision == "bfloat16":
            return torch.autocast("cpu", torch.bfloat16)
        return contextlib.nullcontext()

    def run(name: str, train: bool) -> list[float]:
        part, count = parts[name], 0
        model.train(train)
        loss_sum, correct = torch.zeros([]), torch.zeros([], dtype=torch.int64)
        for batch, labels in part:
            if train and workload.augment:
                batch = augmented(batch)
            with cast():
                logits = call(batch).float()
            loss = functional.cross_entropy(logits, labels)
            if train:
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                meter.stepped()
            loss_sum += loss.detach() * len(labels)
            correct += (logits.argmax(1) == labels).sum()
            count += len(labels)
        return [float(loss_sum) / count, float(correct) / count]

    for epoch in range(arguments.epochs):
        trained = run("train", True)
        meter.trained()
        with torch.no_grad():
            validated = run("validation", False)
        meter.evaluated()
        meter_lib.log(epoch, trained + validated)
    meter.write(validated[-1])


if __name__ == "__main__":
    main()
