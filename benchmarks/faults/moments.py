"""Trains as experiments.train does, and sends itself signals at a chosen moment.

    python -m benchmarks.faults.moments SIGNAL TIMES NAME NUMBER --flags...

At the NUMBER-th moment of this NAME (or of "any"), from 1, the process gets the SIGNAL
TIMES times; at none if the number is 0. Each moment is named on stderr as it comes.
With FAULTS_CLOCK in the environment, the clock is fast by that many seconds.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

import numpy as np

from experiments.train import CONFIG
from framework.data.batches import MemoryBatches
from framework.loop.checkpoint import Checkpoints
from framework.loop.evaluator import Evaluator
from framework.loop.train_loop import TrainLoop
from framework.main import main
from framework.report.history import History
from framework.report.tensorboard import TensorBoard

# What is about to be done at a moment, and what its moments are called.
MOMENTS = (
    # These run while TensorFlow traces a step, the others each time.
    (TrainLoop, "_step", "compile"),
    (Evaluator, "_step", "compile evaluation"),
    (TrainLoop, "__call__", "train"),
    (TrainLoop, "measured_step", "probe"),
    (MemoryBatches, "open", "epoch"),
    (History, "append", "record"),
    (TensorBoard, "logged", "log"),
    (TensorBoard, "evaluated", "draw"),
    (Checkpoints, "save", "save"),
    (Checkpoints, "restore_best", "rewind"),
    # One for each array of a checkpoint, in the middle of its file.
    (np.lib.format, "write_array_header_1_0", "write"),
    (os, "fsync", "sync"),
    (os, "replace", "put in place"),
    (os, "unlink", "let go"),
)


def watch(
    owner: object, name: str, moment: str, reached: Callable[[str], None]
) -> None:
    """Makes a function report each call before it runs."""
    function = getattr(owner, name)

    def call(*args, **kwargs):
        reached(moment)
        return function(*args, **kwargs)

    setattr(owner, name, call)


def watch_all(number: int, times: int, chosen: str, place: int) -> None:
    """Sends this process signals at one moment.

    Args:
        number: Of the signal.
        times: How often to send it.
        chosen: What the moment is called, or "any".
        place: Which of those of this name, from 1; 0 for none.
    """
    count = 0

    def reached(moment):
        nonlocal count
        # In one piece: there are two threads.
        os.write(2, f"moment {moment}\n".encode())
        count += chosen in ("any", moment)
        if count == place and chosen in ("any", moment):
            for _ in range(times):
                os.kill(os.getpid(), number)

    evaluate = Evaluator.__call__

    def evaluated(self, rows, check):
        return evaluate(self, rows, lambda: (reached("evaluate"), check()))

    Evaluator.__call__ = evaluated
    for owner, name, moment in MOMENTS:
        watch(owner, name, moment, reached)


def set_clock_ahead(seconds: float) -> None:
    """Sets the clock of this process ahead."""
    right = time.time
    time.time = lambda: right() + seconds


if __name__ == "__main__":
    set_clock_ahead(float(os.environ.get("FAULTS_CLOCK", 0)))
    name, times, chosen, place = sys.argv[1:5]
    del sys.argv[1:5]
    watch_all(signal.Signals[name], int(times), chosen, int(place))
    main(CONFIG)
