"""Evaluates the weights of a run on its test, validation or training images.

    whyflat evaluate runs/digits-cnn-1 --split=validation
    whyflat evaluate runs/digits-cnn-1 --split=test --json

The test part is for one look, when all choices have been made: each opening is recorded
in RUN/diagnosis/test_openings.jsonl. Nothing else is written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags

from framework.config import command, experiment
from framework.system import paths

_WORKDIR = flags.DEFINE_string(
    "workdir", "", "Folder of the run to evaluate, such as runs/digits-cnn-1."
)
_SPLIT = flags.DEFINE_enum(
    "split",
    "validation",
    ["test", "validation", "train"],
    "Images to evaluate on, such as test: the untouched part of --test or of the data "
    "set.",
)
_WEIGHTS = flags.DEFINE_enum(
    "weights",
    "best",
    ["best", "last"],
    "Weights to evaluate, such as last; best are those of the best evaluation by the "
    "run's --monitor.",
)
_JSON = flags.DEFINE_bool("json", False, "Print the result as JSON.")
_ALLOW_DATA = flags.DEFINE_bool(
    "allow_data_change",
    False,
    "Evaluate the run even if its data have changed, such as by additional images.",
)
_EXPERIMENT = command.define_experiment()
_TRUST = command.define_trust_run()


def evaluate(arguments: list[str]) -> None:
    """Evaluates a run, and prints the result.

    Args:
        arguments: The arguments that are not flags: at most the folder of the run.
    """
    given = command.one_run(arguments, _WORKDIR.value, "evaluate")
    folder = paths.expand(given, "--workdir")
    # Imported here, because it loads TensorFlow.
    from framework.launch import evaluation, openings

    if _EXPERIMENT.value:
        experiment.load(_EXPERIMENT.value)
    result = evaluation.evaluate(
        folder,
        _SPLIT.value,
        _WEIGHTS.value,
        allow_data_change=_ALLOW_DATA.value,
        trust_run=_TRUST.value,
    )
    if _JSON.value:
        print(json.dumps(result.as_json(), indent=2, allow_nan=False))
    else:
        print(result)
    if result.split == "test":
        notice = openings.notice(Path(folder), result.openings_before)
        print(notice, file=sys.stderr if _JSON.value else sys.stdout)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    command.run(evaluate, argv)
