"""Compares this framework with other libraries on one workload.

    taskset -c 0 python -m benchmarks.speed.compare --workload=W1 --python_torch=PATH

Each trains in a process of its own; the processes take turns, round after round, so
that all of them see the machine at the same speed. Ratios are taken within a round, to
Keras's `fit` in float32, on arrays or, from W5 on, with tf.data; printed is their
median, and the least and the most.

All train on the same images for the same epochs, evaluate all validation images after
each, and print a line. "Training" is all from one evaluation to the next, of an epoch
as they usually are: the median of those of a process but the first, in which graphs are
made. This framework is as a user has it: it also writes checkpoints, TensorBoard curves
and predictions, measures steps, and evaluates training images, all within "training";
the others do nothing of that.

What is not installed is left out. Another interpreter can be named for PyTorch and JAX.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import subprocess
import sys
import time

from benchmarks.speed import meter, peak
from benchmarks.speed.workloads import WORKLOADS, Workload

BASE = "Keras fit, arrays"
_TFDATA = "Keras fit, tf.data, autotune off"


@dataclasses.dataclass(frozen=True)
class Peer:
    """A library, and how it trains.

    Attributes:
        module: Of benchmarks/peers.
        needs: The library without which it cannot run.
        arguments: Of its command.
        only: The workloads it is for; all if empty.
    """

    module: str
    needs: str = "keras"
    arguments: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    @property
    def precision(self) -> str:
        """The floating-point type of its computation."""
        return "bfloat16" if "--precision=bfloat16" in self.arguments else "float32"


_BF16 = "--precision=bfloat16"
_CNN = ("W1", "W4", "W4L")
_ARRAYS = tuple(name for name, each in WORKLOADS.items() if each.base == "arrays")
_LARGER = tuple(name for name in WORKLOADS if name not in _ARRAYS)
_COMPILED = ("W3", *_LARGER)
PEERS = {
    BASE: Peer("keras_fit", only=_ARRAYS),
    "Whyflat": Peer("whyflat"),
    _TFDATA: Peer("keras_fit", "keras", ("--input=tfdata",)),
    "tf.function loop, autotune off": Peer("tf_function", only=_ARRAYS),
    "PyTorch": Peer("torch_loop", "torch"),
    "PyTorch, compiled": Peer("torch_loop", "torch", ("--compile=1",), _COMPILED),
    "JAX": Peer("jax_loop", "jax", (), _CNN),
    "Whyflat, bfloat16": Peer("whyflat", "keras", (_BF16,)),
    "Keras fit, arrays, bfloat16": Peer("keras_fit", "keras", (_BF16,), _ARRAYS),
    "Keras fit, tf.data, bfloat16": Peer(
        "keras_fit", "keras", (_BF16, "--input=tfdata"), _LARGER
    ),
    "PyTorch, bfloat16": Peer("torch_loop", "torch", (_BF16,)),
    "PyTorch, compiled, bfloat16": Peer(
        "torch_loop", "torch", (_BF16, "--compile=1"), _COMPILED
    ),
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", default="W1", choices=sorted(WORKLOADS))
    parser.add_argument("--epochs", type=int, default=20, help="epochs of each process")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each peer")
    parser.add_argument(
        "--peers",
        default="",
        help="comma-separated texts: only peers with one of them in the name",
    )
    for library in ("torch", "jax"):
        parser.add_argument(
            f"--python_{library}",
            default=sys.executable,
            help="Python interpreter that has it installed",
        )
    return parser.parse_args()


def main() -> None:
    """Prints a table."""
    options = _options()
    interpreters = {
        "keras": sys.executable,
        "torch": options.python_torch,
        "jax": options.python_jax,
    }
    chosen = _chosen(interpreters, options)
    workload = WORKLOADS[options.workload]
    peaks = _peaks(interpreters)
    lines: dict[str, list[dict]] = {name: [] for name in chosen}
    print(
        f"{options.workload}: {workload.about}; {workload.train:,} images, "
        f"{workload.batch_size} a step, {options.epochs} epochs, "
        f"{len(os.sched_getaffinity(0))} core(s); products: "
        + ", ".join(f"{name} {speed:,.0f} GFLOP/s" for name, speed in peaks.items())
    )
    for number in range(options.rounds):
        for name, peer in chosen.items():
            line = _run(peer, interpreters[peer.needs], options)
            if line:
                lines[name].append(line)
        # After each, so that a run that is broken off leaves what it has.
        print(
            f"after {number + 1} round(s):\n{table(lines, workload, peaks)}", flush=True
        )


def _chosen(
    interpreters: dict[str, str], options: argparse.Namespace
) -> dict[str, Peer]:
    """Returns the peers that can run; prints those that cannot."""
    installed = {
        library: not subprocess.run(
            [
                python,
                "-c",
                f"import importlib.util as u; u.find_spec('{library}').name",
            ],
            capture_output=True,
        ).returncode
        for library, python in interpreters.items()
    }
    chosen = {}
    for name, peer in PEERS.items():
        wanted = any(part in name for part in options.peers.split(","))
        if not (wanted or name == base(WORKLOADS[options.workload])):
            continue
        if peer.only and options.workload not in peer.only:
            continue
        if not installed[peer.needs]:
            print(f"{name} is left out: {peer.needs} is not installed")
            continue
        chosen[name] = peer
    return chosen


def _run(peer: Peer, python: str, options: argparse.Namespace) -> dict | None:
    """Returns the measurements of a process of a peer; None if it failed."""
    command = [
        python,
        "-m",
        f"benchmarks.speed.peers.{peer.module}",
        *peer.arguments,
        f"--workload={options.workload}",
        f"--epochs={options.epochs}",
        f"--started={time.time()}",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    line = meter.read(done.stdout)
    if not line:
        print(f"{peer.module} failed: {done.stderr.strip().splitlines()[-1:]}")
    return line


def _peaks(interpreters: dict[str, str]) -> dict[str, float]:
    """Returns GFLOP/s of matrix products by precision, of the fastest library."""
    best: dict[str, float] = {}
    for library in ("tensorflow", "torch"):
        python = interpreters["torch" if library == "torch" else "keras"]
        command = [python, "-m", "benchmarks.speed.peak", f"--library={library}"]
        done = subprocess.run(command, capture_output=True, text=True)
        for precision, speed in peak.read(done.stdout).items():
            best[precision] = max(best.get(precision, 0.0), speed)
    return best


def table(
    lines: dict[str, list[dict]], workload: Workload, peaks: dict[str, float]
) -> str:
    """Returns a table of the measurements in Markdown.

    Args:
        lines: The measurements of each peer, by round.
        workload: The workload that they trained.
        peaks: Gigaflops a second of matrix products, by precision.
    """
    rows = [
        "| | images/s | x (least to most) | images/CPU s | x (least to most) | of peak "
        "| first step s | whole process s | CPU s | peak MB | accuracy |",
        "|---" * 11 + "|",
    ]
    for name, measured in lines.items():
        if not measured:
            continue
        speeds = {
            kind: [speed(each, kind, workload) for each in measured] for kind in KINDS
        }
        texts = []
        for kind in KINDS:
            of_base = [speed(each, kind, workload) for each in lines[base(workload)]]
            ratios = [a / b for a, b in zip(speeds[kind], of_base, strict=False)]
            texts.append(f"{statistics.median(speeds[kind]):,.0f}")
            texts.append(
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
            )
        roof = peaks.get(PEERS[name].precision)
        used = statistics.median(speeds["cpu"]) * workload.megaflops / 1000
        texts.append(f"{used / roof:.1%}" if roof and used else "-")
        for key, digits in (("first_step", 1), ("wall", 1), ("cpu", 1), ("peak_mb", 0)):
            texts.append(
                f"{statistics.median(each[key] for each in measured):,.{digits}f}"
            )
        texts.append(f"{statistics.median(each['accuracy'] for each in measured):.1%}")
        rows.append(f"| {name} | " + " | ".join(texts) + " |")
    return "\n".join(rows)


KINDS = ("wall", "cpu")


def base(workload: Workload) -> str:
    """Returns the peer that the others are compared to."""
    return BASE if workload.base == "arrays" else _TFDATA


def speed(line: dict, kind: str, workload: Workload) -> float:
    """Returns images per second of what is timed, by wall-clock or by CPU time.

    It is the median over the epochs of a process but the first.
    """
    seconds = line[f"train_{kind}"]
    if workload.measures_evaluation:
        pairs = zip(seconds, line[f"evaluate_{kind}"], strict=True)
        seconds = [train + evaluate for train, evaluate in pairs]
    return workload.images / statistics.median(seconds[1:] or seconds)


if __name__ == "__main__":
    main()
