"""Tests of framework/prove/manipulation.py."""

import dataclasses

import numpy as np
import pytest

from framework.config import Config
from framework.data import description
from framework.data import record as data_record
from framework.data.arrays import digits
from framework.data.dataset import Dataset
from framework.data.split import Split
from framework.launch import run_folder
from framework.prove import manipulation
from framework.prove.inputs import Images
from framework.prove.manipulation import check
from framework.report import tags
from framework.report.events import Events
from framework.report.history import History

CONFIG = Config(learning_rate=0.001)


def row(train, validation):
    return {"train_clean/accuracy": train, "validation/accuracy": validation}


def rate(value):
    return {"learning_rate": value}


@pytest.fixture
def arms(tmp_path):
    """Writes the folders of an arm with a remedy and without, by their numbers."""

    def arms(changes, remedied, unchanged, config=CONFIG, **options):
        folders = []
        for name, numbers, changed in (
            ("remedied", remedied, changes),
            ("unchanged", unchanged, {}),
        ):
            folder = tmp_path / name
            folder.mkdir()
            run_folder.write_config(folder, dataclasses.replace(config, **changed))
            rows = numbers.pop("rows", {})
            History(folder / "metrics.jsonl").append(numbers.pop("steps", 100), rows)
            events = Events(folder / "train")
            # Gradients differ later on, and weights at the start do not.
            at_start = {**numbers, "weight_norm": 1.0}
            at_end = {**numbers, "update_norm": 1.0}
            for step, values in ((50, at_start), (100, at_end)):
                events.scalars(
                    step, {tags.logged(tag).name: values[tag] for tag in numbers}
                )
            events.close()
            folders.append([folder])
        return check(config, changes, *folders, **options)

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


@pytest.mark.parametrize(
    ("gradients", "rates", "value", "is_met"),
    [
        # A rate of .05 has ended learning before the first measured step.
        (14.2, 0.1, 0.1, True),
        # A floor under the rate undoes the remedy.
        (14.2, 1.0, 1.0, False),
        # Gradients that can be compared: the updates count.
        (1.5, 0.1, 1.54, False),
    ],
)
def test_the_rates_count_where_gradients_have_parted(
    arms, gradients, rates, value, is_met
):
    _, norm = arms(
        {"learning_rate": 0.0001},
        {"update_norm": 1.54, "gradient_norm": gradients, "learning_rate": rates},
        {"update_norm": 1.0, "gradient_norm": 1.0, "learning_rate": 1.0},
    )
    assert norm.value == pytest.approx(value, rel=1e-5)
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
    "changes",
    [
        {"clip_norm": 1.0},
        {"augment": "flip"},
        {"normalize": "standard"},
        {"schedule": "constant"},
        {"optimizer": "sgd"},
        {"model": "resnet"},
        {"label_smoothing": 0.1},
        {"loss": "focal"},
        {"batch_size": 64},
    ],
)
def test_what_nothing_measures_says_so(arms, changes):
    recorded, other = arms(changes, {"rows": {}}, {"rows": {}})
    assert recorded.is_met
    assert other.is_met is None
    assert other.reason


@pytest.mark.parametrize(
    ("old", "new", "ratio", "is_met"),
    [
        ("adam(weight_decay=0.1)", "adam(weight_decay=0.0)", 1.2, True),
        ("adam(weight_decay=0.1)", "adam(weight_decay=0.0)", 0.9, False),
        ("adam(weight_decay=0.1)", "adam(weight_decay=0.2)", 0.9, True),
    ],
)
def test_less_weight_decay_lets_weights_grow(arms, old, new, ratio, is_met):
    config = dataclasses.replace(CONFIG, optimizer=old)
    norms = {"weight_norm": 5 * ratio}, {"weight_norm": 5.0}
    assert arms({"optimizer": new}, *norms, config=config)[1].is_met is is_met


@pytest.mark.parametrize(
    ("changes", "cause", "after", "before", "value", "is_met"),
    [
        (
            {"schedule": "constant"},
            "",
            {"learning_rate": 0.1},
            {"learning_rate": 0},
            0.1,
            1,
        ),
        (
            {"schedule": "constant"},
            "",
            {"learning_rate": 0.1},
            {"learning_rate": 0.1},
            0.1,
            0,
        ),
        # Four times the images per step.
        ({"batch_size": 128}, "", {"epoch": 4.0}, {"epoch": 1.0}, 4.0, 1),
        ({"batch_size": 128}, "", {"epoch": 1.0}, {"epoch": 1.0}, 1.0, 0),
        ({}, "overfitting", row(0.9, 0.8), row(1.0, 0.7), 0.1, 1),
        ({}, "overfitting", row(1.0, 0.7), row(1.0, 0.7), 0.3, 0),
        ({}, "over_regularized", row(0.9, 0.8), row(0.5, 0.5), 0.9, 1),
        ({}, "over_regularized", row(0.5, 0.8), row(0.5, 0.5), 0.5, 0),
        # Not the gap, but what more units are for.
        ({}, "insufficient_capacity", row(0.9, 0.5), row(0.8, 0.5), 0.9, 1),
    ],
)
def test_metrics_follow_the_change(arms, changes, cause, after, before, value, is_met):
    measured = arms(changes, {"rows": after}, {"rows": before}, cause=cause)[1]
    assert measured.value == pytest.approx(value)
    assert measured.is_met is bool(is_met)


