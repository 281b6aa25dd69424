"""Counts on how many sound programs the diagnosis confirms a cause.

    python -m benchmarks.zoo.alarms
    python -m benchmarks.zoo.alarms --programs=10 --seeds=1

Trains and diagnoses the programs of `benchmarks.zoo.sound_programs`: a hundred, on
digits, clothes, flowers and patches of photographs, if all of these are at hand. One
that is worse than a linear probe is not sound and is left out. Each run is a line of
--results, with what was confirmed; the same command resumes there. A hundred programs
with three seeds take many hours: the counts so far are printed at the end of each call,
and --minutes ends a call early.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags

_PROGRAMS = flags.DEFINE_integer(
    "programs", 100, "Number of programs to run, such as 10.", 1
)
_SEEDS = flags.DEFINE_integer("seeds", 3, "Number of seeds per program, such as 3.", 1)
_MINUTES = flags.DEFINE_float(
    "minutes", 0.0, "Minutes after which no further run is started; 0 for no limit.", 0
)
_RESULTS = flags.DEFINE_string(
    "results", "runs/zoo/alarms.jsonl", "File of the completed runs, one line each."
)


def main(arguments: Sequence[str]) -> None:
    """Does the remaining runs, and prints the counts."""
    if len(arguments) > 1:
        raise app.UsageError(f"{arguments[1]!r} is not a flag: flags are --name=value")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore", UserWarning)
    from benchmarks.zoo import alarm_counts, results, sound_programs

    kinds = sound_programs.available()
    missing = set(sound_programs.KINDS) - set(kinds)
    if missing:
        print(f"not at hand: {', '.join(sorted(missing))}", file=sys.stderr)
    chosen = list(sound_programs.cases(kinds).values())[: _PROGRAMS.value]
    path, start = Path(_RESULTS.value), time.monotonic()
    done = alarm_counts.read(path)
    wanted = [(case, seed) for seed in range(_SEEDS.value) for case in chosen]
    for case, seed in wanted:
        if (case.name, seed) in done:
            continue
        if _MINUTES.value and time.monotonic() - start > 60 * _MINUTES.value:
            break
        line = sound_programs.measure(case, seed)
        done[case.name, seed] = line
        results.append(path, line)
        print(alarm_counts.text(line), file=sys.stderr, flush=True)
    lines = [
        done[case.name, seed] for case, seed in wanted if (case.name, seed) in done
    ]
    print(f"{len(lines)} of {len(wanted)} runs")
    print(alarm_counts.page(lines))


if __name__ == "__main__":
    app.run(main)
