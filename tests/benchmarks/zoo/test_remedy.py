"""Tests of benchmarks/zoo/remedy.py."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.zoo import remedy, results, search
from framework.config import Config
from framework.report.history import History


def line(kind, proven="", gain=None, remedies=("overfitting",), **changes):
    return {
        "kind": kind,
        "case": "run: a",
        "seed": 0,
        "remedies": list(remedies),
        "proven": proven,
        "gain": gain,
        "verdicts": {"overfitting": "no effect"} if remedies else {},
        "trainings": 9,
        "training_seconds": 30.0,
        "own_seconds": 5.0,
        **changes,
    }


def test_the_page_counts_what_is_proven_and_what_could_be():
    lines = [
        line("repair", "overfitting", 0.1),
        line("repair", "overfitting", 0.3),
        line("repair"),
        line("repair", remedies=()),
        line("nothing"),
    ]
    rows = remedy.page(lines, 9).splitlines()
    assert rows[0] == "5 of 9 jobs are done"
    assert rows[1].startswith("repair: proven on faulty runs: 2 of 4, 0.5 (")
    assert rows[2].startswith("    of those with a confirmed cause and a flag: 2 of 3")
    assert rows[3] == "    median gain: +20.0 points"
    assert rows[4] == "    median cost: 9 trainings, 30 s, 6.0 times the run itself"
    # Wilson's interval of none of one.
    assert rows[5].endswith("proven on sound runs: 0 of 1, 0 (0 to 0.793)")


def test_the_page_has_published_rates_and_the_aims():
    lines = [
        line("repair", "overfitting", 0.1, seeds=3),
        line("repair", "overfitting", 0.1, seeds=3),
        line("repair", "overfitting", 0.1, seeds=5, training_seconds=900.0),
        line("repair"),
        line("repair", remedies=()),
        line("sham"),
        line("recheck repair", "overfitting", 0.1),
        line("recheck repair", "", 0.0),
    ]
    page = remedy.page(lines, 7)
    assert page.startswith("6 of 7 jobs are done\n")
    assert "do not hold with 10 other seeds: 1 of 2, 0.5 (0.0945 to 0.905)" in page
    assert "AUTOTRAINER, measured by others: 266 of 850, 0.313 (" in page
    assert "    repaired: 0.75, reached (at least 0.75)" in page
    # One sound run is too few, whatever came of it.
    assert "false proofs: 0.00, missed (at most 0.03 of 100 or more; here 1)" in page
    assert "median cost of a proof: 6.00, missed (at most 3 times" in page


def test_a_proven_remedy_is_trained_with_other_seeds_once(tmp_path, monkeypatch):
    path, asked = tmp_path / "remedy.jsonl", []
    for each in (
        line("repair", "overfitting", 0.1),
        line("sham"),
        # A remedy of the ruler gains nothing.
        line("repair", "split_leakage", None, case="run: b"),
    ):
        results.append(path, each)

    def rechecked(run, cause):
        asked.append((run.parts[-2:], cause))
        return line("", "", 0.0)

    monkeypatch.setattr(remedy, "rechecked", rechecked)
    for _ in range(2):
        remedy._recheck(path, tmp_path)
    assert asked == [(("run--a-0", "repair"), "overfitting")]


def test_the_search_draws_changes_of_the_run(tmp_path, monkeypatch):
    pytest.importorskip("optuna")
    configs = []

    def run(config, quiet, reports, role):
        configs.append(config)
        folder = Path(config.workdir)
        folder.mkdir(parents=True)
        value = 1 / (1 + abs(np.log10(config.learning_rate / 1e-3)))
        History(folder / "metrics.jsonl").append(1, {config.monitor: value})

    monkeypatch.setattr(search.run_lib, "run", run)
    config = Config(learning_rate=1e-5, monitor="validation/accuracy")
    change = search.best(config, tmp_path / "search")
    assert len(configs) == search.TRIALS
    assert {each.seed for each in configs} == {config.seed}
    assert 1e-4 < change.apply(config).learning_rate < 1e-2


def test_a_line_says_what_came_of_it():
    assert remedy.text(line("repair")) == (
        "repair: run: a, seed 0: overfitting no effect; 9 trainings"
    )
    assert "no remedy by flags" in remedy.text(line("repair", remedies=()))
    assert remedy.text(line("repair", error="it failed")).endswith(": it failed")


def test_there_are_faulty_runs_of_both_halves_and_sound_ones():
    found = {(case.half, case.healthy) for case in remedy.runs()}
    # The sound ones of the calibration half are Keras programs.
    assert found == {("calibration", False), ("report", False), ("report", True)}


@pytest.mark.parametrize("seed", range(4))
def test_a_random_remedy_changes_the_run(seed):
    config = Config(seed=seed, normalize="standard", clip_norm=1.0)
    name, change = remedy.drawn(config)
    assert config.difference(change.apply(config))
    assert remedy.drawn(config)[0] == name


def test_the_recipe_and_nothing_are_flags():
    config = Config(normalize="raw", learning_rate=0.1)
    changed = set(config.difference(remedy.recipe().apply(config)))
    assert changed == {"learning_rate", "normalize", "augment", "optimizer"}


@pytest.mark.parametrize(
    ("dataset", "test", "batch_size"),
    [
        # As in validation, with all training images and batches as before.
        ("drawn_flowers(train=60, size=24)", "", 128),
        ("digits", "20%", 128),
        ("noise(train=100, size=8)", "20%", 75),
    ],
)
def test_each_run_gets_a_test_part(dataset, test, batch_size):
    config = remedy.with_test_part(Config(dataset=dataset, batch_size=128))
    assert (config.test, config.batch_size) == (test, batch_size)
    if not test:
        assert config.dataset == "drawn_flowers(train=60, size=24, test=1000)"
