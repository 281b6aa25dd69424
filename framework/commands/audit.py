"""Lists duplicates, doubtful labels and unreadable files of a data set.

    whyflat audit --dataset='folder("data/flowers", size=64)' --output=data.csv

Nothing is trained. The pairs with different labels and those across the splits come
first. Without --output, nothing is written.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags

from framework.config import command, experiment
from framework.errors import UsageError
from framework.launch import families
from framework.system import paths

_DATASET = flags.DEFINE_string(
    "dataset", "", "Data set to audit, such as 'folder(\"data/flowers\", size=64)'."
)
_OUTPUT = flags.DEFINE_string(
    "output", "", "CSV file to write the complete list to, such as data.csv."
)
_EXPERIMENT = command.define_experiment()
_EMBEDDING, _PIXELS = command.define_embedding()


def audit(arguments: list[str]) -> None:
    """Audits a data set, prints a summary, and writes the list if a file is given.

    Args:
        arguments: The arguments that are not flags; there must be none.
    """
    if text := families.answer("dataset", _DATASET.value):
        print(text)
        return
    if arguments or not _DATASET.value:
        raise UsageError("give a data set, as in --dataset='folder(\"data/flowers\")'")
    output = Path(paths.expand(_OUTPUT.value, "--output")) if _OUTPUT.value else None
    if output is not None and not output.parent.is_dir():
        raise UsageError(f"--output: there is no folder {str(output.parent)!r}")
    # Imported here, because they load TensorFlow.
    from framework import data
    from framework.diagnose import audit as audit_lib
    from framework.diagnose.core import embedding
    from framework.diagnose.report import data_problems
    from framework.launch import checks

    if _EXPERIMENT.value:
        experiment.load(_EXPERIMENT.value)
    features = embedding.of_flags(_EMBEDDING.value, _PIXELS.value)
    dataset = data.build(_DATASET.value)
    checks.refuse_stream(dataset, "an audit")
    result = audit_lib.audit(dataset, _progress, features)
    print(str(result), end="")
    if output is not None:
        data_problems.write(result.problems, output)
        print(f"the list is in {_OUTPUT.value}")


def _progress(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    command.run(audit, argv)
