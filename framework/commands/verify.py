"""Recomputes randomly chosen parts of a run's training, and compares all bits.

    whyflat verify runs/digits-cnn-1
    whyflat verify runs/digits-cnn-1 --share=10% --seed=7

It trains from one kept checkpoint to the next one in a temporary folder, and compares
the weights, all other state, the lines of metrics.jsonl and the predictions of each
evaluation. It also compares the data and the settings with those that were recorded.
Nothing is written in the run's folder.

The exit code is 0 if everything agrees, 1 if something differs, and 5 if that cannot be
decided: the run was trained on another kind of processor, with other versions or other
devices, and so its last bits may differ.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import NoReturn

from absl import flags

from framework.config import command, experiment
from framework.errors import UsageError
from framework.system import paths

_WORKDIR = flags.DEFINE_string(
    "workdir", "", "Folder of the run to verify, such as runs/digits-cnn-1."
)
_SHARE = flags.DEFINE_string(
    "share",
    "2%",
    "Least part of the run's steps to recompute, such as 2%; 100% for all. Whole "
    "stretches between kept checkpoints are recomputed, at least one.",
)
_SEED = flags.DEFINE_integer(
    "seed",
    0,
    "Seed of the choice of stretches, such as 7: one that whoever trained the run does "
    "not know.",
    0,
)
_JSON = flags.DEFINE_bool("json", False, "Print the result as JSON.")
_EXPERIMENT = command.define_experiment()
_TRUST = command.define_trust_run()
_UNDECIDED = 5


def verify(arguments: list[str]) -> int:
    """Verifies a run, and prints the result; returns the exit code.

    Args:
        arguments: The arguments that are not flags: at most the folder of the run.
    """
    given = command.one_run(arguments, _WORKDIR.value, "verify")
    folder = paths.expand(given, "--workdir")
    share = _share(_SHARE.value)
    # Imported here, because it loads TensorFlow.
    from framework.launch import verification

    if _EXPERIMENT.value:
        experiment.load(_EXPERIMENT.value)
    result = verification.verify(
        folder, share, _SEED.value, progress=_show, trust_run=_TRUST.value
    )
    if _JSON.value:
        print(json.dumps(result.as_json(), indent=2, allow_nan=False))
    else:
        print(result)
    codes = {verification.AGREES: 0, verification.DIFFERS: 1}
    return codes.get(result.verdict, _UNDECIDED)


def _share(text: str) -> float:
    """Returns the fraction that a percentage is.

    Raises:
        UsageError: It is not one above 0 and up to 100.
    """
    number, sign, rest = text.strip().partition("%")
    try:
        value = float(number) / 100
    except ValueError:
        value = 0.0
    if not sign or rest or not 0 < value <= 1:
        raise UsageError(
            f"--share must be a percentage above 0% and up to 100%, such as 2%, not "
            f"{text!r}"
        )
    return value


def _show(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    command.run(verify, argv)
