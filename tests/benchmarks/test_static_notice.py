"""Tests of benchmarks/static_notice.py."""

import json

import pytest

from benchmarks import static_notice
from benchmarks.static_notice import Replay
from framework.report.history import History

FLAT = [0.1, 0.4, 0.5, *[0.6] * 12]
LATER = [*FLAT, 0.9, 0.9]


@pytest.mark.parametrize(
    ("accuracies", "at", "is_too_early"),
    [(FLAT, 9, False), (LATER, 9, True), ([x / 20 for x in range(15)], None, False)],
)
def test_a_notice_is_too_early_if_accuracy_rises_afterwards(
    accuracies, at, is_too_early
):
    replay = static_notice.replay(accuracies, [1.0] * len(accuracies), 1000)
    assert (replay.at, replay.is_too_early) == (at, is_too_early)


def test_the_delay_counts_from_the_last_rise():
    assert static_notice.replay(FLAT, [1.0] * 15, 1000).delay == 5
    assert static_notice.replay(LATER, [1.0] * 17, 1000).delay == -7


def test_runs_are_found_inside_each_other_and_counted_once(tmp_path):
    data = {"splits": {"validation": {"images": 1000}}}
    for name, values in (("a", FLAT), ("a/trials/b", LATER), ("c", FLAT), ("d", [0.1])):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        history = History(folder / "metrics.jsonl")
        for step, value in enumerate(values, 1):
            metrics = {"validation/accuracy": value, "validation/loss": 1.0}
            history.append(step, metrics)
        (folder / "data.json").write_text(json.dumps(data))
    (tmp_path / "a/data.json.bak").write_text("{")
    results = list(static_notice.replays([tmp_path]))
    assert [each.is_too_early for each in results] == [False, True]
    assert "2 runs, 2 notices\ntoo early: 50.0%" in static_notice.page(results)
    assert static_notice.page([Replay(None, 0.0, 0.1, 0)]) == "1 runs, no notice"