@pytest.mark.parametrize(
    ("norm", "value", "is_met"), [(3.0, 1.0, True), (0.5, None, None)]
)
def test_some_of_the_measured_steps_are_clipped(arms, norm, value, is_met):
    numbers = {"gradient_norm": norm}
    clipped = arms({"clip_norm": 1.0}, dict(numbers), dict(numbers))[1]
    assert (clipped.value, clipped.is_met) == (value, is_met)
    assert ("none of the 2 measured steps" in clipped.reason) is (is_met is None)


@pytest.mark.parametrize(("loss", "is_met"), [(0.7, True), (2.3, False)])
def test_another_loss_is_another_number_at_the_start(arms, loss, is_met):
    numbers = {"loss": loss}, {"loss": 2.3}
    assert arms({"loss": "focal"}, *numbers)[1].is_met is is_met


def digits_and_brighter():
    """Returns digits, and validation images of which some are brighter."""
    data, generator = digits(), np.random.default_rng(0)
    train = Split(data.train.images[:300] // 2, data.train.labels[:300])
    images = data.validation.images.astype(np.float64)
    images = images * generator.uniform(0.3, 1.0, len(images))[:, None, None, None]
    return Images(train, Split(images.astype(np.uint8), data.validation.labels))


@pytest.mark.parametrize(
    ("before", "after", "is_met"),
    [
        ("", "brightness((0.6, 2))", [True, True]),
        # It changes pixels, but not what differs.
        ("", "shift(.3)", [True, False]),
        ("", "brightness((1, 1))", [False]),
        ("shift(.3)", "", [True]),
        ("shift(.1)", "shift(.3)", [True]),
    ],
)
def test_augmented_images_are_other_images(before, after, is_met):
    checks = manipulation.of_pixels(digits_and_brighter(), before, after)
    assert [each.is_met for each in checks][: len(is_met)] == is_met


@pytest.mark.parametrize(
    ("new", "is_met"), [("standard", True), ("unit", True), ("none", False)]
)
def test_inputs_come_nearer_to_the_scale_of_initial_weights(arms, new, is_met):
    config = dataclasses.replace(CONFIG, normalize="none")
    images = digits_and_brighter()
    scaled = arms({"normalize": new}, {}, {}, config=config, images=images)[1]
    assert scaled.is_met is is_met


def test_an_arm_without_the_change_is_noticed(tmp_path):
    run_folder.write_config(tmp_path, CONFIG)
    (recorded, _) = check(CONFIG, {"clip_norm": 1.0}, [tmp_path], [tmp_path])
    assert recorded.is_met is False


def each_alone(folders):
    return [[folder] for folder in folders]


def recorded(folder, excluded=(), sampled=None, per_class=(90, 10)):
    """Writes data.json of an arm."""
    labels = np.repeat(np.arange(2, dtype=np.int32), per_class)
    split = Split(np.zeros((len(labels), 2, 2, 1), np.uint8), labels)
    dataset = Dataset("blanks", split, split, ("a", "b"))
    excluded = np.array(excluded, np.int64)
    record = description.describe(dataset, excluded[:0], {}, {}, excluded, sampled)
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
    left_out = check(CONFIG, {"exclude": "x.csv"}, *each_alone(folders))[1]
    assert (left_out.what, left_out.value) == ("training images left out", len(after))
    assert left_out.is_met is is_met
    assert left_out.expected == f"more than {len(before)}"


@pytest.mark.parametrize(
    ("sampled", "value", "is_met"),
    [(np.arange(100) % 2, 1.0, True), (None, 9.0, False)],
)
def test_classes_are_drawn_more_evenly(tmp_path, sampled, value, is_met):
    folders = recorded(tmp_path / "a", sampled=sampled), recorded(tmp_path / "b")
    evener = check(CONFIG, {"sampling": "balanced"}, *each_alone(folders))[1]
    assert evener.what == "largest by smallest class in the first epoch"
    assert (evener.value, evener.is_met, evener.expected) == (value, is_met, "below 9")


def test_an_arm_without_data_is_not_checked(tmp_path):
    folders = recorded(tmp_path / "a"), recorded(tmp_path / "b")
    (folders[1] / "data.json").unlink()
    changes = {"exclude": "x.csv", "sampling": "sqrt"}
    reasons = [each.reason for each in check(CONFIG, changes, *each_alone(folders))[1:]]
    assert reasons == ["an arm has no data.json"] * 2
