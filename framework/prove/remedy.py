"""Takes the confirmed causes of a run, proves their remedies, and prints the result."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from framework.config import Config, flags
from framework.diagnose.conclude import conclude
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.report import stored
from framework.diagnose.report.stored import StoredFinding
from framework.errors import UsageError
from framework.launch import run_folder
from framework.prove import plan as plan_lib
from framework.prove import report
from framework.prove.prove_run import Proof, prove_run
from framework.system import atomic, claims

# The exit code where no remedy is proven.
NOT_PROVEN = 4
_FLAGFILE = "flags.remedied.txt"


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
    findings = _diagnosed(run, trust_run)
    if findings is None:
        raise UsageError(f"{run / 'diagnosis'} cannot be written: nothing to prove")
    is_proven = remedy(run, findings, seeds, plan_only, apply, trust_run)
    return 0 if is_proven else NOT_PROVEN


def _diagnosed(run: Path, trust_run: bool) -> Sequence[StoredFinding] | None:
    """Returns the findings of the diagnosis; diagnoses the run if there is none."""
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
            conclude(str(run), trust_run=trust_run)
            findings = stored.read_findings(run)
            print(flush=True)
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
    interventions = _interventions(config, findings)
    if not interventions:
        print("no confirmed cause has a remedy to train with: nothing to prove")
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
    page = report.page(proof.config, proof.plan, proof.results, proof.notes)
    print(page, end="")
    return _conclude(run, proof, apply)


def _interventions(
    config: Config, findings: Sequence[StoredFinding]
) -> dict[str, Intervention]:
    """Returns the remedies that flags express, by cause; prints the others."""
    result = {}
    for each in findings:
        if each.status != "confirmed":
            continue
        change = each.intervention
        if change is None or not change.flags(config):
            print(f"{each.cause}: no flag mends it, so there is nothing to train with")
            print(f"  what to do: {each.advice}")
            continue
        if change.beyond_flags:
            names = ", ".join(change.beyond_flags)
            print(f"{each.cause}: only its flags are tried, not {names}")
        result[each.cause] = change
    return result


def _print_plan(proof: Proof) -> None:
    config, plan = proof.config, proof.plan
    print(report.page(config, plan, (), proof.notes), end="")
    for comparison in plan.comparisons:
        print(f"\n{comparison.cause} ({comparison.kind})")
        for arm in (comparison.remedy, comparison.unchanged, comparison.placebo):
            changes = report.changes(config, plan, arm)
            print(f"  {arm}: {'; '.join(changes) or 'as the run'}")
    print(f"\nthe plan is in {proof.folder / 'plan.json'}; nothing is trained")


def _conclude(run: Path, proof: Proof, apply: bool) -> bool:
    """Prints how to train with the proven remedy; returns whether there is one."""
    print(f"\nthe proof is in {proof.folder}")
    if proof.proven is None:
        return False
    changed = report.remedied(run, proof.config, proof.plan, proof.proven)
    print("the remedied run:")
    print(f"    {report.command(run, proof.config, changed)}")
    if apply:
        # Of several processes that share the proof, one writes at a time.
        with claims.exclusive(plan_lib.lock(proof.folder)):
            _apply(run, changed)
    return True


def _apply(run: Path, changed: Config) -> None:
    """Writes the changed flagfile beside flags.txt."""
    path, text = run / _FLAGFILE, flags.flagfile(changed)
    with run_folder.locked(run):
        is_other = path.exists() and atomic.read_bytes(path) != text.encode()
        atomic.write_text(path, text)
    print(f"{'replaced' if is_other else 'wrote'} {path}")


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
