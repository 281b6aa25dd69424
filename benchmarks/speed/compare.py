"""Compares this framework with other libraries on one workload.

    taskset -c 0 python -m benchmarks.speed.compare --workload=W1 --python_torch=PATH

Each trains in a process of its own; the processes take turns, round after round, so
that all of them see the machine at the same speed. Ratios are taken within a round, to
Keras's `fit` in float32, on arrays or, from W5 on, with tf.data; printed is their
median, and the least and the most. With --turns the processes of a round take turns
after each epoch, and ratios are taken within a turn: of a workload that takes long to
start this gives many ratios, of moments seconds apart.

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
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

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
    parser.add_argument(
        "--turns",
        action="store_true",
        help="take turns after each epoch, not after each process",
    )
    parser.add_argument(
        "--precisions",
        default="float32,bfloat16",
        help="comma-separated: only peers that compute in one of them",
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
    peaks = _peaks(interpreters) if workload.megaflops else {}
    lines: dict[str, list[dict]] = {name: [] for name in chosen}
    print(
        f"{options.workload}: {workload.about}; {workload.train:,} images, "
        f"{workload.batch_size} a step, {options.epochs} epochs, "
        f"{len(os.sched_getaffinity(0))} core(s)"
        + "".join(f"; {name} {value:,.0f} GFLOP/s" for name, value in peaks.items())
    )
    for number in range(options.rounds):
        processes = {}
        for name, peer in chosen.items():
            processes[name] = _Process(peer, interpreters[peer.needs], options)
            processes[name].next()
        while any(process.is_waiting for process in processes.values()):
            for process in processes.values():
                process.next()
        for name, process in processes.items():
            if process.line:
                lines[name].append(process.line)
        # After each, so that a run that is broken off leaves what it has.
        text = table(lines, workload, peaks, options.turns)
        print(f"after {number + 1} round(s):\n{text}", flush=True)


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
        wanted &= peer.precision in options.precisions.split(",")
        if not (wanted or name == base(WORKLOADS[options.workload])):
            continue
        if peer.only and options.workload not in peer.only:
            continue
        if not installed[peer.needs]:
            print(f"{name} is left out: {peer.needs} is not installed")
            continue
        chosen[name] = peer
    return chosen


class _Process:
    """A process of a peer, which trains until its next turn.

    Attributes:
        line: Its measurements, when it has ended; None if it failed.
        is_waiting: Whether it waits for a turn.
    """

    def __init__(self, peer: Peer, python: str, options: argparse.Namespace):
        command = [
            python,
            "-m",
            f"benchmarks.speed.peers.{peer.module}",
            *peer.arguments,
            f"--workload={options.workload}",
            f"--epochs={options.epochs}",
            f"--started={time.time()}",
            *["--turns"] * options.turns,
        ]
        self._name = peer.module
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.line: dict | None = None
        self.is_waiting = False
        self._is_started = False

    def next(self) -> None:
        """Lets it train until it waits again, or to its end."""
        if self._is_started:
            if not self.is_waiting:
                return
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        self._is_started, self.is_waiting = True, False
        last = ""
        for text in self._process.stdout:
            if text.strip() == meter.TURN:
                self.is_waiting = True
                return
            self.line = meter.read(text) or self.line
            last = text
        self._process.wait()
        if not self.line:
            print(f"{self._name} failed: {last.strip()}")


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
    lines: dict[str, list[dict]],
    workload: Workload,
    peaks: dict[str, float],
    turns: bool = False,
) -> str:
    """Returns a table of the measurements in Markdown.

    Args:
        lines: The measurements of each peer, by round.
        workload: The workload that they trained.
        peaks: Gigaflops a second of matrix products, by precision.
        turns: Whether ratios are those of epochs, not of processes.
    """
    spread = "95 %" if turns else "least to most"
    rows = [
        f"| | images/s | x ({spread}) | images/CPU s | x ({spread}) | of peak "
        "| first step s | whole process s | CPU s | peak MB | accuracy |",
        "|---" * 11 + "|",
    ]
    for name, measured in lines.items():
        if not measured:
            continue
        speeds = {
            kind: [speed(each, kind, workload) for each in measured]
            for kind in meter.KINDS
        }
        texts = []
        for kind in meter.KINDS:
            ratios = _ratios(measured, lines[base(workload)], kind, workload, turns)
            texts.append(f"{statistics.median(speeds[kind]):,.0f}")
            low, high = median_interval(ratios) if turns else (min(ratios), max(ratios))
            texts.append(f"{statistics.median(ratios):.2f} ({low:.2f}-{high:.2f})")
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


def _ratios(
    lines: list[dict], of_base: list[dict], kind: str, workload: Workload, turns: bool
) -> list[float]:
    """Returns how many times as fast as the base a peer is, by round or by turn.

    The last turn is left out: in it this framework compiles a step that it measures.
    """
    if not turns:
        pairs = zip(lines, of_base, strict=False)
        return [speed(a, kind, workload) / speed(b, kind, workload) for a, b in pairs]
    return [
        theirs / own
        for line, other in zip(lines, of_base, strict=False)
        for own, theirs in zip(
            epochs(line, kind, workload)[:-1],
            epochs(other, kind, workload)[:-1],
            strict=False,
        )
    ]


def base(workload: Workload) -> str:
    """Returns the peer that the others are compared to."""
    return BASE if workload.base == "arrays" else _TFDATA


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Returns an interval that has the median with at least 95 %.

    It is the least and the most of fewer than nine values.

    >>> median_interval([1, 2, 3, 4, 5, 6, 7, 8, 9])
    (2, 8)
    """
    ordered, count = sorted(values), len(values)
    below, outside = 0, 2.0
    # Twice the probability that at most `below` values are on one side of the median,
    # times 2**count.
    while below < count / 2 - 1:
        outside += 2.0 * math.comb(count, below + 1)
        if outside / 2**count > 0.05:
            break
        below += 1
    return ordered[below], ordered[count - 1 - below]


def speed(line: dict, kind: str, workload: Workload) -> float:
    """Returns images per second of what is timed, by wall-clock or by CPU time.

    It is the median over the epochs of a process but the first.
    """
    return workload.images / statistics.median(epochs(line, kind, workload))


def epochs(line: dict, kind: str, workload: Workload) -> list[float]:
    """Returns the seconds of what is timed of each epoch but the first."""
    seconds = line[f"train_{kind}"]
    if workload.measures_evaluation:
        pairs = zip(seconds, line[f"evaluate_{kind}"], strict=True)
        seconds = [train + evaluate for train, evaluate in pairs]
    return seconds[1:] or seconds


if __name__ == "__main__":
    main()
