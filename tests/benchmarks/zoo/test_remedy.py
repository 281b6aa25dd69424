"""Tests of benchmarks/zoo/remedy.py."""

import pytest

from benchmarks.zoo import remedy
from framework.config import Config


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
