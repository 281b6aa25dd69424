"""This framework with its defaults: metrics, checkpoints, TensorBoard, step statistics.

    python -m benchmarks.speed.peers.whyflat --workload=W1 --epochs=6

Only the clock is added, which receives each evaluation of validation images. Whatever
else happens between two evaluations counts as training. Where an epoch is a few steps
only, the evaluation of training images does not, there is one checkpoint, at the end,
and no measured step; `benchmarks.speed.extras` measures these.
"""

from __future__ import annotations

import pathlib
import tempfile

from benchmarks.speed import meter as meter_lib
from benchmarks.speed.peers.keras_nets import APPLICATIONS
from benchmarks.speed.workloads import (
    CROP,
    WORKLOADS,
    Workload,
    images,
    write_photographs,
)

_PHOTOGRAPHS = "photographs"


def main() -> None:
    """Trains and prints the measurements."""
    arguments = meter_lib.arguments(("--set", {"action": "append", "default": []}))
    workload = WORKLOADS[arguments.workload]
    meter = meter_lib.Meter(arguments)

    from framework.launch import run

    with tempfile.TemporaryDirectory() as folder:
        given = dataset(workload, folder)
        changes = dict(text.split("=", 1) for text in arguments.set)
        settings = config(
            workload, arguments.epochs, arguments.precision, folder, changes
        )
        _time(meter, workload.is_short)
        result = run.run(settings, dataset=given)
        meter.write(result.history["validation/accuracy"][-1])


def dataset(workload: Workload, folder: str) -> object | None:
    """Returns the workload's images as a data set of the framework.

    Args:
        workload: If it is of photographs, they are written, and None is returned.
        folder: As in `config`, which names the photographs in it.
    """
    from framework.data.dataset import Dataset
    from framework.data.split import Split

    if workload.photographs:
        write_photographs(workload, pathlib.Path(folder) / _PHOTOGRAPHS)
        return None
    data = images(workload)
    return Dataset(
        "benchmark",
        Split(data["x_train"], data["y_train"]),
        Split(data["x_validation"], data["y_validation"]),
        tuple(f"class {index}" for index in range(workload.classes)),
    )


def config(
    workload: Workload, epochs: int, precision: str, folder: str, changes: dict
) -> object:
    """Returns the config of a workload, with defaults for all other fields.

    Args:
        workload: The workload.
        epochs: The length of the run.
        precision: The floating-point type of its computation.
        folder: The run is in it.
        changes: Other fields by name, as texts.
    """
    from framework.config import Config
    from framework.config.config import field_types

    augment = "rotate(20) + shift(.1) + shear(.1) + zoom(.1) + flip + fill('nearest')"
    values = {
        "dataset": "given(0)",
        "model": _model(workload),
        "augment": augment * workload.augment,
        "learning_rate": workload.learning_rate,
        "batch_size": workload.batch_size,
        "train_for": f"{epochs}ep",
        "precision": precision,
        # All peers train on all images.
        "train_dev": 0.0,
        "workdir": f"{folder}/run",
    }
    if workload.is_short:
        values |= {"checkpoint_every": "100%", "log_every": "1000000"}
    if workload.photographs:
        is_cached = workload.photographs == "cached"
        size = workload.shape[:2]
        values |= {
            "dataset": f"folder({f'{folder}/{_PHOTOGRAPHS}'!r}, size={size})",
            "input": "stream",
            "cache": f"{folder}/cache" if is_cached else "off",
            "augment": f"pad_crop({CROP}) + flip + fill('constant')",
        }
    types = field_types()
    # On the command line of this program, values are texts.
    changes = {
        name: int(value) if types[name] is int else value
        for name, value in changes.items()
    }
    return Config(**{**values, **changes})


def _model(workload: Workload) -> str:
    if workload.net == "cnn":
        return (
            f"cnn(filters={workload.filters}, dense={workload.dense}, "
            f"dropout={workload.dropout})"
        )
    if workload.net in APPLICATIONS:
        return f"applications({APPLICATIONS[workload.net]!r})"
    return "vit" if workload.net == "vit" else "resnet(depth=20)"


def _time(meter: meter_lib.Meter, is_short: bool) -> None:
    """Makes the framework call the meter at the same moments as the other peers.

    Args:
        meter: The meter.
        is_short: Whether training ends where the first evaluation begins, not where
            that of the validation images does.
    """
    from framework.launch import components
    from framework.report.timing import Timing

    evaluations, advanced = components.Components.evaluations, Timing.advanced

    def timed_evaluations(self):
        built = evaluations(self)
        evaluators = built._evaluators
        first, last = next(iter(evaluators)), "validation"
        begins = first if is_short else last

        def timed(name):
            evaluate = evaluators[name]

            def call(check):
                if name == begins:
                    meter.trained()
                predictions = evaluate(check)
                if name == last:
                    meter.evaluated()
                return predictions

            return call

        built._evaluators = {name: timed(name) for name in evaluators}
        return built

    def timed_advanced(self, step, seconds):
        meter.stepped()
        advanced(self, step, seconds)

    components.Components.evaluations = timed_evaluations
    Timing.advanced = timed_advanced


if __name__ == "__main__":
    main()
