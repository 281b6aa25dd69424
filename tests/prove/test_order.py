"""Tests of framework/prove/order.py, whose runs are fakes."""

import json
from pathlib import Path

import pytest

from framework.config import Config
from framework.diagnose.core.intervention import Intervention
from framework.errors import UsageError
from framework.launch import run as run_lib
from framework.launch.given import NOTHING
from framework.prove import order, plan
from framework.report.history import History

pytest.importorskip("optuna")

CONFIG = Config(learning_rate=1e-4, seed=3)
REMEDIES = {
    "split_leakage": Intervention(augment="flip"),
    "exploding_gradients": Intervention(clip_norm=1.0),
    "learning_rate_too_low": Intervention(learning_rate_factor=10.0),
    "overfitting": Intervention(weight_decay=0.01),
}


@pytest.fixture
def trained(monkeypatch):
    """The configs of fake runs; that with the higher rate is the best."""
    configs = []

    def run(config, model, dataset, quiet, reports, role):
        assert role.is_part
        configs.append(config)
        folder = Path(config.workdir)
        folder.mkdir(parents=True)
        history = History(folder / "metrics.jsonl")
        for step in range(1, 11):
            value = {1e-3: 0.9}.get(config.learning_rate, 0.5 + 0.1 * config.clip_norm)
            history.append(step, {config.monitor: value})
            for report in reports:
                report.evaluated(step, {config.monitor: value}, {})

    monkeypatch.setattr(run_lib, "run", run)
    return configs


def ordered(folder, remedies=REMEDIES, told=None, **options):
    progress = (told if told is not None else []).append
    return order.ordered(CONFIG, remedies, NOTHING, folder, progress, **options)


def test_the_best_on_validation_is_first_but_after_those_of_the_ruler(
    tmp_path, trained
):
    told = []
    actual = ordered(tmp_path, told=told)
    names = ["split_leakage", "learning_rate_too_low", "exploding_gradients"]
    assert list(actual) == [*names, "overfitting"]
    assert actual == REMEDIES
    assert told[-1].startswith("the order of the proof: split_leakage, learning_rate")
    # Each is the run with its remedy, and nothing else.
    assert [set(CONFIG.difference(each)) for each in trained] == [
        {"clip_norm"},
        {"learning_rate"},
        {"optimizer"},
    ]
    # The one that never was the best has ended early.
    lines = {
        path.parts[-3]: len(path.read_text().splitlines())
        for path in tmp_path.rglob("metrics.jsonl")
    }
    assert lines == {"trial-0000": 10, "trial-0001": 10, "trial-0002": 2}


def test_the_same_call_again_trains_nothing(tmp_path, trained, monkeypatch):
    first = ordered(tmp_path)
    monkeypatch.setattr(run_lib, "run", pytest.fail)
    assert list(ordered(tmp_path)) == list(first)


def test_a_single_remedy_needs_no_comparison(tmp_path, trained):
    remedies = {name: REMEDIES[name] for name in ("split_leakage", "overfitting")}
    assert list(ordered(tmp_path, remedies)) == list(remedies)
    assert not trained


def test_a_plan_alone_keeps_the_order_of_the_diagnosis(tmp_path, trained):
    assert list(ordered(tmp_path, plan_only=True)) == list(REMEDIES)
    assert not trained


def test_the_order_of_a_proof_that_has_begun_stays(tmp_path, trained):
    names = list(REMEDIES)[::-1]
    comparisons = [{"cause": name} for name in names]
    (tmp_path / "plan.json").write_text(json.dumps({"comparisons": comparisons}))
    # A plan alone can still change.
    assert list(ordered(tmp_path)) != names
    (tmp_path / "unchanged-1").mkdir()
    assert plan.has_begun(tmp_path)
    assert list(ordered(tmp_path)) == names


def test_without_optuna_the_order_is_that_of_the_diagnosis(
    tmp_path, trained, monkeypatch
):
    told = []
    monkeypatch.setattr(order.importlib.util, "find_spec", lambda name: None)
    assert list(ordered(tmp_path, told=told)) == list(REMEDIES)
    assert "whyflat[sweep]" in told[0]
    assert not trained


def test_the_order_of_other_remedies_is_refused(tmp_path, trained):
    ordered(tmp_path)
    others = {**REMEDIES, "overfitting": Intervention(weight_decay=0.1)}
    with pytest.raises(UsageError, match="for other remedies") as error:
        ordered(tmp_path, others)
    assert "weight_decay=0.01" in str(error.value)
    # Of a proof that has begun, that is said when its plan is frozen.
    fewer = {name: REMEDIES[name] for name in list(REMEDIES)[1:]}
    comparisons = [{"cause": name} for name in REMEDIES]
    (tmp_path / "plan.json").write_text(json.dumps({"comparisons": comparisons}))
    (tmp_path / "unchanged-1").mkdir()
    assert list(ordered(tmp_path, fewer)) == list(fewer)
