"""Measures how often remedies are proven: of faulty runs, and sham ones of sound runs.

    python -m benchmarks.zoo.remedy
    python -m benchmarks.zoo.remedy --cases='Adam 2e-6,SGD 1.5' --seeds=1
    python -m benchmarks.zoo.remedy --kinds=sham,nothing
    python -m benchmarks.zoo.remedy --kinds=recheck

Trains each run of the zoo that flags define with a test part (`with_test_part`),
diagnoses it and proves its remedies on the test part (repair). Beside that, with the
same budget, a random remedy of the menu (random) and a usual recipe (recipe) are proven
in place of the diagnosis, and the best of twenty random settings (search), which costs
twenty trainings more. On sound runs, a random remedy (sham) and one that changes next
to nothing (nothing) are to be proven. Then, if asked for, each remedy that was proven
is trained with ten other seeds (recheck). Completed jobs are kept in --results, and
runs under --folder; the same command resumes there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import statistics
import sys
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import app, flags

from benchmarks.zoo import results
from benchmarks.zoo.results import Line
from framework.numerics.intervals import proportion
from framework.prove import statistics as statistics_lib

if TYPE_CHECKING:
    from benchmarks.zoo.cases import Case
    from framework.config import Config
    from framework.diagnose.core.intervention import Intervention

# On faulty runs, and on sound ones.
FAULTY, SOUND = ("repair", "random", "recipe", "search"), ("sham", "nothing")
# Of what was proven, whatever the kind: "recheck repair" and so on.
RECHECK = "recheck"
# The aims of the score.
_LEAST_REPAIRED, _MOST_FALSE, _LEAST_SOUND, _HIGHEST_COST = 0.75, 0.03, 100, 3.0
# AUTOTRAINER (Zhang et al., ICSE 2021): by its own repository, and as measured by
# others (ICST 2023; dlfaults/dnn-auto-repair-empirical-assesment, at_results.csv).
_PUBLISHED = (
    ("AUTOTRAINER, by its detectors", 414, 422),
    ("AUTOTRAINER, measured by others", 266, 850),
)
_FRESH_SEEDS = 10
# Not those of a proof, which follow that of the run.
_FIRST_FRESH = 5_000

# Drawn test images: two points between arms are then two standard errors or so.
_TEST_IMAGES = 1000

_SEEDS = flags.DEFINE_integer("seeds", 2, "Number of seeds per case, such as 3.", 1)
_CASES = flags.DEFINE_list(
    "cases", [], "Comma-separated texts: run only cases with one of them in the name."
)
_KINDS = flags.DEFINE_list(
    "kinds", [*FAULTY, *SOUND], "Comma-separated kinds of jobs, such as repair,recheck."
)
_PROOF_SEEDS = flags.DEFINE_integer(
    "proof_seeds", 5, "Maximum number of seeds of a proof, such as 10.", 3
)
_RESULTS = flags.DEFINE_string(
    "results",
    "runs/zoo/remedy.jsonl",
    "File of the completed jobs, one JSON line each.",
)
_FOLDER = flags.DEFINE_string(
    "folder", "runs/zoo/remedy", "Folder of the runs; those of completed jobs too."
)


def main(arguments: Sequence[str]) -> None:
    """Runs the remaining jobs, and prints the table."""
    if len(arguments) > 1:
        raise app.UsageError(f"{arguments[1]!r} is not a flag: flags are --name=value")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore", UserWarning)
    path = Path(_RESULTS.value)
    wanted = _jobs()
    done = {
        (line["kind"], line["case"], line["seed"]) for line in results.completed(path)
    }
    for kind, case, seed in wanted:
        if (kind, case.name, seed) in done:
            continue
        line = {"kind": kind, "case": case.name, "seed": seed}
        line |= job(kind, case, seed, Path(_FOLDER.value), _PROOF_SEEDS.value)
        results.append(path, line)
        print(text(line), file=sys.stderr, flush=True)
    if RECHECK in _KINDS.value:
        _recheck(path, Path(_FOLDER.value))
    keys = {(kind, case.name, seed) for kind, case, seed in wanted}
    lines = [
        line
        for line in results.completed(path)
        if (line["kind"], line["case"], line["seed"]) in keys
        or line["kind"].partition(" ")[0] in _KINDS.value
    ]
    print(page(lines, len(wanted)))


def _recheck(path: Path, folder: Path) -> None:
    """Trains with other seeds what was proven, unless that has been done.

    Args:
        path: Of the results.
        folder: Of all runs.
    """
    lines = results.completed(path)
    done = {(line["kind"], line["case"], line["seed"]) for line in lines}
    for line in lines:
        kind = f"{RECHECK} {line['kind']}"
        key = (kind, line["case"], line["seed"])
        # A remedy of the ruler has no gain.
        is_first = line["kind"] in (*FAULTY, *SOUND)
        if not is_first or line.get("gain") is None or key in done:
            continue
        run = _place(folder, line["case"], line["seed"], line["kind"])
        again = rechecked(run, line["proven"])
        again |= {"kind": kind, "case": line["case"], "seed": line["seed"]}
        results.append(path, again)
        print(text(again), file=sys.stderr, flush=True)


def rechecked(run: Path, cause: str) -> Line:
    """Trains a proven remedy and the unchanged run with other seeds.

    Args:
        run: The folder of the run, with its proof.
        cause: The cause whose remedy was proven.
    """
    from benchmarks.zoo.jobs import guarded

    return guarded(lambda: _rechecked(run, cause))


def _rechecked(run: Path, cause: str) -> Line:
    from benchmarks.zoo import fresh_seeds

    gain = fresh_seeds.gain(
        run, cause, range(_FIRST_FRESH, _FIRST_FRESH + _FRESH_SEEDS)
    )
    is_certain = gain.over_seeds.low > 0 and gain.value >= statistics_lib.MINIMUM
    return {
        "remedies": [cause],
        "proven": cause if is_certain else "",
        "gain": gain.value,
        "verdicts": {cause: "holds" if is_certain else "does not hold"},
        "trainings": 2 * _FRESH_SEEDS,
    }


def runs() -> list[Case]:
    """Returns the cases that flags define, of both halves."""
    from benchmarks.zoo.cases.calibration import runs as calibration
    from benchmarks.zoo.cases.report import runs as report

    return [
        *calibration.CASES,
        *(dataclasses.replace(case, half="report") for case in report.CASES),
    ]


def _jobs() -> list[tuple[str, Case, int]]:
    jobs = []
    for seed in range(_SEEDS.value):
        for case in runs():
            if _CASES.value and not any(part in case.name for part in _CASES.value):
                continue
            kinds = SOUND if case.healthy else FAULTY
            jobs += [(kind, case, seed) for kind in kinds if kind in _KINDS.value]
    return jobs


def job(kind: str, case: Case, seed: int, folder: Path, proof_seeds: int) -> Line:
    """Proves a remedy of one run; returns a line, with "error" if that failed.

    Args:
        kind: One of `FAULTY` or `SOUND`.
        case: Of the run.
        seed: Of the run.
        folder: Of all runs; one that was left there is resumed.
        proof_seeds: The largest number of seeds of the proof.
    """
    from benchmarks.zoo.jobs import guarded

    run = _place(folder, case.name, seed, kind)
    return guarded(lambda: _measured(kind, case, seed, run, proof_seeds))


def _place(folder: Path, case: str, seed: int, kind: str) -> Path:
    """Returns the folder of the run of a job."""
    name = "".join(each if each.isalnum() else "-" for each in f"{case} {seed}")
    return folder / name / kind


def _measured(kind: str, case: Case, seed: int, run: Path, proof_seeds: int) -> Line:
    from benchmarks.zoo import train
    from framework.launch import run as run_lib
    from framework.prove.prove_run import prove_run

    start = time.perf_counter()
    with train.alone(seed):
        config = case.make(seed, not case.healthy).config
        config = with_test_part(dataclasses.replace(config, workdir=str(run)))
        run_lib.run(config, quiet=True)
        remedies, named = _remedies(kind, config, run)
        line: Line = {
            "named": named,
            "remedies": list(remedies),
            "proven": "",
            "gain": None,
        }
        if remedies:
            proof = prove_run(str(run), remedies, named, proof_seeds, trust_run=True)
            line |= {
                "plan": proof.plan.sha256,
                "verdicts": {
                    each.comparison.cause: each.verdict.name for each in proof.results
                },
            }
            if proof.proven is not None:
                line["proven"] = proof.proven.comparison.cause
                line["seeds"] = proof.proven.seeds
                gain = proof.proven.gains.get(proof.proven.comparison.unchanged)
                line["gain"] = None if gain is None else gain.value
    line["measured_seconds"] = round(time.perf_counter() - start, 1)
    return line | _cost(run)


def with_test_part(config: Config) -> Config:
    """Returns a config with a test part.

    Drawn flowers get further ones, under the conditions of validation. Of other data it
    is a fifth of the training images, and a batch of all of these becomes one of three
    quarters.

    >>> with_test_part(Config(dataset="drawn_flowers(train=60)")).dataset
    'drawn_flowers(train=60, test=1000)'
    """
    from framework import data

    if config.dataset.startswith("drawn_flowers("):
        text = f"{config.dataset.removesuffix(')')}, test={_TEST_IMAGES})"
        return dataclasses.replace(config, dataset=text)
    images = len(data.build(config.dataset).train)
    size = min(config.batch_size, max(3 * images // 4, 1))
    return dataclasses.replace(config, test="20%", batch_size=size)


def _remedies(
    kind: str, config: Config, run: Path
) -> tuple[dict[str, Intervention], list[str]]:
    """Returns the remedies to prove by cause, and all causes that are named."""
    from framework.diagnose.conclude import conclude
    from framework.diagnose.core.intervention import Intervention
    from framework.diagnose.report import stored

    if kind == "repair":
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            conclude(str(run), trust_run=True)
        findings = stored.read_findings(run) or ()
        remedies = {
            each.cause: each.intervention
            for each in findings
            if each.status == "confirmed"
            and each.intervention is not None
            and each.intervention.flags(config)
        }
        return remedies, [each.cause for each in findings]
    if kind == "recipe":
        return {"recipe": recipe()}, []
    if kind == "search":
        from benchmarks.zoo import search

        return {"search": search.best(config, run / "diagnosis" / "search")}, []
    if kind == "nothing":
        return {"nothing": Intervention(learning_rate_factor=1.001)}, []
    name, change = drawn(config)
    return {f"random_{name}": change}, [name]


def recipe() -> Intervention:
    """Returns the usual advice without a diagnosis."""
    from framework.diagnose.core.intervention import Intervention

    return Intervention(
        constant_learning_rate=1e-3,
        standardize=True,
        augment="shift(.1)",
        weight_decay=0.01,
    )


def drawn(config: Config) -> tuple[str, Intervention]:
    """Returns a remedy of the placebos' menu, drawn by the seed of a run."""
    import numpy as np

    from framework.prove import placebo

    # Not the generator of the placebo, which would be drawn alike.
    generator = np.random.Generator(np.random.PCG64((config.seed, 17)))
    names = [
        name
        for name, change in placebo.MENU.items()
        if config.difference(change.apply(config))
    ]
    name = names[int(generator.integers(len(names)))]
    return name, placebo.MENU[name]


