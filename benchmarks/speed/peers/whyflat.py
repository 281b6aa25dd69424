"""This framework with its defaults: metrics, checkpoints, TensorBoard, step statistics.

    python -m benchmarks.speed.peers.whyflat --workload=W1 --epochs=6

Only the clock is added: it is told when the validation images are evaluated. Whatever
else happens between two evaluations counts as training.
"""

from __future__ import annotations

import tempfile

from benchmarks.speed import meter as meter_lib
from benchmarks.speed.workloads import WORKLOADS, Workload, images


def main() -> None:
    """Trains and prints the measurements."""
    arguments = meter_lib.arguments(("--set", {"action": "append", "default": []}))
    workload = WORKLOADS[arguments.workload]
    meter = meter_lib.Meter(arguments.started)

    from framework.launch import run

    given = dataset(workload)
    with tempfile.TemporaryDirectory() as folder:
        changes = dict(text.split("=", 1) for text in arguments.set)
        settings = config(
            workload, arguments.epochs, arguments.precision, folder, changes
        )
        _time(meter)
        result = run.run(settings, dataset=given)
        meter.write(result.history["validation/accuracy"][-1])


def dataset(workload: Workload) -> object:
    """Returns the workload's images as a data set of the framework."""
    from framework.data.dataset import Dataset
    from framework.data.split import Split

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
    """Returns the config of a workload, with defaults for all other fields."""
    from framework.config import Config
    from framework.config.config import field_types

    model = "resnet(depth=20)"
    if workload.filters:
        model = (
            f"cnn(filters={workload.filters}, dense={workload.dense}, "
            f"dropout={workload.dropout})"
        )
    augment = "rotate(20) + shift(.1) + shear(.1) + zoom(.1) + flip + fill('nearest')"
    values = {
        "dataset": "given(0)",
        "model": model,
        "augment": augment * workload.augment,
        "learning_rate": workload.learning_rate,
        "batch_size": workload.batch_size,
        "train_for": f"{epochs}ep",
        "precision": precision,
        # All peers train on all images.
        "train_dev": 0.0,
        "workdir": folder,
    }
    types = field_types()
    # On the command line of this program, values are texts.
    changes = {
        name: int(value) if types[name] is int else value
        for name, value in changes.items()
    }
    return Config(**{**values, **changes})


def _time(meter: meter_lib.Meter) -> None:
    """Makes the framework call the meter at the same moments as the other peers."""
    from framework.launch import components
    from framework.report.timing import Timing

    evaluations, advanced = components.Components.evaluations, Timing.advanced

    def timed_evaluations(self):
        built = evaluations(self)
        evaluate = built._evaluators["validation"]

        def timed(check):
            meter.trained()
            predictions = evaluate(check)
            meter.evaluated()
            return predictions

        built._evaluators["validation"] = timed
        return built

    def timed_advanced(self, step, seconds):
        meter.stepped()
        advanced(self, step, seconds)

    components.Components.evaluations = timed_evaluations
    Timing.advanced = timed_advanced


if __name__ == "__main__":
    main()
