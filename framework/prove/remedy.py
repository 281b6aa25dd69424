"""Takes the confirmed causes of a run, proves their remedies, and prints the result."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from framework.config import Config, flags
from framework.diagnose import snapshot
from framework.diagnose.conclude import conclude, examine
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.report import stored
from framework.diagnose.report.stored import StoredFinding
from framework.errors import UsageError
from framework.launch import run_folder
from framework.launch.given import NOTHING, Given
from framework.prove import plan as plan_lib
from framework.prove import report
from framework.prove.proof import Result
from framework.prove.prove_run import Proof, check_given, prove_run
from framework.system import atomic, claims

# The exit code where no remedy is proven.
NOT_PROVEN = 4
_FLAGFILE = "flags.remedied.txt"
_NOTHING = "no confirmed cause has a remedy to train with: nothing to prove"


def diagnose_and_remedy(
    run: Path,
    seeds: int = plan_lib.LOOKS[-1],
    plan_only: bool = False,
    apply: bool = False,
    trust_run: bool = False,
) -> int:
    """Diagnoses a run, unless it has a current diagnosis, and proves the remedies.

    The same call resumes: a diagnosis that was finished is not repeated, and neither
    are the trainings of the proof that were.

    Args:
        run: The folder of the run.
        seeds: See `remedy`, like the others.
        plan_only: See `remedy`.
        apply: See `remedy`.
        trust_run: See `remedy`.

    Returns:
        The exit code: 0 if a remedy is proven, else 4.

    Raises:
        UsageError: There is no run, or one that cannot be diagnosed or proved.
        Stopped: A signal requested to stop; the same call resumes.
    """
    # Before a diagnosis, which takes a while.
    check_given(run, run_folder.read_config(run), NOTHING)
    plan_lib.looks(seeds)

    def diagnose() -> None:
        conclude(str(run), trust_run=trust_run)
        print(flush=True)

    is_proven = remedy(
        run, _diagnosed(run, diagnose), seeds, plan_only, apply, trust_run
    )
    return 0 if is_proven else NOT_PROVEN


@dataclasses.dataclass(frozen=True, eq=False)
class RunProof:
    """The result of a proof of a run; print it to read it.

    Attributes:
        run: The folder of the run.
        proof: The proof; None if there was nothing to prove.
        notes: About causes that cannot be trained with.
    """

    run: Path
    proof: Proof | None
    notes: tuple[str, ...]

    @property
    def proven(self) -> Result | None:
        """The remedy that is proven; None if none is."""
        return None if self.proof is None else self.proof.proven

    def __str__(self) -> str:
        lines = [*self.notes]
        if self.proof is None:
            return "\n".join([*lines, _NOTHING])
        return "\n".join(
            [*lines, _page(self.proof), *_conclusion(self.run, self.proof)]
        )

    def __repr__(self) -> str:
        results = () if self.proof is None else self.proof.results
        summary = ", ".join(
            f"{each.comparison.cause}: {each.verdict.name}" for each in results
        )
        return f"<RunProof of {summary or 'nothing'}; print it to read it>"


def prove_given(
    run: Path, given: Given, seeds: int, progress: Callable[[str], None]
) -> RunProof:
    """Diagnoses a run, unless it has a current diagnosis, and proves the remedies.

    Prints nothing. See `framework.launch.result.Result.remedy`.

    Args:
        run: The folder of the run.
        given: What was given in Python.
        seeds: The largest number of seeds.
        progress: Called with a line about each step.
    """
    config = run_folder.read_config(run)
    if config.strategy == "multi_worker":
        raise UsageError(
            "the run has several processes; prove it in one, by `whyflat remedy`"
        )
    check_given(run, config, given)
    model = given.builder
    plan_lib.looks(seeds)

    def diagnose() -> None:
        # This process has trained the run.
        state = snapshot.read(run)
        examine(state, progress, trust_run=True, model=model, dataset=given.dataset)

    findings = _diagnosed(run, diagnose)
    interventions, notes = _interventions(config, findings)
    if not interventions:
        return RunProof(run, None, notes)
    named = [each.cause for each in findings]
    proof = prove_run(
        str(run),
        interventions,
        named,
        seeds,
        trust_run=True,
        progress=progress,
        given=given,
    )
    return RunProof(run, proof, notes)


def _diagnosed(run: Path, diagnose: Callable[[], None]) -> Sequence[StoredFinding]:
    """Returns the findings of the diagnosis.

    Args:
        run: The folder of the run.
        diagnose: Called if there is none; writes it.

    Raises:
        UsageError: It cannot be written.
    """
    findings = stored.read_findings(run)
    folder = run / "diagnosis"
    is_writable = run.is_dir() and os.access(run, os.W_OK) and not folder.is_symlink()
    with contextlib.ExitStack() as stack:
        if findings is None and is_writable:
            # Of several processes that share a proof, one diagnoses.
            folder.mkdir(exist_ok=True)
            stack.enter_context(claims.exclusive(folder / "remedy.lock"))
            findings = stored.read_findings(run)
        if findings is None:
            diagnose()
            findings = stored.read_findings(run)
    if findings is None:
        raise UsageError(f"{run / 'diagnosis'} cannot be written: nothing to prove")
    return findings


def remedy(
    run: Path,
    findings: Sequence[StoredFinding],
    seeds: int,
    plan_only: bool = False,
    apply: bool = False,
    trust_run: bool = False,
) -> bool:
    """Proves the remedies of a diagnosis, and prints the result.

    Args:
        run: The folder of the run.
        findings: Those of its diagnosis.
        seeds: The largest number of seeds.
        plan_only: Whether to print the plan only.
        apply: Whether to write a proven remedy as a flagfile into the run's folder.
        trust_run: See `framework.launch.trust`.

    Returns:
        Whether a remedy is proven; with `plan_only`, whether there is a plan.
    """
    config = run_folder.read_config(run)
    interventions, notes = _interventions(config, findings)
    for note in notes:
        print(note, flush=True)
    if not interventions:
        print(_NOTHING)
        return False
    proof = prove_run(
        str(run),
        interventions,
        [each.cause for each in findings],
        seeds,
        plan_only,
        trust_run,
        _progress,
    )
    if plan_only:
        _print_plan(proof)
        return True
    print(_page(proof))
    print("\n".join(_conclusion(run, proof)))
    if apply and proof.proven is not None:
        changed = report.remedied(run, proof.config, proof.plan, proof.proven)
        # Of several processes that share the proof, one writes at a time.
        with claims.exclusive(plan_lib.lock(proof.folder)):
            _apply(run, changed)
    return proof.proven is not None


def _interventions(
    config: Config, findings: Sequence[StoredFinding]
) -> tuple[dict[str, Intervention], tuple[str, ...]]:
    """Returns the remedies that flags express, by cause, and lines about the others."""
    result, notes = {}, []
    for each in findings:
        if each.status != "confirmed":
            continue
        change = each.intervention
        if change is None or not change.flags(config):
            notes += [
                f"{each.cause}: no flag mends it, so there is nothing to train with",
                f"  what to do: {each.advice}",
            ]
            continue
        if change.beyond_flags(config):
            names = ", ".join(change.beyond_flags(config))
            notes.append(f"{each.cause}: only its flags are tried, not {names}")
        result[each.cause] = change
    return result, tuple(notes)


def _page(proof: Proof) -> str:
    """Returns a proof as text, without the last line break."""
    page = report.page(proof.config, proof.plan, proof.results, proof.notes)
    return page.removesuffix("\n")


def _print_plan(proof: Proof) -> None:
    config, plan = proof.config, proof.plan
    print(report.page(config, plan, (), proof.notes), end="")
    for comparison in plan.comparisons:
        print(f"\n{comparison.cause} ({comparison.kind})")
        for arm in (comparison.remedy, comparison.unchanged, comparison.placebo):
            changes = report.changes(config, plan, arm)
            print(f"  {arm}: {'; '.join(changes) or 'as the run'}")
    print(f"\nthe plan is in {proof.folder / 'plan.json'}; nothing is trained")


def _conclusion(run: Path, proof: Proof) -> list[str]:
    """Returns lines about where the proof is, and how to train with the remedy."""
    lines = ["", f"the proof is in {proof.folder}"]
    if proof.proven is None:
        return lines
    changed = report.remedied(run, proof.config, proof.plan, proof.proven)
    how = report.how_to_train(run, proof.config, changed)
    return [*lines, "the remedied run:", *(f"    {line}" for line in how)]


def _apply(run: Path, changed: Config) -> None:
    """Writes the changed flagfile beside flags.txt."""
    path, text = run / _FLAGFILE, flags.flagfile(changed)
    with run_folder.locked(run):
        is_other = path.exists() and atomic.read_bytes(path) != text.encode()
        atomic.write_text(path, text)
    print(f"{'replaced' if is_other else 'wrote'} {path}")


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
