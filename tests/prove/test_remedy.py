"""Tests of framework/prove/remedy.py."""

import pytest

from framework.config import Config, flags
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.report.stored import StoredFinding
from framework.errors import UsageError
from framework.launch import run_folder
from framework.prove import remedy as remedy_lib
from framework.prove.manipulation import Check
from framework.prove.proof import prove
from framework.prove.prove_run import Proof
from framework.prove.remedy import diagnose_and_remedy, remedy

CONFIG = Config(learning_rate=1e-4)
HIGHER = Intervention(learning_rate_factor=10.0)


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    run_folder.write_config(folder, CONFIG)
    return folder


@pytest.fixture
def asked(monkeypatch, planned, fake, run):
    """Replaces proofs by those of arms that train in no time; keeps the remedies."""
    asked = []

    def accuracy(arm, seed):
        return 0.9 if arm.startswith("learning_rate") else 0.3

    def prove_run(workdir, interventions, named, seeds, plan_only, *rest):
        asked.append((interventions, named))
        config = run_folder.read_config(run)
        plan = planned(config=config, seeds=seeds, named=named, **interventions)
        met = Check("config.json of the arm", None, "has the changes", is_met=True)
        results = () if plan_only else prove(plan, fake(accuracy), lambda *_: (met,))
        folder = run / "diagnosis" / "proof"
        folder.mkdir(parents=True, exist_ok=True)
        return Proof(config, folder, plan, (), tuple(results))

    monkeypatch.setattr(remedy_lib, "prove_run", prove_run)
    return asked


def finding(cause, status="confirmed", intervention=None):
    return StoredFinding(cause, status, f"mend {cause}", intervention)


LOW = finding("learning_rate_too_low", intervention=HIGHER)


def test_confirmed_causes_are_taken_in_order(run, asked, capsys):
    findings = [
        finding("exploding_gradients", intervention=Intervention(clip_norm=1.0)),
        LOW,
        finding("overfitting", "suspected", Intervention(augment="flip")),
    ]
    assert remedy(run, findings, 10)
    ((interventions, named),) = asked
    assert list(interventions) == ["exploding_gradients", "learning_rate_too_low"]
    # No placebo is a cause that was merely suspected.
    assert named == [each.cause for each in findings]
    out = capsys.readouterr().out
    assert "verdict: proven" in out
    assert f"the proof is in {run / 'diagnosis' / 'proof'}" in out
    assert "    whyflat train --flagfile=" in out
    assert " --learning_rate=0.001 --workdir=" in out


@pytest.mark.parametrize(
    "change",
    [
        None,
        # What no flag expresses, or what is no remedy of a run by flags.
        Intervention(unfreeze=True),
        Intervention(keras_step=True),
        # What this run has already.
        Intervention(standardize=True),
    ],
)
def test_a_cause_without_flags_is_an_action_on_data_or_code(run, asked, capsys, change):
    assert not remedy(run, [finding("class_imbalance", intervention=change)], 10)
    assert not asked
    out = capsys.readouterr().out
    assert "class_imbalance: no flag mends it" in out
    assert "what to do: mend class_imbalance" in out
    assert "nothing to prove" in out


def test_what_is_more_than_flags_is_said(run, asked, capsys):
    change = HIGHER | Intervention(activation="relu")
    remedy(run, [finding("learning_rate_too_low", intervention=change)], 10)
    out = capsys.readouterr().out
    assert "learning_rate_too_low: only its flags are tried, not activation\n" in out


@pytest.mark.parametrize("status", ["suspected", "minor", "unresolved", "falsified"])
def test_what_is_not_confirmed_is_not_tried(run, asked, status):
    findings = [finding("learning_rate_too_low", status, HIGHER)]
    assert not remedy(run, findings, 10)
    assert not asked


def test_nothing_proven_has_no_command(run, asked, capsys):
    change = Intervention(clip_norm=1.0)
    findings = [finding("exploding_gradients", intervention=change)]
    assert not remedy(run, findings, 10, apply=True)
    out = capsys.readouterr().out
    assert "verdict: no effect" in out
    assert "whyflat train" not in out
    assert not (run / "flags.remedied.txt").exists()


def test_the_plan_alone_is_printed(run, asked, capsys):
    assert remedy(run, [LOW], 10, plan_only=True)
    out = capsys.readouterr().out
    assert "learning_rate_too_low: --learning_rate=0.0001 -> --learning_rate=0.001" in (
        out
    )
    assert "  unchanged: as the run\n" in out
    assert "  placebo-" in out
    assert "nothing is trained" in out
    assert "verdict" not in out


def contents(run):
    """Returns the bytes of the run's own files, by name."""
    return {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}


def test_apply_writes_the_flagfile_and_says_when_it_replaces_one(run, asked, capsys):
    before = contents(run)
    remedy(run, [LOW], 10, apply=True)
    path = run / "flags.remedied.txt"
    assert f"wrote {path}\n" in capsys.readouterr().out
    import absl.flags

    values = absl.flags.FlagValues()
    flags.define(Config(), values)
    flags.parse(["train", f"--flagfile={path}"], values)
    changed = flags.read(values)
    assert CONFIG.difference(changed) == {"learning_rate": (1e-4, 1e-3)}
    assert changed.workdir != CONFIG.workdir
    remedy(run, [LOW], 10, apply=True)
    assert f"wrote {path}\n" in capsys.readouterr().out
    path.write_text("--learning_rate=1\n")
    remedy(run, [LOW], 10, apply=True)
    assert f"replaced {path}\n" in capsys.readouterr().out
    path.unlink()
    assert contents(run) == before


@pytest.mark.parametrize(
    ("before", "after", "diagnosed"),
    [
        # Diagnosed already, as after a restart within the proof.
        ([LOW], None, 0),
        (None, [LOW], 1),
        (None, [], 1),
    ],
)
def test_it_diagnoses_only_what_is_not(
    run, asked, monkeypatch, before, after, diagnosed
):
    calls = []
    monkeypatch.setattr(
        remedy_lib.stored, "read_findings", lambda _: after if calls else before
    )
    monkeypatch.setattr(remedy_lib, "conclude", lambda *each, **_: calls.append(each))
    found = before if after is None else after
    assert diagnose_and_remedy(run) == (0 if found else 4)
    assert len(calls) == diagnosed
    assert len(asked) == len(found)


def test_a_diagnosis_that_cannot_be_written_proves_nothing(run, monkeypatch):
    monkeypatch.setattr(remedy_lib.stored, "read_findings", lambda _: None)
    monkeypatch.setattr(remedy_lib, "conclude", lambda *_, **__: 3)
    with pytest.raises(UsageError, match="cannot be written: nothing to prove"):
        diagnose_and_remedy(run)
