"""Proves the remedy of a run's confirmed cause by training with it.

    whyflat remedy runs/digits-cnn-1
    whyflat remedy runs/digits-cnn-1 --plan_only

Takes the confirmed causes of RUN/diagnosis/diagnosis.json in order, or diagnoses the
run first. Trains with the remedy, without it, and with a placebo, over several seeds,
and compares them on the test part (--test), or on half of the validation images. Stops
at the first remedy that is proven. The same command resumes a proof, and, at the same
time in another process, takes a share of the runs. Everything is written to
RUN/diagnosis/proof. The exit code is 0 if a remedy is proven, 4 if none is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags

from framework.config import command, experiment
from framework.system import paths

_WORKDIR = flags.DEFINE_string(
    "workdir",
    "",
    "Folder of the run whose remedies to prove, such as runs/digits-cnn-1.",
)
_SEEDS = flags.DEFINE_integer(
    "seeds",
    10,
    "Maximum number of seeds, such as 5; the proof looks after 3, 5 and all of them, "
    "and stops when they decide.",
    3,
)
_PLAN_ONLY = flags.DEFINE_bool(
    "plan_only", False, "Write and print the plan of the proof, and train nothing."
)
_APPLY = flags.DEFINE_bool(
    "apply",
    False,
    "Write the flagfile with a proven remedy to RUN/flags.remedied.txt.",
)
_EXPERIMENT = command.define_experiment()
_TRUST = command.define_trust_run()


def remedy(arguments: list[str]) -> int:
    """Proves the remedies of a run; returns the exit code.

    Args:
        arguments: The arguments that are not flags: at most the folder of the run.
    """
    given = command.one_run(arguments, _WORKDIR.value, "remedy")
    run = Path(paths.expand(given, "--workdir"))
    # Imported here, because it loads TensorFlow.
    from framework.prove.remedy import diagnose_and_remedy

    if _EXPERIMENT.value:
        experiment.load(_EXPERIMENT.value)
    return diagnose_and_remedy(
        run, _SEEDS.value, _PLAN_ONLY.value, _APPLY.value, _TRUST.value
    )


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    command.run(remedy, argv)
