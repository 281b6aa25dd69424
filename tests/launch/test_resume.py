"""Tests of framework/launch/resume.py."""

import dataclasses
import json

import pytest

from framework.config import Config
from framework.errors import RunError, UsageError
from framework.launch import resume, run_folder
from framework.launch.resume import Change, Resumption
from framework.loop.plan import Plan
from framework.report.history import History

CONFIG = Config(train_for="4ep", learning_rate=0.1 / 3)
PER_EPOCH = 10


def plan(config):
    epochs = int(config.train_for.removesuffix("ep"))
    return Plan(
        total_steps=PER_EPOCH * epochs,
        steps_per_epoch=PER_EPOCH,
        log_every=5,
        evaluate_every=10,
        checkpoint_every=10,
        early_stopping=config.early_stopping,
    )


@pytest.fixture
def folder(tmp_path):
    """A run that has been trained for a number of epochs."""

    def make(epochs, config=CONFIG, checkpoint=True):
        run_folder.write_config(tmp_path, config)
        history = History(tmp_path / "metrics.jsonl")
        for epoch in range(1, epochs + 1):
            history.append(PER_EPOCH * epoch, {"validation/accuracy": 1 / epoch})
        (tmp_path / "checkpoints").mkdir()
        if checkpoint:
            (tmp_path / "checkpoints" / "step-00000010.npz").write_bytes(b"weights")
        return tmp_path

    return make


def checked(folder, step, **changes):
    config = dataclasses.replace(CONFIG, **changes)
    history = History(folder / "metrics.jsonl")
    return resume.check(folder, config, plan(config), history, step)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("epochs", "step", "changes", "is_over", "difference"),
    [
        (2, 20, {}, False, {}),
        (4, 40, {}, True, {}),
        # The numbers do not depend on these.
        (2, 20, {"steps_per_call": 3, "devices": 2, "strategy": "mirrored"}, False, {}),
        (4, 40, {"keep_checkpoints": 1}, True, {}),
        # A finished run may be extended.
        (4, 40, {"train_for": "8ep"}, False, {"train_for": ("4ep", "8ep")}),
        (
            2,
            20,
            {"allow_config_change": True, "batch_size": 64},
            False,
            {"batch_size": (32, 64)},
        ),
        (
            4,
            40,
            {"allow_config_change": True, "batch_size": 64, "train_for": "5ep"},
            False,
            {"batch_size": (32, 64), "train_for": ("4ep", "5ep")},
        ),
    ],
)
def test_what_may_be_resumed(folder, epochs, step, changes, is_over, difference):
    actual = checked(folder(epochs), step, **changes)
    assert actual == Resumption(step, is_over, difference)


@pytest.mark.parametrize(
    ("epochs", "step", "changes", "message"),
    [
        (2, 20, {"batch_size": 64, "augment": "flip"}, "of another configuration"),
        # Killed before its first checkpoint: still a run.
        (0, None, {"batch_size": 64}, "of another configuration"),
        # An unfinished run may not be extended: its schedule would change.
        (2, 20, {"train_for": "8ep"}, "of another configuration"),
        (4, 40, {"train_for": "2ep"}, "is finished at step 40, also with"),
        (
            4,
            40,
            {"batch_size": 64, "allow_config_change": True},
            "is finished at step 40, also with",
        ),
    ],
)
def test_what_is_refused(folder, epochs, step, changes, message):
    run = folder(epochs, checkpoint=step is not None)
    before = contents(run)
    with pytest.raises(UsageError, match=message) as caught:
        checked(run, step, **changes)
    lines = str(caught.value).splitlines()
    listed = [line.split(":")[0].strip(" -") for line in lines[1:]]
    assert listed == sorted(changes.keys() - {"allow_config_change"})
    for way_out in ("--workdir", "--fresh"):
        assert way_out in lines[0]
    assert contents(run) == before


