"""Compares two runs bit by bit: rows, arrays, curves and temporary files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.plugin_event_accumulator import (
    EventAccumulator,
)
from tensorboard.util import tensor_util

from framework.config import Config
from framework.system import archive

# Quick, with all that has state: a controller, dropout, best checkpoints.
SMALL = Config(
    model="mlp(units=(8,), dropout=.3)",
    schedule="(warmup(10%) + cosine) * plateau('validation/loss', patience=1)",
    batch_size=128,
    train_for="3ep",
    log_every="4",
    checkpoint_every="7",
    keep_best=2,
)


def arrays(folder: Path) -> dict[str, np.ndarray]:
    """Returns all arrays of the latest checkpoint and of the best ones."""
    paths = [max(folder.glob("checkpoints/*.npz")), *folder.glob("best/*.npz")]
    return {
        f"{path.relative_to(folder)}/{name}": value
        for path in paths
        for name, value in archive.read(path).items()
    }


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Returns the points of each TensorBoard curve, except the speed."""
    points = {}
    for part in ("train", "train_clean", "train_dev", "validation"):
        if not any((folder / part).glob("events.*")):
            continue
        accumulator = EventAccumulator(str(folder / part), size_guidance={"tensors": 0})
        accumulator.Reload()
        for tag in accumulator.PluginTagToContent("scalars"):
            if tag != "speed/images_per_second":
                points[f"{part}/{tag}"] = [
                    (event.step, tensor_util.make_ndarray(event.tensor_proto).item())
                    for event in accumulator.Tensors(tag)
                ]
    return points


def difference(actual: Path, expected: Path) -> str | None:
    """Returns the first difference of two runs; None if they are the same.

    Args:
        actual: A run's folder.
        expected: That of a run of the same config, to which nothing has happened.
    """
    rows = [
        (folder / "metrics.jsonl").read_text().splitlines()
        for folder in (actual, expected)
    ]
    if rows[0] != rows[1]:
        return f"metrics.jsonl differs: {_of_rows(*rows)}"
    problem = _of_arrays(arrays(actual), arrays(expected))
    if problem:
        return problem
    one, other = curves(actual), curves(expected)
    for tag in sorted(one.keys() | other.keys()):
        if repr(one.get(tag)) != repr(other.get(tag)):
            return f"TensorBoard's curve {tag} differs"
    lines = [
        len((folder / "timing.jsonl").read_text().splitlines())
        for folder in (actual, expected)
    ]
    if lines[0] != lines[1]:
        return "timing.jsonl has another number of lines"
    leftovers = sorted(actual.rglob("*.tmp"))
    return f"{leftovers[0].name} is left over" if leftovers else None


def _of_rows(actual: Sequence[str], expected: Sequence[str]) -> str:
    """Returns the first metric that differs."""
    for one, other in zip(map(json.loads, actual), map(json.loads, expected)):  # noqa: B905
        for name in one.keys() | other.keys():
            if repr(one.get(name)) != repr(other.get(name)):
                return f"{name} of step {other['step']}"
    return f"{len(actual)} rows, not {len(expected)}"


def _of_arrays(
    actual: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]
) -> str | None:
    if actual.keys() != expected.keys():
        return f"there are other arrays: {min(actual.keys() ^ expected.keys())}"
    for name, value in expected.items():
        if actual[name].dtype != value.dtype or actual[name].shape != value.shape:
            return f"{name} has another type or shape"
        if actual[name].tobytes() != value.tobytes():
            return f"{name} differs"
    return None
