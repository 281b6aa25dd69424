"""Tests of framework/prove/pair.py."""

import pytest

from framework.config import Config
from framework.prove.pair import Pair
from framework.report import tags
from framework.report.events import Events
from framework.report.history import History


@pytest.fixture
def pair(tmp_path):
    """Two seeds of each arm, with metrics by seed."""
    folders = []
    for arm in ("remedied", "unchanged"):
        folders.append([tmp_path / f"{arm}-{seed}" for seed in (1, 2)])
        for seed, folder in enumerate(folders[-1]):
            folder.mkdir()
            history = History(folder / "metrics.jsonl")
            is_remedied = arm == "remedied"
            history.append(10, {"a": 0.0, "b": 0.0})
            history.append(20, {"a": 0.8 + 0.1 * seed, "b": 0.5 + 0.2 * is_remedied})
            events = Events(folder / "train", is_listed=False)
            for step in (5, 10):
                events.scalars(
                    step, {tags.logged("norm").name: step * (2.0 + is_remedied)}
                )
            events.close()
    return Pair(Config(), Config(), *folders)


def test_metrics_are_means_over_seeds_at_the_last_evaluation(pair):
    assert pair.last("a") == pytest.approx((0.85, 0.85))
    assert pair.last("a", "b") == pytest.approx((0.15, 0.35))
    assert pair.last("step") == (20, 20)
    assert pair.last("unknown") is None


def test_ratios_are_of_the_first_seed_at_a_step_of_both(pair):
    assert pair.ratio("norm", 0) == pytest.approx(1.5)
    assert pair.ratio("norm", -1) == pytest.approx(1.5)
    assert pair.ratio("unknown", 0) is None


def test_what_is_missing_is_none(pair):
    assert pair.records() is None
    assert pair.parameters() is None
