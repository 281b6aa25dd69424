"""The jobs of the zoo: each runs one case with one seed, and gives a line of JSON."""

from __future__ import annotations

import dataclasses
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from benchmarks.zoo import other_tools, results, train
from benchmarks.zoo.cases import CASES, Case, Program, Run
from benchmarks.zoo.results import Line
from framework import diagnose as diagnose_lib
from framework.diagnose.diagnosis import diagnose
from framework.diagnose.explain_run import open_run
from framework.diagnose.report.diagnosis import Diagnosis


@dataclasses.dataclass(frozen=True)
class Job:
    """A job.

    Attributes:
        kind: One of `KINDS`.
        case: Its name.
        seed: Of data, weights and everything else.
    """

    kind: str
    case: str
    seed: int

    def run(self) -> Line:
        """Runs the job; returns its line, with "error" if it failed."""
        return self.of(CASES.__getitem__)

    def of(self, find: Callable[[str], Case]) -> Line:
        """Returns the line of a job on a case that is found by its name."""
        return dataclasses.asdict(self) | guarded(
            lambda: KINDS[self.kind](find(self.case), self.seed)
        )


def guarded(work: Callable[[], Line]) -> Line:
    """Returns the line of some work with its "seconds"; with "error" if it failed."""
    start = time.perf_counter()
    try:
        line = work()
    except Exception as problem:
        last = traceback.extract_tb(problem.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        line = {"error": f"{type(problem).__name__} at {place}: {problem}"[:500]}
    return line | {"seconds": round(time.perf_counter() - start, 1)}


def broken(case: Case, seed: int) -> Line:
    """Trains a case with its fault, watched by the rules of other tools."""
    with train.alone(seed):
        program = case.make(seed, True)
        watch = other_tools.Watch(program) if isinstance(program, Program) else None
        trained = train.train(program, (watch,) if watch else ())
        symptoms = other_tools.symptoms(watch) if watch else {}
    return dataclasses.asdict(trained) | {"symptoms": symptoms}


def mended(case: Case, seed: int) -> Line:
    """Trains the better version of a case; if it has none, itself for twice as long."""
    with train.alone(seed):
        program = case.make(seed, False)
        if not case.has_twin:
            program = train.longer(program)
        return dataclasses.asdict(train.train(program))


def fixed(case: Case, seed: int) -> Line:
    """Trains a case with each of the usual fixes that `mended` does not try."""
    accuracies = {}
    for name, fix in train.USUAL_FIXES.items():
        if fix is train.longer and not case.has_twin:
            continue
        with train.alone(seed):
            program = fix(case.make(seed, True))
            accuracies[name] = train.train(program).accuracy
    return {"accuracies": accuracies}


def diagnosed(case: Case, seed: int) -> Line:
    """Diagnoses a case, given only its program."""
    with train.alone(seed):
        program = case.make(seed, True)
        if isinstance(program, Program):
            epochs, diagnosis = program.epochs, _explained(program)
        else:
            epochs, diagnosis = _opened(program)
    return {
        "verdict": diagnosis.plateau.verdict,
        "findings": [
            {
                "cause": each.cause.name,
                "status": each.status,
                "message": each.message,
                "cost": None if each.cost is None else each.cost.value,
            }
            for each in diagnosis.findings
        ],
        "cost": sum(trial.epochs for trial in diagnosis.trials) / epochs,
        "failures": [
            f"{each.name}: {each.reason}"
            for each in diagnosis.measured.unavailable
            if each.is_failure
        ],
    }


KINDS: dict[str, Callable[[Case, int], Line]] = {
    "broken": broken,
    "mended": mended,
    "fixed": fixed,
    "diagnosed": diagnosed,
}


def _explained(program: Program) -> Diagnosis:
    return diagnose_lib.explain(
        program.model,
        train=program.train,
        validation=program.validation,
        epochs=program.epochs,
        batch_size=program.batch_size or 32,
    )


def _opened(program: Run) -> tuple[float, Diagnosis]:
    """Returns the epochs of a run, and its diagnosis."""
    with tempfile.TemporaryDirectory() as folder:
        train.train(program, folder=Path(folder) / "run")
        context = open_run(str(Path(folder) / "run"))
        return float(context.settings.epochs), diagnose(context)


def read(path: Path) -> dict[Job, Line]:
    """Returns the lines of completed jobs; those with an error are left out."""
    return {
        Job(line["kind"], line["case"], line["seed"]): line
        for line in results.completed(path)
    }