@pytest.mark.parametrize(("old", "new"), [("", "10%"), ("10%", "20%"), ("10%", "")])
@pytest.mark.parametrize("allow", [False, True])
def test_a_test_part_is_not_changed_once_a_run_has_trained(folder, old, new, allow):
    """Its images have been trained on."""
    run = folder(2, dataclasses.replace(CONFIG, test=old))
    before = contents(run)
    assert not checked(run, 20, test=old).difference
    with pytest.raises(UsageError, match=r"--workdir.* or --fresh") as caught:
        checked(run, 20, test=new, allow_config_change=allow)
    assert "--test" in str(caught.value)
    assert contents(run) == before


def test_a_run_that_was_stopped_early_can_be_continued(folder):
    run = folder(3, dataclasses.replace(CONFIG, early_stopping=2))
    assert checked(run, 30, early_stopping=2).is_over
    actual = checked(run, 30, early_stopping=5, allow_config_change=True)
    assert not actual.is_over


@pytest.mark.parametrize("changes", [{}, {"batch_size": 64}])
@pytest.mark.parametrize("allow", [False, True])
def test_results_without_a_checkpoint_are_refused(folder, changes, allow):
    run = folder(2, checkpoint=False)
    before = contents(run)
    with pytest.raises(UsageError, match="no checkpoint to resume from"):
        checked(run, None, allow_config_change=allow, **changes)
    assert contents(run) == before


@pytest.mark.parametrize(
    ("changes", "is_refused"),
    [
        ({"learning_rate": 0.5, "train_for": "8ep"}, True),
        ({"normalize": "unit"}, True),
        ({}, False),
        # Only the data tell whether these may be resumed.
        ({"train_for": "8ep"}, False),
        ({"test": "10%"}, False),
        ({"learning_rate": 0.5, "allow_config_change": True}, False),
        ({"learning_rate": 0.5, "fresh": True}, False),
    ],
)
def test_another_config_is_refused_before_there_are_data(folder, changes, is_refused):
    config = dataclasses.replace(CONFIG, workdir=str(folder(2)), **changes)
    if not is_refused:
        resume.check_config(config)
        return
    with pytest.raises(UsageError, match="of another configuration") as caught:
        resume.check_config(config)
    assert all(f"--{name}: " in str(caught.value) for name in changes)


def test_a_new_run_has_nothing_to_compare_with(tmp_path):
    assert checked(tmp_path, None) == Resumption(None)


def test_changes_are_recorded_once(tmp_path):
    change = Resumption(20, False, {"batch_size": (32, 64)}, ["train, images: 3 -> 4"])
    resume.record(tmp_path, Resumption(10))
    assert not (tmp_path / "changes.jsonl").exists()
    # Killed before config.json was written, and started again.
    for _ in range(2):
        resume.record(tmp_path, change)
    resume.record(tmp_path, Resumption(30, False, {"seed": (0, 1)}))
    lines = (tmp_path / "changes.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "step": 20,
            "old": {"batch_size": 32},
            "new": {"batch_size": 64},
            "data": ["train, images: 3 -> 4"],
        },
        {"step": 30, "old": {"seed": 0}, "new": {"seed": 1}},
    ]


def test_the_notice_says_what_has_changed():
    assert Resumption(20).notice() == ""
    change = Resumption(20, False, {"batch_size": (32, 64)}, ["train, images: 3 -> 4"])
    assert change.notice() == (
        "resumed at step 20 with changes: --batch_size: 32 -> 64; "
        "data, train, images: 3 -> 4"
    )


def test_recorded_changes_are_read(tmp_path):
    assert resume.changes(tmp_path) == []
    resume.record(
        tmp_path, Resumption(10, difference={"seed": (1, 2)}, data=["a -> b"])
    )
    resume.record(tmp_path, Resumption(20, rounding=["numpy 1 -> 2"]))
    assert resume.changes(tmp_path) == [
        Change(10, {"seed": 1}, ["a -> b"], []),
        Change(20, {}, [], ["numpy 1 -> 2"]),
    ]


@pytest.mark.parametrize(
    "line", ["x", "[]", "{}", '{"step": 1}', '{"step": 1, "old": {}, "data": 5}']
)
def test_a_damaged_line_of_changes_is_one_error(tmp_path, line):
    (tmp_path / "changes.jsonl").write_text(line + "\n")
    with pytest.raises(RunError, match=r"changes\.jsonl, line 1 is damaged"):
        resume.changes(tmp_path)