def _cost(run: Path) -> Line:
    """Returns the cost of a proof besides the run itself, trials included."""
    from framework.report.files import read_timing, total_seconds

    folders = [path.parent for path in (run / "diagnosis").rglob("config.json")]
    seconds = sum(total_seconds(read_timing(each / "timing.jsonl")) for each in folders)
    own = total_seconds(read_timing(run / "timing.jsonl"))
    return {
        "trainings": len(folders),
        "training_seconds": round(seconds, 1),
        "own_seconds": round(own, 1),
    }


def text(line: Mapping[str, Any]) -> str:
    """Returns a completed job as one line of text."""
    name = f"{line['kind']}: {line['case']}, seed {line['seed']}"
    if "error" in line:
        return f"{name}: {line['error']}"
    verdicts = ", ".join(f"{cause} {each}" for cause, each in _verdicts(line).items())
    return f"{name}: {verdicts or 'no remedy by flags'}; {line['trainings']} trainings"


def page(lines: Iterable[Mapping[str, Any]], wanted: int) -> str:
    """Returns the scores as text, with Wilson's 95 % intervals.

    Args:
        lines: What was done.
        wanted: How many jobs there are.
    """
    lines = list(lines)
    again = [line for line in lines if line["kind"].startswith(RECHECK)]
    rows = [f"{len(lines) - len(again)} of {wanted} jobs are done"]
    for kind in (*FAULTY, *SOUND):
        own = [line for line in lines if line["kind"] == kind]
        if own:
            rows += _rows(kind, own)
    if again:
        lost = sum(not line["proven"] for line in again)
        rows.append(
            f"proven remedies that do not hold with {_FRESH_SEEDS} other seeds: {lost} "
            f"of {len(again)}, {proportion(lost, len(again))}"
        )
    rows += ["published, faulty programs repaired:"]
    rows += [
        f"    {name}: {count} of {total}, {proportion(count, total)}"
        for name, count, total in _PUBLISHED
    ]
    return "\n".join([*rows, *_aims(lines)])


