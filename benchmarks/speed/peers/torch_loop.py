"""PyTorch: its usual loop, with its options for speed on a CPU.

    python -m benchmarks.speed.peers.torch_loop --workload=W1 --compile=0

Memory is channels-last, Adam is fused, bfloat16 is by autocast. Images are in one
tensor, a batch is taken out by its indices; augmentation is one affine sampling.
"""

from __future__ import annotations

import contextlib
import math

from benchmarks.speed import meter as meter_lib
from benchmarks.speed.workloads import WORKLOADS, Workload, images, scaled


def net(workload: Workload) -> object:
    """Builds the network in the usual way."""
    from torch import nn

    if not workload.filters:
        return _resnet(workload.classes)
    layers, (side, _, channels) = [], workload.shape
    for count in workload.filters:
        layers += [nn.Conv2d(channels, count, 3), nn.ReLU(), nn.MaxPool2d(2)]
        channels, side = count, (side - 2) // 2
    layers += [nn.Flatten(), nn.Linear(channels * side**2, workload.dense), nn.ReLU()]
    if workload.dropout:
        layers.append(nn.Dropout(workload.dropout))
    return nn.Sequential(*layers, nn.Linear(workload.dense, workload.classes))


def _resnet(classes: int) -> object:
    from torch import nn
    from torch.nn import functional

    def convolve(before, after, size=3, stride=1):
        convolution = nn.Conv2d(
            before, after, size, stride, padding=size // 2, bias=False
        )
        return nn.Sequential(convolution, nn.BatchNorm2d(after))

    class Block(nn.Module):
        def __init__(self, before, after, stride):
            super().__init__()
            self.first = convolve(before, after, stride=stride)
            self.second = convolve(after, after)
            self.skip = nn.Identity()
            if before != after:
                self.skip = convolve(before, after, 1, stride)

        def forward(self, x):
            inner = self.second(functional.relu(self.first(x)))
            return functional.relu(self.skip(x) + inner)

    layers, before = [convolve(3, 16), nn.ReLU()], 16
    for stage in range(3):
        for index in range(3):
            after, stride = 16 * 2**stage, 2 if stage and not index else 1
            layers.append(Block(before, after, stride))
            before = after
    pooled = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes)]
    return nn.Sequential(*layers, *pooled)


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


def main() -> None:
    """Trains and prints the measurements."""
    arguments = meter_lib.arguments(("--compile", {"type": int, "default": 0}))
    workload = WORKLOADS[arguments.workload]
    meter = meter_lib.Meter(arguments.started)
    import torch
    from torch.nn import functional

    torch.manual_seed(0)
    model = net(workload).to(memory_format=torch.channels_last)
    call = torch.compile(model) if arguments.compile else model
    optimizer = torch.optim.Adam(
        model.parameters(), workload.learning_rate, eps=1e-7, fused=True
    )
    data = {
        name: torch.from_numpy(values)
        for name, values in scaled(images(workload)).items()
    }
    for name in ("train", "validation"):
        data[f"x_{name}"] = (
            data[f"x_{name}"]
            .permute(0, 3, 1, 2)
            .contiguous(memory_format=torch.channels_last)
        )
        data[f"y_{name}"] = data[f"y_{name}"].long()

    def cast():
        if arguments.precision == "bfloat16":
            return torch.autocast("cpu", torch.bfloat16)
        return contextlib.nullcontext()

    def run(name: str, train: bool) -> list[float]:
        x, y = data[f"x_{name}"], data[f"y_{name}"]
        model.train(train)
        loss_sum, correct = torch.zeros([]), torch.zeros([], dtype=torch.int64)
        order = torch.randperm(len(x)) if train else torch.arange(len(x))
        for rows in order.split(workload.batch_size):
            labels, batch = y[rows], x[rows]
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
            loss_sum += loss.detach() * len(rows)
            correct += (logits.argmax(1) == labels).sum()
        return [float(loss_sum) / len(x), float(correct) / len(x)]

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
