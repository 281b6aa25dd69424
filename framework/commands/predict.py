"""Predicts the classes of images with the network of a run.

    whyflat predict runs/digits-cnn-1 photo.jpg more/photos --output=predictions.csv

Takes image files, folders of them, and .npy or .npz files of images as in training.
Image files are decoded and resized as in training. The data that the run was trained on
are not needed. Prints or writes CSV: file, class, probability, class_2, probability_2,
... The exit code is 1 if an image cannot be read; its row has the file only.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags

from framework.config import command, experiment
from framework.errors import UsageError
from framework.system import atomic, paths
from framework.system.printable import printable

_OUTPUT = flags.DEFINE_string(
    "output",
    "",
    "File to write, such as predictions.csv, instead of printing.",
    short_name="o",
)
_TOP = flags.DEFINE_integer(
    "top", 3, "Number of classes to list for each image, such as 5.", 1
)
_WEIGHTS = flags.DEFINE_enum(
    "weights",
    "best",
    ["best", "last"],
    "Weights to predict with, such as last; best are those of the best evaluation by "
    "the run's --monitor.",
)
_EXPERIMENT = command.define_experiment()
_TRUST = command.define_trust_run()


def predict(arguments: list[str]) -> int:
    """Predicts the classes of images; returns the exit code.

    Args:
        arguments: The arguments that are not flags: the folder of the run, and images.
    """
    if len(arguments) < 2:
        raise UsageError(
            "give the folder of a run and images, as in whyflat predict "
            "runs/digits-cnn-1 photo.jpg"
        )
    run, *images = arguments
    # Imported here, because they load TensorFlow.
    from framework.launch import predictions, trained

    if _EXPERIMENT.value:
        experiment.load(_EXPERIMENT.value)
    network = trained.load(
        paths.expand(run, "the run's folder"), _WEIGHTS.value, trust_run=_TRUST.value
    )
    rows = predictions.predict(
        network,
        images,
        lambda text: print(f"warning: {printable(text)}", file=sys.stderr),
    )
    if _OUTPUT.value:
        # Complete or not at all: an error leaves an earlier file as it is.
        text = io.StringIO()
        problems = predictions.write(rows, network.class_names, _TOP.value, text)
        content = text.getvalue().encode("utf-8", "surrogateescape")
        atomic.write_bytes(Path(paths.expand(_OUTPUT.value, "--output")), content)
    else:
        problems = predictions.write(rows, network.class_names, _TOP.value, sys.stdout)
    for name, problem in problems.items():
        print(f"error: {printable(name)} {problem}", file=sys.stderr)
    return 1 if problems else 0


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    command.run(predict, argv)
