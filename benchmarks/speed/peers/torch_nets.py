"""The networks of the workloads in PyTorch, each in its usual way."""

from __future__ import annotations

import dataclasses

import torch
from torch import nn
from torch.nn import functional

from benchmarks.speed.workloads import Workload


def net(workload: Workload) -> nn.Module:
    """Builds the network of a workload, from images [N, C, H, W] to logits."""
    if workload.net == "cnn":
        return _cnn(workload)
    if workload.net == "vit":
        return VisionTransformer(workload.shape, workload.classes)
    build = {
        "resnet20": _resnet20,
        "mobilenet_v2": _mobilenet_v2,
        "efficientnet_b0": _efficientnet_b0,
        "resnet50": _resnet50,
    }[workload.net]
    return build(workload.classes)


class VisionTransformer(nn.Module):
    """A small vision transformer with mean pooling, as that of `keras_nets.vit`."""

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int,
        patch: int = 4,
        width: int = 192,
        depth: int = 6,
        heads: int = 3,
    ):
        super().__init__()
        height, side, channels = image_shape
        count = (height // patch) * (side // patch)
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.positions = nn.Parameter(0.02 * torch.randn(count, width))
        block = nn.TransformerEncoderLayer(
            width,
            heads,
            4 * width,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=1e-6,
            batch_first=True,
            norm_first=True,
        )
        self.blocks = nn.TransformerEncoder(
            block, depth, nn.LayerNorm(width, 1e-6), enable_nested_tensor=False
        )
        self.head = nn.Linear(width, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns logits."""
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        return self.head(self.blocks(tokens).mean(1))


@dataclasses.dataclass(frozen=True)
class _Stage:
    """Inverted residual blocks of one size."""

    expansion: int
    filters: int
    blocks: int
    stride: int
    kernel: int = 3


# Table 2 of Sandler et al. (2018) and table 1 of Tan & Le (2019).
_MOBILENET = (
    _Stage(1, 16, 1, 1),
    _Stage(6, 24, 2, 2),
    _Stage(6, 32, 3, 2),
    _Stage(6, 64, 4, 2),
    _Stage(6, 96, 3, 1),
    _Stage(6, 160, 3, 2),
    _Stage(6, 320, 1, 1),
)
_EFFICIENTNET = (
    _Stage(1, 16, 1, 1),
    _Stage(6, 24, 2, 2),
    _Stage(6, 40, 2, 2, 5),
    _Stage(6, 80, 3, 2),
    _Stage(6, 112, 3, 1, 5),
    _Stage(6, 192, 4, 2, 5),
    _Stage(6, 320, 1, 1),
)


class _Squeeze(nn.Module):
    """Squeeze-and-excitation."""

    def __init__(self, filters: int, inner: int):
        super().__init__()
        self.reduce = nn.Conv2d(filters, inner, 1)
        self.expand = nn.Conv2d(inner, filters, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = functional.silu(self.reduce(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.expand(inner))


class _Inverted(nn.Module):
    """An inverted residual block, with stochastic depth if `drop` is above 0."""

    def __init__(self, before: int, stage: _Stage, stride: int, act, squeeze, drop):
        super().__init__()
        inner = before * stage.expansion
        layers = []
        if stage.expansion > 1:
            layers += [_convolve(before, inner, 1), act()]
        layers += [_convolve(inner, inner, stage.kernel, stride, inner), act()]
        if squeeze:
            layers.append(_Squeeze(inner, max(1, before // 4)))
        self.layers = nn.Sequential(*layers, _convolve(inner, stage.filters, 1))
        self.is_residual = stride == 1 and before == stage.filters
        self.drop = drop

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.layers(x)
        if not self.is_residual:
            return inner
        if self.drop and self.training:
            kept = torch.rand(len(x), 1, 1, 1) >= self.drop
            inner = inner * kept.to(inner.dtype) / (1 - self.drop)
        return x + inner


def _inverted(
    stages: tuple[_Stage, ...], classes: int, act: type, squeeze: bool, drop: float
) -> nn.Module:
    layers, before, index = [_convolve(3, 32, 3, 2), act()], 32, 0
    total = sum(stage.blocks for stage in stages)
    for stage in stages:
        for place in range(stage.blocks):
            stride = 1 if place else stage.stride
            rate = drop * index / total
            layers.append(_Inverted(before, stage, stride, act, squeeze, rate))
            before, index = stage.filters, index + 1
    layers += [_convolve(before, 1280, 1), act(), *_pooled(1280, classes)]
    return nn.Sequential(*layers)


def _mobilenet_v2(classes: int) -> nn.Module:
    return _inverted(_MOBILENET, classes, nn.ReLU6, False, 0.0)


def _efficientnet_b0(classes: int) -> nn.Module:
    return _inverted(_EFFICIENTNET, classes, nn.SiLU, True, 0.2)


class _Bottleneck(nn.Module):
    """A block of ResNet-50 (He et al., 2015)."""

    def __init__(self, before: int, filters: int, stride: int):
        super().__init__()
        self.layers = nn.Sequential(
            _convolve(before, filters, 1, stride),
            nn.ReLU(),
            _convolve(filters, filters, 3),
            nn.ReLU(),
            _convolve(filters, 4 * filters, 1),
        )
        self.skip = nn.Identity()
        if before != 4 * filters:
            self.skip = _convolve(before, 4 * filters, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.skip(x) + self.layers(x))


def _resnet50(classes: int) -> nn.Module:
    layers = [_convolve(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    before = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        filters = 64 * 2**stage
        for index in range(blocks):
            stride = 2 if stage and not index else 1
            layers.append(_Bottleneck(before, filters, stride))
            before = 4 * filters
    return nn.Sequential(*layers, *_pooled(before, classes))


def _pooled(filters: int, classes: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(filters, classes)]


def _convolve(
    before: int, after: int, size: int = 3, stride: int = 1, groups: int = 1
) -> nn.Module:
    convolution = nn.Conv2d(
        before, after, size, stride, size // 2, groups=groups, bias=False
    )
    return nn.Sequential(convolution, nn.BatchNorm2d(after))


def _cnn(workload: Workload) -> nn.Module:
    layers, (side, _, channels) = [], workload.shape
    for count in workload.filters:
        layers += [nn.Conv2d(channels, count, 3), nn.ReLU(), nn.MaxPool2d(2)]
        channels, side = count, (side - 2) // 2
    layers += [nn.Flatten(), nn.Linear(channels * side**2, workload.dense), nn.ReLU()]
    if workload.dropout:
        layers.append(nn.Dropout(workload.dropout))
    return nn.Sequential(*layers, nn.Linear(workload.dense, workload.classes))


def _resnet20(classes: int) -> nn.Module:
    class Block(nn.Module):
        def __init__(self, before, after, stride):
            super().__init__()
            self.first = _convolve(before, after, stride=stride)
            self.second = _convolve(after, after)
            self.skip = nn.Identity()
            if before != after:
                self.skip = _convolve(before, after, 1, stride)

        def forward(self, x):
            inner = self.second(functional.relu(self.first(x)))
            return functional.relu(self.skip(x) + inner)

    layers, before = [_convolve(3, 16), nn.ReLU()], 16
    for stage in range(3):
        for index in range(3):
            after, stride = 16 * 2**stage, 2 if stage and not index else 1
            layers.append(Block(before, after, stride))
            before = after
    return nn.Sequential(*layers, *_pooled(before, classes))
