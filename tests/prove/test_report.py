"""Tests of framework/prove/report.py."""

import dataclasses
import json
import shlex
from pathlib import Path

import pytest

from framework.config import Config, flags
from framework.diagnose.core.intervention import Intervention
from framework.prove import report
from framework.prove.manipulation import Check
from framework.prove.proof import prove

CONFIG = Config(learning_rate=1e-4, workdir="runs/a b")
CHECKS = (
    Check("ratio of update_norm", 9.8, "10", is_met=True),
    Check("clip_norm", None, "", None, "norms are recorded before clipping"),
)


@pytest.fixture
def proof(planned, fake):
    plan = planned(
        config=CONFIG,
        exploding_gradients=Intervention(clip_norm=1.0),
        learning_rate_too_low=Intervention(learning_rate_factor=10.0),
        homogeneous_training_data=Intervention(augment="flip + shift(.1)"),
    )
    names = {"learning_rate_too_low": 0.9}
    arms = fake(lambda arm, seed: names.get(arm, 0.3))
    return plan, prove(plan, arms, lambda *_: CHECKS)


def test_the_page_has_arms_gains_checks_and_verdicts(proof):
    plan, results = proof
    page = report.page(CONFIG, plan, results, ["judged on the 400 test images"])
    assert f"SHA-256 {plan.sha256}" in page
    assert "judged on the 400 test images" in page
    assert "    --learning_rate=0.0001 -> --learning_rate=0.001\n" in page
    assert "+60.0 points (+60.0 to +60.0) over seeds" in page
    assert "  checked: ratio of update_norm = 9.8, as expected (10)\n" in page
    assert "  not checked: clip_norm: norms are recorded before clipping\n" in page
    assert "  verdict: no effect: it gains less than 1 point" in page
    assert "  verdict: proven: it gains over the unchanged program and" in page
    assert page.index("no effect") < page.index("proven")
    assert max(map(len, page.splitlines())) <= 88


def test_the_json_has_the_same_numbers(proof):
    plan, results = proof
    text = report.as_text(plan, results, ["a note"])
    fields = json.loads(text, parse_constant=pytest.fail)
    assert fields["format"] == report.FORMAT
    assert fields["plan_sha256"] == plan.sha256
    assert fields["not_tried"] == ["homogeneous_training_data"]
    verdicts = [each["verdict"] for each in fields["remedies"]]
    assert verdicts == ["no effect", "proven"]
    last = fields["remedies"][-1]
    assert last["changes"] == {"learning_rate": 0.001}
    unchanged = last["gains"]["unchanged"]
    assert unchanged["over_seeds"]["value"] == pytest.approx(0.6)
    arms = {(each["name"], each["seed"]) for each in last["arms"]}
    assert len(arms) == 9
    assert {seed for _, seed in arms} == set(plan.seeds[:3])
    assert [each["is_met"] for each in last["checks"]] == [True, None]


@pytest.mark.parametrize("place", [0, 1])
def test_the_command_gives_the_remedied_config(proof, tmp_path, place):
    plan, results = proof
    config = dataclasses.replace(CONFIG, workdir=str(tmp_path / "a run"))
    (tmp_path / "a run").mkdir()
    (tmp_path / "a run" / "flags.txt").write_text(flags.flagfile(config))
    changed = report.remedied(tmp_path / "a run", config, plan, results[place])
    command = report.command(tmp_path / "a run", config, changed)
    words = shlex.split(command)
    assert words[:2] == ["whyflat", "train"]
    import absl.flags

    values = absl.flags.FlagValues()
    flags.define(Config(), values)
    flags.parse(words[1:2] + words[2:], values)
    assert flags.read(values) == changed
    assert changed.workdir == str(tmp_path / "a run-remedied")


@pytest.mark.parametrize("name", [".", "../run", "checkpoints/.."])
def test_the_remedied_run_lies_beside_the_run(proof, tmp_path, monkeypatch, name):
    plan, results = proof
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "run")
    changed = report.remedied(Path(name), CONFIG, plan, results[1])
    assert Path(changed.workdir).resolve() == tmp_path / "run-remedied"


def test_a_remedied_run_does_not_lie_over_another(proof, tmp_path):
    plan, results = proof
    (tmp_path / "run-remedied").mkdir()
    changed = report.remedied(tmp_path / "run", CONFIG, plan, results[1])
    assert changed.workdir == str(tmp_path / "run-remedied-2")


@pytest.mark.parametrize(
    ("entry", "start"),
    [
        ({"file": "/home/ann/mine.py"}, "whyflat train --experiment=/home/ann/mine.py"),
        ({"module": "mine.flowers"}, "python -m mine.flowers"),
        ({"module": "experiments.train"}, "whyflat train --flagfile="),
    ],
)
def test_the_command_names_the_experiment_of_the_run(tmp_path, entry, start):
    (tmp_path / "environment.json").write_text(json.dumps({"experiment": entry}))
    changed = dataclasses.replace(CONFIG, augment="flip + erase")
    command = report.command(tmp_path, CONFIG, changed)
    assert command.startswith(start)
    assert "'--augment=flip + erase'" in command
