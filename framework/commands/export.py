"""Exports the network of a run, with normalization, for use without this program.

    whyflat export runs/digits-cnn-1 exported/digits
    whyflat export runs/digits-cnn-1 digits.tflite --to=litert
    whyflat export runs/digits-cnn-1 digits.keras --to=keras

Each maps "images" as in training to "probabilities", float32 [N, K]. The
exported file is loaded in a fresh process and compared on random images before the
command ends. The data that the run was trained on are not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags

from framework.config import command, experiment
from framework.errors import UsageError
from framework.system import paths

_TO = flags.DEFINE_enum(
    "to",
    "savedmodel",
    ["savedmodel", "keras", "litert", "onnx"],
    "Format, such as keras: a .keras file of Keras's own layers; litert: one file for "
    "phones and the like (until 2024: TensorFlow Lite); onnx: a file of ONNX.",
)
_WEIGHTS = flags.DEFINE_enum(
    "weights",
    "best",
    ["best", "last"],
    "Weights to export, such as last; best are those of the best evaluation by the "
    "run's --monitor.",
)
_EXPERIMENT = command.define_experiment()
_TRUST = command.define_trust_run()


def export(arguments: list[str]) -> None:
    """Exports the network of a run.

    Args:
        arguments: The arguments that are not flags: the folder of the run, and the
            folder or file to write.
    """
    if len(arguments) != 2:
        raise UsageError(
            "give the folder of a run and where to write, as in whyflat export "
            "runs/digits-cnn-1 exported/digits"
        )
    run, target = (paths.expand(each, "the path") for each in arguments)
    # Imported here, because they load TensorFlow.
    from framework.launch import exported, trained

    if _EXPERIMENT.value:
        experiment.load(_EXPERIMENT.value)
    network = trained.load(run, _WEIGHTS.value, trust_run=_TRUST.value)
    exported.write(network, Path(target), _TO.value)
    difference = exported.compare(network, Path(target), _TO.value)
    print(
        f"wrote {target}: step {network.step:,}, {len(network.class_names)} classes\n"
        f"checked in a fresh process on {exported.IMAGES} random images: probabilities "
        f"differ by at most {difference:.1g}"
    )


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    command.run(export, argv)
