"""Bad flags, bad specs and bad user modules, given to `experiments.train`.

    python -m benchmarks.faults.flags
    python -m benchmarks.faults.flags --only=~nosuchuser

A table written by hand, models that cannot be trained, and inputs drawn from a seed:
for each flag, and for each member of each family of specs, values of the wrong type,
size or alphabet. Nothing may end in a traceback, hang, or be taken for a success.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.faults import report
from benchmarks.faults.flag_table import BAD, FLAGFILES, LINES, MAY_BE_RIGHT, SERVICES
from benchmarks.faults.handled import REFUSED
from benchmarks.faults.inputs import ANY, SMALL, Input, chosen, try_all
from benchmarks.faults.modules import MODULES
from benchmarks.faults.report import Tally
from benchmarks.faults.specs import drawn, fields, with_flag


def table() -> list[Input]:
    """Returns inputs written by hand."""
    inputs = []
    for flag, values in BAD.items():
        for value in values:
            inputs.append(with_flag(flag, value, REFUSED))
    for flag, values in MAY_BE_RIGHT.items():
        for value in values:
            inputs.append(with_flag(flag, value, ANY))
    inputs += [Input(f"arguments {each!r}", (*SMALL, *each)) for each in LINES]
    # Flags may end so, as those of any program.
    inputs.append(Input("arguments ('--',)", (*SMALL, "--"), ANY))
    for name, content in FLAGFILES.items():
        inputs.append(
            Input(
                f"flagfile {name}",
                (*SMALL, "--flagfile=flags.txt"),
                prepare=_writing("flags.txt", content),
            )
        )
    wait = ("--wait_for=3s",) if "wait_for" in fields() else ()
    for service in SERVICES:
        flags = ("--input=service", f"--service={service}", *wait)
        codes = frozenset({1, 2, 75})
        inputs.append(Input(f"--service={service!r}", (*SMALL, *flags), codes))
    return inputs


def modules() -> list[Input]:
    """Returns user modules that cannot be imported, or that build no usable model."""
    inputs = []
    for name, (source, codes) in MODULES.items():
        inputs.append(
            Input(
                f"module {name}",
                (*SMALL, "--model=mine:f"),
                codes,
                _writing("mine.py", source),
            )
        )
    for flag in ("dataset", "augment", "optimizer", "schedule", "normalize"):
        for name in ("raises at import", "exits with 0", "returns None"):
            inputs.append(
                Input(
                    f"module {name}, as --{flag}",
                    (*SMALL, f"--{flag}=mine:f"),
                    prepare=_writing("mine.py", MODULES[name][0]),
                )
            )
    return inputs


def fuzz(seed: int, number: int | None, only: str) -> list[Tally]:
    """Returns how training handled flags, modules and random inputs."""
    kinds = {
        "flags and specs by hand": table(),
        "modules of a user's": modules(),
        "flags and specs, drawn": drawn(seed),
    }
    return [try_all(kind, chosen(each, number, only)) for kind, each in kinds.items()]


def _writing(name: str, content: str | bytes) -> Callable[[Path], None]:
    """Returns a function that writes a file into a folder."""
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogateescape")
    return lambda folder: (folder / name).write_bytes(content) and None


if __name__ == "__main__":
    report.main(__doc__, fuzz)
