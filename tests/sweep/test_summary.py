"""Tests of framework/sweep/summary.py."""

import dataclasses
import math
from pathlib import Path

import pytest

from framework.errors import UsageError
from framework.sweep import record
from framework.sweep.summary import summarize


@dataclasses.dataclass(frozen=True)
class Run:
    folder: Path
    last: float = 0.5
    is_complete: bool = True
    monitor: str = "validation/accuracy"

    @property
    def best(self):
        return self.last + 0.125


@pytest.fixture
def folder(tmp_path):
    record.opened(tmp_path / "sweep", {"space": {"seeds": [0, 1]}})
    return tmp_path / "sweep"


def runs(folder, *trials):
    """Returns the runs of trials: the last values with the first seeds of each."""
    return [
        Run(record.run_folder(folder, number, seed), value)
        for number, values in enumerate(trials)
        for seed, value in enumerate(values)
    ]


def ended(folder, number, state):
    record.trial_folder(folder, number).mkdir(exist_ok=True)
    record.write_outcome(folder, number, state)


def test_the_best_complete_trial_is_that_of_the_best_mean_of_last_values(folder):
    # The pruned one is better, and so is the first seed of the last one.
    trials = runs(folder, (0.5, 0.75), (0.5, 0.5), (0.9,), (0.99,))
    for number, state in enumerate(["complete", "complete", "pruned"]):
        ended(folder, number, state)
    # Without a run, because no config has its values.
    ended(folder, 4, "failed")
    sweep = summarize(folder, trials)
    assert sweep.trials == {"complete": 2, "pruned": 1, "failed": 1, "incomplete": 1}
    assert list(sweep.trials) == ["complete", "pruned", "failed", "incomplete"]
    assert sweep.best_trial == folder / "trial-0000"
    assert (sweep.last.value, sweep.best.value) == (0.625, 0.75)
    # Student's t with one degree of freedom.
    assert sweep.last.high == pytest.approx(0.625 + 12.706 * 0.125, rel=1e-4)
    assert sweep.monitor == "validation/accuracy"


def test_the_least_loss_is_the_best(folder):
    trials = [
        dataclasses.replace(run, monitor="validation/loss")
        for run in runs(folder, (0.5, 0.5), (0.25, 0.25))
    ]
    assert summarize(folder, trials).best_trial == folder / "trial-0001"


def test_trials_of_earlier_versions_are_complete_with_all_seeds_only(folder):
    trials = runs(folder, (0.5, 0.5), (0.9,))
    assert summarize(folder, trials).trials == {"complete": 1, "incomplete": 1}
    trials[1] = dataclasses.replace(trials[1], is_complete=False)
    sweep = summarize(folder, trials)
    assert sweep.trials == {"incomplete": 2}
    assert sweep.best_trial is None
    assert math.isnan(sweep.best.value)


def test_one_seed_has_no_interval(tmp_path):
    record.opened(tmp_path, {"space": {"seeds": [3]}})
    run = Run(record.run_folder(tmp_path, 0, 3))
    assert summarize(tmp_path, [run]).last.high == math.inf


def test_a_damaged_sweep_is_an_error_of_usage(folder):
    (folder / "sweep.json").write_text('{"sweep": {"space": {"seeds": 3}}}')
    with pytest.raises(UsageError, match="is not the file of a sweep"):
        summarize(folder, runs(folder, (0.5,)))
