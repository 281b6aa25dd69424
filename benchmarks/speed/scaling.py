"""The growth of the cost of training with batch, image, data, devices, steps per call.

    taskset -c 0,1 python -m benchmarks.speed.scaling --png=scaling.png
    python -m benchmarks.speed.scaling --vary=devices,input

The net is the seed article's first, on 64x64x3 images, 32 a step, unless it says
otherwise; each point is a process of its own. "CPU us" is processor time an image,
which neighbours on the machine hardly change; "us" is time of the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np

from framework.system import atomic

_LINE = "point: "
_TINY = "cnn(filters=(16,), dense=32)"
# What is varied, over which values; and what else is different there.
AXES: dict[str, tuple[tuple, dict]] = {
    "batch_size": ((1, 4, 16, 64, 256), {}),
    "size": ((16, 32, 64, 128), {}),
    "train": ((256, 1024, 4096, 16384), {"size": 32}),
    "steps_per_call": ((1, 4, 16, 64), {"size": 8, "model": _TINY, "train": 4096}),
    "devices": ((1, 2, 4), {}),
    "train_for": (("1ep", "10ep", "1000ep"), {}),
    "input": (("memory", "stream, 64x64", "stream, 320x240"), {}),
}
# From such a share of the time on, input is what limits.
_BOUND = 0.1
# What limits at either end, as the figures and a profile of each end say.
LIMITS = {
    "batch_size": "few: an update of 1.6 M weights a step; many: convolutions",
    "size": "small: dispatch and the update of weights; large: convolutions",
    "train": "nothing: memory grows by the images, once, as bytes",
    "steps_per_call": "few: Python and TensorFlow's call; many: its executor's 1-10 us "
    "an operation",
    "devices": "the devices are parts of the same processor",
    "train_for": "nothing: memory does not depend on the length",
    "input": "decoding, of large photographs",
}


def main() -> None:
    """Prints a table, or measures a point of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--vary",
        default=",".join(AXES),
        help="comma-separated quantities to vary, such as batch_size",
    )
    parser.add_argument("--png", default="", help="PNG file to draw the curves to")
    parser.add_argument(
        "--point", default="", help="point to measure in this process, as JSON"
    )
    chosen = parser.parse_args()
    if chosen.point:
        print(_LINE + json.dumps(measured(json.loads(chosen.point))))
        return
    print(
        "| | | us | CPU us | first step s | peak MB | limited by |\n" + "|---" * 7 + "|"
    )
    curves: dict[str, list[tuple]] = {}
    for axis in chosen.vary.split(","):
        values, others = AXES[axis]
        for value in values:
            costs = _process({**others, axis: value})
            curves.setdefault(axis, []).append((value, costs))
            limit = LIMITS[axis] if value == values[0] else ""
            print(
                f"| {axis} | {value} | {costs['wall']:,.0f} | {costs['cpu']:,.0f} | "
                f"{costs['first_step']:.1f} | {costs['peak_mb']:,.0f} | {limit} |",
                flush=True,
            )
    for line in input_shares(curves.get("input", [])):
        print(line)
    if chosen.png:
        atomic.write_bytes(pathlib.Path(chosen.png), drawn(curves))


def input_shares(points: list[tuple[str, dict]]) -> Iterator[str]:
    """Yields lines with the fraction of the time that reading input takes.

    Args:
        points: Kinds of input, the first from memory, and their measurements.
    """
    for value, costs in points[1:]:
        share = 1 - points[0][1]["wall"] / costs["wall"]
        line = f"{value}: input takes {share:.0%} of the time"
        if share >= _BOUND:
            more = costs["cpu"] - points[0][1]["cpu"]
            line += (
                f", input-bound: {more:,.0f} us of processor an image for reading and "
                f"decoding, which {len(os.sched_getaffinity(0))} core(s) must do "
                "beside training; --input=memory does it once"
            )
        yield line


