"""Tests of framework/launch/stretches.py."""

import pytest

from framework.config import Config
from framework.errors import RunError, UsageError
from framework.launch.resume import Change
from framework.launch.stretches import Kept, between, kept, shuffled


@pytest.fixture
def folder(tmp_path):
    for name in ("checkpoints/step-00000030.npz", "checkpoints/step-00000040.npz"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "best").mkdir()
    (tmp_path / "best/step-00000010.npz").touch()
    (tmp_path / "best/step-00000040.npz").touch()
    return tmp_path


def test_each_kept_step_is_a_boundary_and_so_is_the_start(folder):
    points = kept(folder)
    assert [point.step for point in points] == [0, 10, 30, 40]
    assert [len(point.paths) for point in points] == [0, 1, 1, 2]
    lengths = [stretch.steps for stretch in between(points, Config(), [])]
    assert lengths == [10, 20, 10]
    assert str(between(points, Config(), [])[1]) == "steps 10 to 30"


def test_without_checkpoints_there_is_nothing(tmp_path):
    with pytest.raises(UsageError, match="no checkpoint of a trained step"):
        kept(tmp_path)


POINTS = [Kept(step) for step in (0, 10, 30, 40)]


def change(step, data=(), rounding=(), **old):
    return Change(step, old, data, rounding)


def test_each_stretch_has_the_config_of_its_time():
    config = Config(learning_rate=0.3)
    changes = [change(10, learning_rate=0.1), change(30, learning_rate=0.2)]
    stretches = between(POINTS, config, changes)
    assert [each.config.learning_rate for each in stretches] == [0.1, 0.2, 0.3]
    assert not any(each.obstacle for each in stretches)


def test_a_change_inside_is_an_obstacle():
    _, second, third = between(POINTS, Config(), [change(20, seed=5)])
    assert second.obstacle == "the configuration was changed at step 20"
    assert (second.config.seed, third.config.seed) == (0, 0)
    assert not third.obstacle


def test_stretches_before_other_data_cannot_be_recomputed():
    stretches = between(POINTS, Config(), [change(30, data=["train: 5 -> 6"])])
    assert [bool(each.obstacle) for each in stretches] == [True, True, False]
    assert shuffled(stretches, 0) == stretches[2:]


def test_stretches_before_other_versions_are_doubtful():
    stretches = between(POINTS, Config(), [change(10, rounding=["numpy 1 -> 2"])])
    assert [list(each.doubts) for each in stretches] == [
        ["numpy 1 -> 2, at step 10"],
        [],
        [],
    ]


def test_an_impossible_earlier_config_is_refused():
    with pytest.raises(RunError, match=r"changes\.jsonl, step 40: --learning_rate"):
        between(POINTS, Config(), [change(40, learning_rate=-1)])


def test_the_order_depends_on_the_seed_only():
    stretches = between([Kept(step) for step in range(20)], Config(), [])
    assert shuffled(stretches, 1) == shuffled(stretches, 1)
    assert shuffled(stretches, 1) != shuffled(stretches, 2)
    assert {each.start.step for each in shuffled(stretches, 1)} == set(range(19))