def _aims(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns a line for each aim: its number, and whether that is reached."""
    tried = [line for line in lines if line["kind"] == "repair" and line["remedies"]]
    sound = [line for line in lines if line["kind"] in SOUND]
    repaired = [line for line in tried if line["proven"]]
    costs = [_cost_of_proof(line) for line in repaired if line.get("seeds") == 3]
    rows = ["aims:"]
    if tried:
        value = len(repaired) / len(tried)
        aim = f"at least {_LEAST_REPAIRED:g}"
        rows.append(_aim("repaired", value, aim, value >= _LEAST_REPAIRED))
    if sound:
        value = sum(bool(line["proven"]) for line in sound) / len(sound)
        is_enough = len(sound) >= _LEAST_SOUND
        aim = f"at most {_MOST_FALSE:g} of {_LEAST_SOUND} or more; here {len(sound)}"
        rows.append(
            _aim("false proofs", value, aim, value <= _MOST_FALSE and is_enough)
        )
    if costs:
        value = statistics.median(costs)
        aim = f"at most {_HIGHEST_COST:g} times the run itself, with three seeds"
        rows.append(_aim("median cost of a proof", value, aim, value <= _HIGHEST_COST))
    return rows if len(rows) > 1 else []


def _aim(what: str, value: float, aim: str, is_reached: bool) -> str:
    outcome = "reached" if is_reached else "missed"
    return f"    {what}: {value:.2f}, {outcome} ({aim})"


def _cost_of_proof(line: Mapping[str, Any]) -> float:
    """Returns the seconds of a proof's trainings, as a multiple of those of the run."""
    return float(line["training_seconds"]) / max(float(line["own_seconds"]), 0.1)


def _rows(kind: str, lines: Sequence[Mapping[str, Any]]) -> list[str]:
    proven = [line for line in lines if line["proven"]]
    what = "proven on faulty runs" if kind in FAULTY else "proven on sound runs"
    rows = [
        f"{kind}: {what}: {len(proven)} of {len(lines)}, "
        f"{proportion(len(proven), len(lines))}"
    ]
    tried = [line for line in lines if line["remedies"]]
    if len(tried) < len(lines):
        rows.append(
            f"    of those with a confirmed cause and a flag: {len(proven)} of "
            f"{len(tried)}, {proportion(len(proven), len(tried))}"
        )
    gains = [line["gain"] for line in proven if line["gain"] is not None]
    if gains:
        rows.append(f"    median gain: {100 * statistics.median(gains):+.1f} points")
    if tried:
        trainings = statistics.median(line["trainings"] for line in tried)
        times = statistics.median(_cost_of_proof(line) for line in tried)
        seconds = statistics.median(line["training_seconds"] for line in tried)
        rows.append(
            f"    median cost: {trainings:g} trainings, {seconds:.0f} s, {times:.1f} "
            f"times the run itself"
        )
    return rows


def _verdicts(line: Mapping[str, Any]) -> dict[str, str]:
    return dict(line.get("verdicts", {}))


if __name__ == "__main__":
    app.run(main)