def _process(point: dict) -> dict:
    """Measures a point in a new process."""
    point = {**point, "started": time.time()}
    command = [
        sys.executable,
        "-m",
        "benchmarks.speed.scaling",
        f"--point={json.dumps(point)}",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        if line.startswith(_LINE):
            return json.loads(line.removeprefix(_LINE))
    raise SystemExit(f"{point} failed: {done.stderr.strip().splitlines()[-1]}")


def measured(point: dict) -> dict:
    """Returns microseconds per image, seconds to the first step, and memory.

    Args:
        point: What is different from the usual, and when the process was started.
    """
    from framework.config import Config
    from framework.launch import components

    started, most = point.pop("started"), point.pop("steps_per_call", 0)
    values = settings(point)
    with tempfile.TemporaryDirectory() as folder:
        if values.get("input", "").startswith("stream"):
            side = tuple(map(int, values["input"].split()[1].split("x")))
            values["dataset"] = _photographs(pathlib.Path(folder), side)
            values["input"] = "stream"
        built = components.build(Config(**values), None, None, lambda *_: None)
        built.loop(0, 1)
        first_step = time.time() - started
        spans = _spans(built.loop, built.loop.feed.per_epoch, most)
    images = built.loop.feed.size
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "wall": 1e6 * statistics.median(wall for wall, _ in spans) / images,
        "cpu": 1e6 * statistics.median(cpu for _, cpu in spans) / images,
        "first_step": first_step,
        "peak_mb": usage.ru_maxrss / 1024,
    }


def settings(point: dict) -> dict:
    """Returns the fields of a config for a point; of a stream not yet where it is."""
    point = dict(point)
    size, train = point.pop("size", 64), point.pop("train", 1024)
    if point.get("devices", 1) > 1:
        point["strategy"] = "mirrored"
    return {
        "dataset": f"noise(train={train}, validation=32, size={size})",
        "model": "cnn(filters=(32, 64), dense=128)",
        "normalize": "none",
        "train_dev": 0.0,
        **point,
    }


def _spans(loop: object, per_epoch: int, most: int) -> list[tuple[float, float]]:
    """Returns the seconds of each epoch: wall-clock and CPU time."""
    spans, epochs = [], 3
    for epoch in range(1, 1 + epochs):
        start = time.perf_counter(), time.process_time()
        for index in range(0, per_epoch, most or per_epoch):
            count = min(most or per_epoch, per_epoch - index)
            loop(epoch * per_epoch + index, count)
        loop.is_finite()
        spans.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return spans[1:]


def _photographs(folder: pathlib.Path, side: tuple[int, int]) -> str:
    """Writes a folder of JPEG files, and returns the spec of its data set."""
    from PIL import Image

    generator = np.random.default_rng(0)
    width, height = side
    for index in range(1024):
        path = folder / f"class {index % 5}" / f"{index}.jpg"
        path.parent.mkdir(exist_ok=True)
        coarse = generator.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
        picture = Image.fromarray(coarse).resize(side, Image.Resampling.BICUBIC)
        picture.save(path, quality=90)
    return f"folder({str(folder)!r}, size=64)"


def drawn(curves: dict[str, list[tuple]]) -> bytes:
    """Draws CPU time per image against each varied quantity, as PNG."""
    import io

    from matplotlib.figure import Figure

    numeric = {
        axis: points
        for axis, points in curves.items()
        if all(isinstance(value, int) for value, _ in points)
    }
    figure = Figure(figsize=(3 * len(numeric), 2.8), layout="constrained")
    grid = figure.subplots(1, len(numeric), squeeze=False)[0]
    for axes, (axis, points) in zip(grid, numeric.items(), strict=True):
        values = [value for value, _ in points]
        costs = [measurement["cpu"] for _, measurement in points]
        axes.plot(values, costs, "o-")
        axes.set(xscale="log", yscale="log", xlabel=axis)
        axes.set_xticks(values, values)
        axes.set_yticks(costs, [f"{cost:,.0f}" for cost in costs])
        axes.minorticks_off()
    grid[0].set_ylabel("CPU us an image")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
