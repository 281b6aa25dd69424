"""The speed of matrix products on this machine, to which benchmarks are compared.

    python -m benchmarks.speed.peak --library=tensorflow

Square matrices of three sizes, in float32 and bfloat16; the fastest of several goes.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable

SIZES = (512, 1024, 2048)
_LINE = "peak: "


def main() -> None:
    """Prints GFLOP/s by precision."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", default="tensorflow")
    print(_LINE + json.dumps(fastest(parser.parse_args().library)))


def fastest(library: str) -> dict[str, float]:
    """Measures GFLOP/s in this process, by precision."""
    make = {"tensorflow": _tensorflow, "torch": _torch}[library]
    return {
        precision: max(_speed(make(size, precision), size) for size in SIZES)
        for precision in ("float32", "bfloat16")
    }


def read(output: str) -> dict[str, float]:
    """Returns the measurements in the output of a process; {} if it has failed."""
    for line in output.splitlines():
        if line.startswith(_LINE):
            return json.loads(line.removeprefix(_LINE))
    return {}


def _speed(product: Callable[[], object], size: int) -> float:
    product()
    seconds = []
    for _ in range(5):
        start = time.process_time()
        product()
        seconds.append(time.process_time() - start)
    return 2 * size**3 / min(seconds) / 1e9


def _tensorflow(size: int, precision: str) -> Callable[[], object]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    a = tf.cast(tf.random.normal([size, size]), precision)
    return tf.function(lambda: tf.reduce_max((a @ a)[0]))


def _torch(size: int, precision: str) -> Callable[[], object]:
    import torch

    a = torch.randn(size, size).to(getattr(torch, precision))
    return lambda: a @ a


if __name__ == "__main__":
    main()
