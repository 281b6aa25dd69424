"""The time of a training step by kind of operation, and a lower bound of it.

    taskset -c 0 python -m benchmarks.speed.limit --workload=W2

An epoch is traced by TensorFlow's profiler, and the time of each kind of operation is
printed. Convolutions and matrix products are what a step cannot do without: were all
else free, a step would take as long as they do. How close they are to the fastest
matrix product on the machine (`benchmarks.speed.peak`, in the same process) says
whether they could be faster. With --operations=20, the 20 operations that take the most
time are listed as well.
"""

from __future__ import annotations

import argparse
import collections
import glob
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping

from benchmarks.speed import peak
from benchmarks.speed.peers import whyflat
from benchmarks.speed.workloads import WORKLOADS

PRODUCTS = "convolutions and matrix products"
# What the names of operations begin with, and what kind they are.
_KINDS = {
    "Conv2D": PRODUCTS,
    "FusedConv2D": PRODUCTS,
    "MatMul": PRODUCTS,
    "BatchMatMul": PRODUCTS,
    "DepthwiseConv2d": "depthwise convolutions",
    "FusedMatMul": PRODUCTS,
    "FusedBatchNorm": "batch norm",
    "MaxPool": "pooling",
    "Relu": "ReLU and sums",
    "Add": "ReLU and sums",
    "ResourceApply": "update of the weights",
    "Cast": "casts",
}
_FUSION = "fused by XLA: augmentation, ReLU"
_OTHERS = "TensorFlow's executor and all else"

# When an operation began, how long it took, both in picoseconds, and its name.
Event = tuple[int, int, str]


def main() -> None:
    """Prints a line for each kind of operation, and the limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", default="W1", choices=sorted(WORKLOADS))
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--operations", type=int, default=0, help="how many to list")
    chosen = parser.parse_args()
    workload = WORKLOADS[chosen.workload]
    operations, milliseconds = _measured(chosen)
    times = kinds(operations)
    most = sorted(operations.items(), key=lambda pair: -pair[1])
    for name, value in most[: chosen.operations]:
        print(f"{name:48}{value:8.2f} ms")
    gigaflops = workload.megaflops * workload.batch_size / 1000
    roof = peak.fastest("tensorflow")[chosen.precision]
    for line in report(times, milliseconds, gigaflops, roof):
        print(line)


def kinds(times: Mapping[str, float]) -> dict[str, float]:
    """Returns the summed times of operations by kind; leaves out those of no kind.

    The executor's own are among those, and so are the smallest: they are not traced.
    """
    totals: dict[str, float] = collections.Counter()
    for name, value in times.items():
        operation = operation_of(name)
        fits = [kind for start, kind in _KINDS.items() if operation.startswith(start)]
        if operation.endswith("fusion"):
            totals[_FUSION] += value
        elif fits:
            totals[fits[0]] += value
    return dict(totals)


def operation_of(name: str) -> str:
    """Returns the type of an operation by the name of its events."""
    operation = name.split(":")[-1].strip()
    for prefix in ("_Mkl", "Native"):
        operation = operation.removeprefix(prefix)
    return operation


def own_times(events: Iterable[Event]) -> dict[str, float]:
    """Returns milliseconds of each name, excluding nested events.

    Args:
        events: Of one thread.
    """
    totals: dict[str, float] = collections.Counter()
    around: list[tuple[int, str]] = []
    for start, length, name in sorted(events, key=lambda event: (event[0], -event[1])):
        while around and around[-1][0] <= start:
            around.pop()
        if around:
            totals[around[-1][1]] -= length / 1e9
        totals[name] += length / 1e9
        around.append((start + length, name))
    return dict(totals)


def report(
    times: Mapping[str, float], step: float, gigaflops: float, roof: float
) -> Iterator[str]:
    """Yields the lines of the report.

    Args:
        times: Milliseconds of each kind of operation in a step.
        step: Milliseconds of a step, including operations of no kind.
        gigaflops: Of a step, in convolutions and matrix products; 0 if unknown.
        roof: Gigaflops a second of the fastest matrix product.
    """
    yield f"{step:.2f} ms a step"
    for name, value in sorted(times.items(), key=lambda pair: -pair[1]):
        yield f"{name:36}{value:8.2f} ms {value / step:6.1%}"
    rest = max(step - sum(times.values()), 0.0)
    yield f"{_OTHERS:36}{rest:8.2f} ms {rest / step:6.1%}"
    if not gigaflops:
        return
    speed = 1000 * gigaflops / times[PRODUCTS]
    yield (
        f"{PRODUCTS}: {speed:,.0f} GFLOP/s, {speed / roof:.0%} of the fastest product "
        f"({roof:,.0f}); were all else free, a step would be "
        f"{step / times[PRODUCTS]:.2f} times as fast"
    )


def _measured(chosen: argparse.Namespace) -> tuple[dict[str, float], float]:
    """Returns milliseconds of each operation in a traced step, and of an untraced one.

    Operations of the same type are one.
    """
    import tensorflow as tf

    from framework.launch import components

    with tempfile.TemporaryDirectory() as folder:
        workload = WORKLOADS[chosen.workload]
        config = whyflat.config(workload, 1, chosen.precision, folder, {})
        dataset = whyflat.dataset(workload, folder)
        built = components.build(config, None, dataset, lambda *_: None)
        count = built.plan.steps_per_epoch
        # The first calls make graphs.
        built.loop(0, 1)
        seconds = []
        for epoch in range(1, 6):
            start = time.process_time()
            built.loop(epoch * count, count)
            seconds.append(time.process_time() - start)
        with tf.profiler.experimental.Profile(folder):
            built.loop(6 * count, count)
        totals: dict[str, float] = collections.Counter()
        for events in _threads(folder):
            for name, value in own_times(events).items():
                totals[operation_of(name)] += value
    per_step = {name: value / count for name, value in totals.items()}
    return per_step, 1000 * statistics.median(seconds) / count


def _threads(folder: str) -> Iterator[list[Event]]:
    """Yields the events of each thread of the trace in a folder."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    (path,) = glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)
    space = xplane_pb2.XSpace()
    with open(path, "rb") as file:
        space.ParseFromString(file.read())
    for plane in space.planes:
        if plane.name.startswith("/host:CPU"):
            names = plane.event_metadata
            for line in plane.lines:
                yield [
                    (event.offset_ps, event.duration_ps, names[event.metadata_id].name)
                    for event in line.events
                ]


if __name__ == "__main__":
    main()
