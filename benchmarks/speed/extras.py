"""The overhead of a run, as fractions of the time of its training steps.

    taskset -c 0 python -m benchmarks.speed.extras --workload=W1

In one process, epoch after epoch, each thing is done and timed as in a run with the
defaults: a checkpoint and an evaluation of training images each epoch, a line of the
log with a measured step every 50 steps, TensorBoard and predictions. Printed are
medians over the epochs, in processor time, which includes threads that work beside
training.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.speed.peers import whyflat
from benchmarks.speed.workloads import WORKLOADS

LOG_EVERY = 50


def main() -> None:
    """Prints a line for each kind of overhead."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", default="W1", choices=sorted(WORKLOADS))
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--epochs", type=int, default=8)
    chosen = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        _things(chosen, Path(folder)) as things,
    ):
        # The first epoch makes graphs.
        for number in range(chosen.epochs + 1):
            for name, do in things.items():
                start = time.process_time()
                do(number)
                spent = time.process_time() - start
                seconds.setdefault(name, []).append(spent)
    medians = {name: statistics.median(spent[1:]) for name, spent in seconds.items()}
    for line in shares(medians, WORKLOADS[chosen.workload].train):
        print(line)


def shares(medians: dict[str, float], images: int) -> Iterator[str]:
    """Returns lines with each overhead as a fraction of the steps of an epoch.

    Args:
        medians: Seconds of each thing: of the "steps" of an epoch, of a "step", of a
            "measured step", and of what happens once an epoch.
        images: Of an epoch.
    """
    steps, step = medians["steps"], medians["step"]
    per_epoch = steps / step
    times = {
        name: spent
        for name, spent in medians.items()
        if name not in ("steps", "step", "measured step")
    }
    times["measuring a step"] = (
        (medians["measured step"] - step) * per_epoch / LOG_EVERY
    )
    yield f"{1000 * steps:.1f} ms of steps an epoch of {images:,} images; besides:"
    for name, spent in times.items():
        yield f"{name:34}{spent / steps:6.1%}"
    yield f"{'in all':34}{sum(times.values()) / steps:6.1%}"


@contextlib.contextmanager
def _things(
    chosen: argparse.Namespace, folder: Path
) -> Iterator[dict[str, Callable[[int], object]]]:
    """Yields the parts of an epoch by name, as functions of its number."""
    from framework.launch import components, start
    from framework.launch import reports as reports_lib
    from framework.launch.role import ALONE
    from framework.report import console
    from framework.report.timing import Timing

    workload = WORKLOADS[chosen.workload]
    config = whyflat.config(
        workload, chosen.epochs + 1, chosen.precision, str(folder), {}
    )
    dataset = whyflat.dataset(workload, str(folder))
    built = components.build(config, None, dataset, lambda *_: None)
    folder = Path(config.workdir)
    folder.mkdir()
    history, checkpoints, _ = start.open_folder(config, built, folder, True)
    per_epoch = built.plan.steps_per_epoch
    timing = Timing(built.plan.total_steps, config.batch_size)
    lines = reports_lib.build_console(config, built, timing, console.console())
    options = reports_lib.Options((), (), ALONE)
    files, board, *_ = reports_lib.file_reports(
        config, built, folder, timing, lines, history, {}, options
    )
    for report in (timing, files, board):
        report.started(0)
    evaluations = built.evaluations()
    predictions = evaluations(lambda: None)

    def summarise(epoch: int) -> None:
        step = (epoch + 1) * per_epoch
        metrics = {"epoch": 1.0, **evaluations.summaries(predictions)}
        history.append(step, metrics)
        logged = {**built.loop.take_window(), "gradient_norm": 1.0, "update_norm": 1.0}
        for report in (files, board):
            report.logged(step, logged)
            report.evaluated(step, metrics, predictions)

    def save(epoch: int) -> None:
        checkpoints.save((epoch + 1) * per_epoch)
        checkpoints.wait()

    things = {
        "steps": lambda epoch: built.loop(epoch * per_epoch, per_epoch),
        "step": lambda epoch: built.loop(epoch * per_epoch, 1),
        "measured step": lambda epoch: built.loop.measured_step(epoch * per_epoch),
        "evaluating training images": lambda epoch: evaluations._evaluators[
            "train_clean"
        ](lambda: None),
        "metrics, TensorBoard, predictions": summarise,
        "a checkpoint": save,
    }
    try:
        yield things
    finally:
        for report in (timing, files, board):
            report.stopped()


if __name__ == "__main__":
    main()
