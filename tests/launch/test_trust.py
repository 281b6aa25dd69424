"""Tests of framework/launch/trust.py."""

import dataclasses
import os
import stat

import pytest

from framework.config import Config, experiment
from framework.errors import UsageError
from framework.launch import trust

OWN = Config(model="mine:net(3)", schedule="warmup(5%) + other.part:sine")
SERVED = Config(input="service", service="far:5050")
ENTRY = {"file": "/home/ann/squares.py"}


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """A home folder for the ledger."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(experiment, "origin", lambda: {})
    return tmp_path / "state"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("config", "entry", "given", "names"),
    [
        (Config(), {}, (), []),
        (Config(service="far:1"), {}, (), []),
        (OWN, {}, (), ["import mine:net", "import other.part:sine"]),
        (OWN, {}, ("model",), ["import other.part:sine"]),
        (SERVED, {}, (), ["connect to far:5050"]),
        (SERVED, {}, ("dataset",), []),
        (Config(), ENTRY, (), ["execute /home/ann/squares.py"]),
        (Config(), ENTRY, ("experiment",), []),
        (Config(), {"module": "a.b"}, (), ["execute a.b"]),
    ],
)
def test_names(config, entry, given, names):
    assert trust.actions(config, entry, given) == names


def test_what_executes_nothing_needs_no_trust(run, state):
    trust.check(run, Config(), {}, False)
    trust.remember(run, Config())
    assert not state.exists()


@pytest.mark.parametrize(
    ("config", "entry"), [(OWN, {}), (SERVED, {}), (Config(), ENTRY)]
)
def test_a_foreign_run_is_refused_in_one_line(run, config, entry):
    with pytest.raises(UsageError, match="if you trust it, add --trust_run") as caught:
        trust.check(run, config, entry, False)
    assert ", ".join(trust.actions(config, entry)) in str(caught.value)
    assert "\n" not in str(caught.value)
    trust.check(run, config, entry, True)


@pytest.mark.parametrize(("config", "entry"), [(OWN, {}), (SERVED, ENTRY)])
def test_ones_own_run_is_trusted(run, state, config, entry, monkeypatch):
    monkeypatch.setattr(experiment, "origin", lambda: entry)
    trust.remember(run, config)
    trust.remember(run, config)
    trust.check(run, config, entry, False)
    ledger = state / "whyflat" / "trusted"
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o600
    assert len(ledger.read_text().splitlines()) == 1
    # Also by another path to the same folder.
    (run.parent / "link").symlink_to(run)
    trust.check(run.parent / "link", config, entry, False)


def test_but_not_once_it_names_something_else(run):
    trust.remember(run, OWN)
    changed = dataclasses.replace(OWN, model="evil:net")
    with pytest.raises(UsageError, match="import evil:net"):
        trust.check(run, changed, {}, False)
    with pytest.raises(UsageError, match=r"execute /home/ann/squares\.py"):
        trust.check(run, OWN, ENTRY, False)
    with pytest.raises(UsageError, match="import mine:net"):
        trust.check(run.parent, OWN, {}, False)


@pytest.mark.parametrize("fault", ["writable", "link", "folder", "garbage"])
def test_a_ledger_that_others_may_have_written_counts_for_nothing(run, state, fault):
    trust.remember(run, OWN)
    ledger = state / "whyflat" / "trusted"
    if fault == "writable":
        ledger.chmod(0o622)
    elif fault == "link":
        ledger.rename(state / "other")
        ledger.symlink_to(state / "other")
    elif fault == "folder":
        ledger.unlink()
        ledger.mkdir()
    else:
        ledger.write_bytes(b"\xff\0" * 1000)
    with pytest.raises(UsageError, match="--trust_run"):
        trust.check(run, OWN, {}, False)


def test_where_there_is_no_home_nothing_is_noted(run, state, monkeypatch):
    state.write_text("a file, not a folder")
    trust.remember(run, OWN)
    assert not trust.is_trusted(run, trust.actions(OWN, {}))
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "/proc/nothing")
    trust.remember(run, OWN)
    assert not os.path.exists("relative")


def test_load(run, tmp_path, monkeypatch):
    (run / "environment.json").write_text(
        f'{{"experiment": {{"file": "{tmp_path}/mine.py"}}}}'
    )
    mark = tmp_path / "executed"
    (tmp_path / "mine.py").write_text(f"open({str(mark)!r}, 'w').close()")
    monkeypatch.setattr(experiment, "_loaded", {})
    monkeypatch.setattr(experiment, "_given", [])
    with pytest.raises(UsageError, match="--trust_run"):
        trust.load(run, Config(), False)
    assert not mark.exists()
    trust.load(run, Config(), True)
    assert mark.exists()


def test_a_given_experiment_takes_the_place_of_the_runs(run, tmp_path, monkeypatch):
    (run / "environment.json").write_text('{"experiment": {"file": "/none/a.py"}}')
    monkeypatch.setattr(experiment, "_given", ["/b.py"])
    trust.load(run, Config(), False)
    with pytest.raises(UsageError, match=r"would import mine:net, import other\.part"):
        trust.load(run, OWN, False)
