r"""What a diagnosis costs, beside the training that it explains.

    taskset -c 0 python -m benchmarks.diagnosis_cost
    taskset -c 0 python -m benchmarks.diagnosis_cost \
        --dataset='folder("flowers", size=48)'

Gives small Keras programs, two healthy ones and four faulty ones, to `explain`, one
after the other on one thread. Prints the seconds of the training, of the trials, and of
all else, which is measuring; and what is found first.
"""

from __future__ import annotations

import dataclasses
import os
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from absl import app, flags

if TYPE_CHECKING:
    import keras

    from framework.data.split import Split

_VALIDATION = 800
_TABLE = "{:24} {:>8} {:>9} {:>7} {:>9} {:>7} {:>6}  {}"


def _define() -> None:
    """Defines the flags: not on import, since other programs have some of these."""
    flags.DEFINE_string(
        "dataset",
        "fashion_mnist",
        "Spec of the data set, such as 'folder(\"flowers\", size=48)'.",
    )
    flags.DEFINE_integer("images", 1500, "Number of training images, such as 1500.")
    flags.DEFINE_integer("epochs", 16, "Number of epochs of each training, such as 16.")
    flags.DEFINE_string("budget", "1", "Budget of the trials, such as 0.5 or 60s.")
    flags.DEFINE_list(
        "cases",
        [],
        "Comma-separated texts: run only cases with one of them in the name.",
    )


@dataclasses.dataclass(frozen=True)
class Cost:
    """The seconds of one diagnosis.

    Attributes:
        training: Of the training, with its evaluations.
        measuring: Of all that is neither training nor a trial.
        trials: Of the trials.
        first: The first confirmed cause; "" for none.
    """

    training: float
    measuring: float
    trials: float
    first: str

    @property
    def ratios(self) -> tuple[float, float, float]:
        """Measuring, trials and both, as multiples of the training."""
        measuring, trials = self.measuring / self.training, self.trials / self.training
        return measuring, trials, measuring + trials


def network(
    dropout: float = 0.3, has_batch_norm: bool = False, scale: float = 1 / 255
) -> keras.Sequential:
    """Returns a small convolutional network without its outputs."""
    import keras
    from keras import layers

    model = keras.Sequential([layers.Rescaling(scale)])
    for filters in (16, 32, 64):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        if has_batch_norm:
            model.add(layers.BatchNormalization())
        model.add(layers.MaxPooling2D(padding="same"))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dropout(dropout))
    return model


# Name: the network, and the learning rate of Adam. The first two are healthy.
CASES: dict[str, tuple[Callable[[], keras.Sequential], float]] = {
    "plain": (network, 1e-3),
    "batch norm": (lambda: network(has_batch_norm=True), 1e-3),
    "rate too low": (network, 1e-5),
    "rate too high": (network, 2e-2),
    "dropout of .9": (lambda: network(dropout=0.9), 1e-3),
    "raw bytes": (lambda: network(scale=1.0), 1e-3),
}


def measure(
    name: str,
    train: Split,
    validation: Split,
    classes: int,
    epochs: int,
    budget: str = "1",
) -> Cost:
    """Trains and diagnoses one of `CASES`.

    Args:
        name: Of the case.
        train: Images as bytes, in memory.
        validation: The same.
        classes: How many there are.
        epochs: Of the training.
        budget: Of the trials.
    """
    import keras

    from framework import diagnose

    keras.utils.set_random_seed(0)
    make, rate = CASES[name]
    model = make()
    model.add(keras.layers.Dense(classes, activation="softmax"))
    model.build((None, *train.images.shape[1:]))
    model.compile(
        keras.optimizers.Adam(rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    begun: dict[str, float] = {}

    def progress(line: str) -> None:
        # Which says when each part begins.
        begun.setdefault(line.split(" ")[0], time.perf_counter())

    diagnosis = diagnose.explain(
        model,
        (train.images.astype("float32"), train.labels),
        (validation.images.astype("float32"), validation.labels),
        epochs=epochs,
        budget=budget,
        progress=progress,
    )
    whole = time.perf_counter() - begun["predicting"]
    trials = sum(each.seconds for each in diagnosis.trials)
    first = diagnosis.confirmed[0].cause.name if diagnosis.confirmed else ""
    training = begun["predicting"] - begun["training"]
    return Cost(training, whole - trials, trials, first)


def main(arguments: Sequence[str]) -> None:
    """Measures the cases, and prints a table."""
    if len(arguments) > 1:
        raise app.UsageError(f"{arguments[1]!r} is not a flag: flags are --name=value")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Keras warns of the faults.
    warnings.simplefilter("ignore", UserWarning)
    import numpy as np

    from framework import data

    dataset = data.build(flags.FLAGS.dataset)
    generator = np.random.default_rng(0)

    def some(split: Split, count: int) -> Split:
        rows = generator.permutation(len(split))[:count]
        return split.take(rows).in_memory(lambda done, total: None)

    train = some(dataset.train, flags.FLAGS.images)
    validation = some(dataset.validation, _VALIDATION)
    names = ("case", "training", "measuring", "", "trials", "", "both", "first cause")
    print(_TABLE.format(*names))
    costs = []
    for name in CASES:
        if flags.FLAGS.cases and not any(each in name for each in flags.FLAGS.cases):
            continue
        settings = dataset.num_classes, flags.FLAGS.epochs, flags.FLAGS.budget
        cost = measure(name, train, validation, *settings)
        costs.append(cost)
        print(_row(name, cost), flush=True)
    if len(costs) > 1:
        ratios = zip(*(cost.ratios for cost in costs), strict=True)
        print("medians", *(f"{statistics.median(each):.2f}" for each in ratios))


def _row(name: str, cost: Cost) -> str:
    measuring, trials, both = cost.ratios
    return _TABLE.format(
        name,
        f"{cost.training:.0f} s",
        f"{cost.measuring:.0f} s",
        f"{measuring:.2f}",
        f"{cost.trials:.0f} s",
        f"{trials:.2f}",
        f"{both:.2f}",
        cost.first or "none",
    )


if __name__ == "__main__":
    _define()
    app.run(main)
