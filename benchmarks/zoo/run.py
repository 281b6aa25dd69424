"""Measures how often the diagnosis names the cause, and how often a wrong one.

    python -m benchmarks.zoo.run --half=report
    python -m benchmarks.zoo.run --half=report --group=public
    python -m benchmarks.zoo.run --cases='run: ,high' --seeds=1
    python -m benchmarks.zoo.run --baselines
    python -m benchmarks.zoo.run --admit --json=benchmarks/zoo/admitted.json

The first diagnoses all cases of a half; the second, those made of public reports. The
fourth scores the rules of other tools on the trainings that the last makes: each case
as it is and mended, to see whether they differ at all, and those without a fault with
the usual fixes, to see that none helps. Completed jobs are kept in --results; the same
command resumes there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import app, flags

from framework.system import atomic

if TYPE_CHECKING:
    from benchmarks.zoo.cases import Case

_HALF = flags.DEFINE_enum(
    "half",
    "all",
    ["all", "calibration", "report"],
    "Half of the cases to run, such as report.",
)
_SEEDS = flags.DEFINE_integer("seeds", 3, "Number of seeds per case, such as 3.", 1)
_CASES = flags.DEFINE_list(
    "cases", [], "Comma-separated texts: run only cases with one of them in the name."
)
_ADMIT = flags.DEFINE_bool(
    "admit",
    False,
    "Train each case with and without its fault, to measure the cost of the fault.",
)
_BASELINES = flags.DEFINE_bool(
    "baselines", False, "Score the rules of other tools, such as AUTOTRAINER."
)
_JSON = flags.DEFINE_string(
    "json", "", "JSON file to write the numbers to; empty for none."
)
_GROUP = flags.DEFINE_enum(
    "group", "zoo", ["all", "zoo", "public"], "Set of cases to run, such as public."
)
_RESULTS = flags.DEFINE_string(
    "results",
    "runs/zoo/results.jsonl",
    "File of the completed jobs, one JSON line each.",
)
_PROCESSES = flags.DEFINE_integer(
    "processes", 1, "Number of processes at the same time, such as 2.", 1
)
_PART = flags.DEFINE_integer(
    "part", -1, "Index of this process among --processes; set by the first one."
)


def main(arguments: Sequence[str]) -> None:
    """Runs the remaining jobs, and prints the tables."""
    if len(arguments) > 1:
        raise app.UsageError(f"{arguments[1]!r} is not a flag: flags are --name=value")
    # Many small programs run better side by side than each on many threads.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Keras warns of the injected faults.
    warnings.simplefilter("ignore", UserWarning)
    from benchmarks.zoo import jobs, results

    path = Path(_RESULTS.value)
    wanted = _jobs()
    done = jobs.read(path)
    remaining = [job for job in wanted if job not in done]
    if _PART.value >= 0:
        for job in remaining[_PART.value :: _PROCESSES.value]:
            line = job.run()
            results.append(path, line)
            print(json.dumps([job.case, job.seed, line.get("error", "")]), flush=True)
        return
    progress = _Progress(len(remaining))
    if _PROCESSES.value > 1:
        _side_by_side(progress)
    else:
        for job in remaining:
            line = job.run()
            results.append(path, line)
            progress(job.case, job.seed, line.get("error", ""))
    done = jobs.read(path)
    _print([done[job] for job in wanted if job in done], len(wanted))


def _jobs() -> list:
    from benchmarks.zoo.cases import CASES
    from benchmarks.zoo.cases.public.images import are_missing
    from benchmarks.zoo.jobs import Job

    wanted = [case for case in CASES.values() if _is_wanted(case)]
    cases = [case for case in wanted if not are_missing(case.data)]
    if len(cases) < len(wanted) and _PART.value < 0:
        print(
            f"{len(wanted) - len(cases)} cases left out: they need photographs of "
            "flowers, in the folder that the variable ZOO_FLOWERS names",
            file=sys.stderr,
        )
    chosen = []
    for seed in range(_SEEDS.value):
        for case in cases:
            if not (_ADMIT.value or _BASELINES.value):
                chosen.append(Job("diagnosed", case.name, seed))
                continue
            chosen.append(Job("broken", case.name, seed))
            if _ADMIT.value:
                chosen.append(Job("mended", case.name, seed))
            # Those of the first set were admitted before these were tried.
            if _ADMIT.value and case.healthy and case.group != "zoo":
                chosen.append(Job("fixed", case.name, seed))
    return chosen


def _is_wanted(case: Case) -> bool:
    named = not _CASES.value or any(part in case.name for part in _CASES.value)
    in_half = _HALF.value in ("all", case.half)
    return named and in_half and _GROUP.value in ("all", case.group)


class _Progress:
    """Prints the completed jobs, their rate and the remaining time.

    Args:
        total: How many jobs there are.
    """

    def __init__(self, total: int):
        self._total, self._done, self._start = total, 0, time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, case: str, seed: int, error: str) -> None:
        with self._lock:
            self._done += 1
            minutes = (time.monotonic() - self._start) / 60
            left = minutes / self._done * (self._total - self._done)
            problem = f"  {error}" if error else ""
            print(
                f"{self._done}/{self._total}  {self._done / minutes:.1f} a minute, "
                f"{left:.0f} min left  {case}, seed {seed}{problem}",
                file=sys.stderr,
                flush=True,
            )


def _side_by_side(progress: _Progress) -> None:
    """Divides the jobs among --processes processes."""

    def work(part: int) -> None:
        command = [sys.executable, "-m", "benchmarks.zoo.run", *sys.argv[1:]]
        with subprocess.Popen(
            [*command, f"--part={part}"], stdout=subprocess.PIPE, text=True
        ) as process:
            for line in process.stdout:
                progress(*json.loads(line))

    threads = [
        threading.Thread(target=work, args=(part,)) for part in range(_PROCESSES.value)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _print(lines: Sequence[dict], wanted: int) -> None:
    if len(lines) < wanted:
        print(f"{wanted - len(lines)} of {wanted} could not be done", file=sys.stderr)
    if _ADMIT.value:
        _print_admission(lines)
    elif _BASELINES.value:
        _print_baselines(lines)
    else:
        _print_diagnoses(lines)


def _print_diagnoses(lines: Iterable[dict]) -> None:
    from benchmarks.zoo import score
    from benchmarks.zoo.cases import CASES

    verdicts = [score.verdict(CASES[line["case"]], line) for line in lines]
    if not verdicts:
        return
    scores = score.scores(verdicts)
    print(f"{score.page(scores)}\n\nnot right:\n{score.misses(verdicts)}")
    _write({"diagnosis": score.as_json(scores)})


def _print_baselines(lines: Sequence[dict]) -> None:
    from benchmarks.zoo import other_tools, score
    from benchmarks.zoo.cases import CASES

    scores_by_tool = {}
    for tool, causes in other_tools.CAUSES.items():
        verdicts = [
            score.Verdict(
                CASES[line["case"]],
                line["seed"],
                tuple(causes[symptom] for symptom in line["symptoms"][tool]),
            )
            for line in lines
            # Of runs of this framework, the tools would see nothing at all.
            if line["symptoms"]
        ]
        if verdicts:
            scores = score.scores(verdicts)
            print(f"{tool}\n\n{score.page(scores)}\n")
            scores_by_tool[tool] = score.as_json(scores)
    _write(scores_by_tool)


def _print_admission(lines: Iterable[dict]) -> None:
    from benchmarks.zoo import admission
    from benchmarks.zoo.cases import CASES
    from benchmarks.zoo.train import Trained

    trained: dict[tuple[str, str], list] = defaultdict(list)
    for line in lines:
        if line["kind"] == "fixed":
            trained[line["case"], "fixed"].append(line["accuracies"])
            continue
        result = Trained(line["accuracy"], line["reported"], tuple(line["curve"]))
        trained[line["case"], line["kind"]].append(result)
    admissions = [
        admission.admission(
            case, *(trained[case.name, kind] for kind in ("broken", "mended", "fixed"))
        )
        for case in CASES.values()
        if trained[case.name, "broken"] and trained[case.name, "mended"]
    ]
    print(admission.page(admissions))
    _write({each.case: each.as_json() for each in admissions}, adds=True)


def _write(content: dict, adds: bool = False) -> None:
    """Writes the numbers, or adds them to those of other cases."""
    if _JSON.value:
        path = Path(_JSON.value)
        if adds and path.exists():
            content = json.loads(path.read_text()) | content
        atomic.write_text(Path(_JSON.value), json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    app.run(main)
