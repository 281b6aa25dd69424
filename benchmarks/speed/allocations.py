"""Counts the memory allocations of a training step, which need no timing.

    python -m benchmarks.speed.allocations

Trains the networks of `benchmarks.speed.kernels`, and prints how often a step allocates
memory, and how many bytes, by the events of TensorFlow's own memory pool in a profile.
It is the difference of four steps and two, so that what happens once a call is left
out. The exit code is 1 if a step takes more than `LIMITS`.

The numbers vary by 5 %: whether an operation reuses the memory of its input depends on
what other threads have done. A single copy is seen by `benchmarks.speed.kernels`; here
it is seen that operations cannot reuse memory any more, or need much temporary memory.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import sys
import tempfile

# TensorFlow reads it when it is imported. Memory of malloc is not traced.
os.environ["TF_CPU_ALLOCATOR_USE_BFC"] = "true"

import tensorflow as tf

from benchmarks.speed.kernels import CASES, build
from framework.launch.components import Components

# The allocations of a step of each case and their bytes, a tenth more than the most of
# six measurements, with oneDNN on one and two cores of a processor with AMX. Kernels
# for another processor may need other temporary memory.
LIMITS = {
    "plain": (63, 173_000),
    "residual": (313, 2_375_000),
    "augmented": (110, 183_000),
    "bfloat16": (83, 247_000),
}
_EVENT, _BYTES = "MemoryAllocation", "requested_bytes"


def step(flags: dict[str, object]) -> tuple[int, int]:
    """Returns the number of allocations of a training step, and their bytes.

    Args:
        flags: Fields of the config of the training.
    """
    built = build(flags)
    # The first calls compile.
    built.loop(0, 2)
    few, many = _traced(built, 1, 2), _traced(built, 2, 4)
    return (many[0] - few[0]) // 2, (many[1] - few[1]) // 2


def _traced(built: Components, epoch: int, steps: int) -> tuple[int, int]:
    """Returns allocations and their bytes of the first steps of an epoch."""
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            built.loop(epoch * built.plan.steps_per_epoch, steps)
        (path,) = glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)
        return _allocations(path)


def _allocations(path: str) -> tuple[int, int]:
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    with open(path, "rb") as file:
        space.ParseFromString(file.read())
    sizes = [
        next(
            stat.int64_value or stat.uint64_value
            for stat in event.stats
            if plane.stat_metadata[stat.metadata_id].name == _BYTES
        )
        for plane in space.planes
        for line in plane.lines
        for event in line.events
        if plane.event_metadata[event.metadata_id].name.startswith(_EVENT)
    ]
    return len(sizes), sum(sizes)


def main() -> None:
    """Prints a line for each case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--flags", help="count these instead, of a config, as JSON")
    chosen = parser.parse_args()
    if chosen.flags:
        print(json.dumps(step(json.loads(chosen.flags))))
        return
    is_more = False
    for name, flags in CASES.items():
        measured, limits = step(flags), LIMITS[name]
        print(
            f"{name}: {measured[0]} allocations of {measured[1]:,} bytes in a step, "
            f"at most {limits[0]} of {limits[1]:,} expected"
        )
        is_more |= any(a > b for a, b in zip(measured, limits, strict=True))
    sys.exit(is_more)


if __name__ == "__main__":
    main()
