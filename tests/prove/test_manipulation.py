"""Tests of framework/prove/manipulation.py."""

import dataclasses

import numpy as np
import pytest

from framework.config import Config
from framework.data import record as data_record
from framework.data.dataset import Dataset, Split
from framework.launch import run_folder
from framework.prove.manipulation import check
from framework.report.events import Events
from framework.report.history import History

CONFIG = Config(learning_rate=0.001)


@pytest.fixture
def arms(tmp_path):
    """Writes the folders of an arm with a remedy and without, by their numbers."""

    def arms(changes, remedied, unchanged):
        folders = []
        for name, numbers, changed in (
            ("remedied", remedied, changes),
            ("unchanged", unchanged, {}),
        ):
            folder = tmp_path / name
            folder.mkdir()
            run_folder.write_config(folder, dataclasses.replace(CONFIG, **changed))
            History(folder / "metrics.jsonl").append(numbers.pop("steps", 100), {})
            events = Events(folder / "train")
            # Gradients differ later on, and weights at the start do not.
            at_start = {"weight_norm": 1.0, "update_norm": numbers.get("update_norm")}
            at_end = {"weight_norm": numbers.get("weight_norm"), "update_norm": 1.0}
            for step, values in ((50, at_start), (100, at_end)):
                events.scalars(
                    step, {f"gradients/{tag}": values[tag] for tag in numbers}
                )
            events.close()
            folders.append(folder)
        return check(CONFIG, changes, *folders)

    return arms


@pytest.mark.parametrize(
    ("factor", "ratio", "is_met"),
    [
        (10.0, 9.7, True),
        (10.0, 4.0, True),
        (10.0, 1.0, False),
        (10.0, 0.1, False),
        (0.1, 0.12, True),
        # A floor under the rate undoes the remedy.
        (0.1, 1.0, False),
        (0.1, 10.0, False),
    ],
)
def test_the_steps_follow_the_rate(arms, factor, ratio, is_met):
    recorded, norm = arms(
        {"learning_rate": 0.001 * factor},
        {"update_norm": 0.5 * ratio},
        {"update_norm": 0.5},
    )
    assert recorded.is_met
    assert norm.value == pytest.approx(ratio, rel=1e-5)
    assert norm.is_met is is_met


@pytest.mark.parametrize(("ratio", "is_met"), [(0.8, True), (1.0, False), (2, False)])
def test_weight_decay_shrinks_the_weights_by_the_end(arms, ratio, is_met):
    changes = {"optimizer": "adam(weight_decay=0.01)"}
    _, shrunk = arms(changes, {"weight_norm": 5 * ratio}, {"weight_norm": 5.0})
    assert shrunk.value == pytest.approx(ratio)
    assert shrunk.is_met is is_met


@pytest.mark.parametrize(("steps", "is_met"), [(200, True), (100, False)])
def test_a_longer_training_has_more_steps(arms, steps, is_met):
    _, longer = arms({"train_for": "200"}, {"steps": steps}, {"steps": 100})
    assert (longer.value, longer.is_met) == (steps / 100, is_met)


@pytest.mark.parametrize(
    "changes", [{"learning_rate": 0.01}, {"optimizer": "adam(weight_decay=0.01)"}]
)
def test_runs_without_a_measured_step_are_not_checked(arms, changes):
    _, norm = arms(changes, {}, {})
    assert norm.is_met is None
    assert "no step was measured" in norm.reason


@pytest.mark.parametrize(
    "changes", [{"clip_norm": 1.0}, {"augment": "flip"}, {"normalize": "unit"}]
)
def test_what_nothing_measures_says_so(arms, changes):
    recorded, other = arms(changes, {}, {})
    assert recorded.is_met
    assert other.is_met is None
    assert other.reason


def test_an_arm_without_the_change_is_noticed(tmp_path):
    run_folder.write_config(tmp_path, CONFIG)
    (recorded, _) = check(CONFIG, {"clip_norm": 1.0}, tmp_path, tmp_path)
    assert recorded.is_met is False


def recorded(folder, excluded=(), sampled=None, per_class=(90, 10)):
    """Writes data.json of an arm."""
    labels = np.repeat(np.arange(2, dtype=np.int32), per_class)
    split = Split(np.zeros((len(labels), 2, 2, 1), np.uint8), labels)
    dataset = Dataset("blanks", split, split, ("a", "b"))
    excluded = np.array(excluded, np.int64)
    record = data_record.describe(dataset, excluded[:0], {}, {}, excluded, sampled)
    folder.mkdir()
    run_folder.write_config(folder, CONFIG)
    data_record.write(folder, record)
    return folder


@pytest.mark.parametrize(
    ("after", "before", "is_met"),
    [([1, 2], [], True), ([1, 2, 3], [1], True), ([], [], False), ([1], [1], False)],
)
def test_images_are_left_out(tmp_path, after, before, is_met):
    folders = recorded(tmp_path / "a", after), recorded(tmp_path / "b", before)
    left_out = check(CONFIG, {"exclude": "x.csv"}, *folders)[1]
    assert (left_out.what, left_out.value) == ("training images left out", len(after))
    assert left_out.is_met is is_met
    assert left_out.expected == f"more than {len(before)}"


@pytest.mark.parametrize(
    ("sampled", "value", "is_met"),
    [(np.arange(100) % 2, 1.0, True), (None, 9.0, False)],
)
def test_classes_are_drawn_more_evenly(tmp_path, sampled, value, is_met):
    folders = recorded(tmp_path / "a", sampled=sampled), recorded(tmp_path / "b")
    evener = check(CONFIG, {"sampling": "balanced"}, *folders)[1]
    assert evener.what == "largest by smallest class in the first epoch"
    assert (evener.value, evener.is_met, evener.expected) == (value, is_met, "below 9")


def test_an_arm_without_data_is_not_checked(tmp_path):
    folders = recorded(tmp_path / "a"), recorded(tmp_path / "b")
    (folders[1] / "data.json").unlink()
    changes = {"exclude": "x.csv", "sampling": "sqrt"}
    reasons = [each.reason for each in check(CONFIG, changes, *folders)[1:]]
    assert reasons == ["an arm has no data.json"] * 2
