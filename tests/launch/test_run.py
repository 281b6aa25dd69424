"""Tests of run: whole runs, small ones, on real digits."""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics

from framework import data
from framework.config import Config
from framework.data import inexact
from framework.data import record as data_record
from framework.data.dataset import Dataset
from framework.data.given import from_arrays
from framework.data.split import Split
from framework.diagnose import snapshot
from framework.diagnose.conclude import examine
from framework.diagnose.diagnosis import diagnose
from framework.diagnose.explain_run import open_run
from framework.errors import RunError, Stopped, UsageError
from framework.launch import environment, run_folder, run_list, trust
from framework.launch.evaluation import evaluate
from framework.launch.role import PART, Role
from framework.launch.run import run
from framework.launch.verification import verify
from framework.loop.checkpoint import Checkpoints
from framework.models.mlp import mlp
from framework.report import Report
from framework.report import predictions as predictions_lib
from framework.report.events import read_scalars
from framework.report.history import History

SMALL = Config(
    model="mlp(units=(8,), dropout=.3)",
    schedule="(warmup(10%) + cosine) * plateau('validation/loss', patience=1)",
    batch_size=128,
    train_for="3ep",
    log_every="4",
)


def small(tmp_path, name="run", **changes):
    changes = {"workdir": str(tmp_path / name), **changes}
    return dataclasses.replace(SMALL, **changes)


def weights(config):
    """Returns the arrays of the latest checkpoint of a run."""
    path = max((Path(config.workdir) / "checkpoints").glob("*.npz"))
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def text(config, name):
    return (Path(config.workdir) / name).read_text()


def largest_difference(one, other):
    """Returns the largest difference of any weight, relative to the largest weight."""
    return max(
        np.abs(one[name] - other[name]).max() / np.abs(one[name]).max()
        for name in one
        if name.startswith("model/")
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    config = small(tmp_path_factory.mktemp("uninterrupted"))
    run(config)
    return config


@pytest.fixture(scope="module")
def finished_once(tmp_path_factory):
    config = small(tmp_path_factory.mktemp("finished"), train_for="1ep")
    run(config)
    return config


@pytest.fixture
def finished(finished_once, tmp_path):
    """Returns the config of a finished run of one epoch, in a folder of its own."""
    folder = tmp_path / "run"
    shutil.copytree(finished_once.workdir, folder)
    return dataclasses.replace(finished_once, workdir=str(folder))


def test_leaves_the_folder_of_the_design(uninterrupted):
    folder = Path(uninterrupted.workdir)
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "flags.txt",
        "environment.json",
        "data.json",
        "metrics.jsonl",
        "timing.jsonl",
        *run_folder.FOLDERS,
    }
    assert Config(**json.loads(text(uninterrupted, "config.json"))) == uninterrupted
    rows = [
        json.loads(line) for line in text(uninterrupted, "metrics.jsonl").splitlines()
    ]
    assert [row["step"] for row in rows] == [11, 22, 33]
    assert {
        "epoch",
        "learning_rate",
        "train/accuracy",
        "train/loss",
        "train_clean/accuracy",
        "train_dev/accuracy",
        "validation/accuracy",
        "validation/loss",
        "validation/macro_f1",
        "validation/recall/7",
    } <= rows[0].keys()
    with np.load(folder / "predictions" / "step-00000033.npz") as file:
        right = np.mean(file["labels"] == file["predicted"])
    assert right == rows[-1]["validation/accuracy"]


@pytest.mark.extended
def test_learns(tmp_path):
    config = small(tmp_path, train_for="15ep", model="mlp", batch_size=32)
    assert run(config).history.best("validation/accuracy")["validation/accuracy"] > 0.95


@pytest.mark.extended
def test_the_same_command_gives_the_same_run(tmp_path, uninterrupted):
    again = small(tmp_path)
    run(again)
    assert text(again, "metrics.jsonl") == text(uninterrupted, "metrics.jsonl")
    first, second = weights(uninterrupted), weights(again)
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("at", "before"),
    [
        (7, True),
        pytest.param(11, False, marks=pytest.mark.extended),
        pytest.param(14, True, marks=pytest.mark.extended),
        pytest.param(22, False, marks=pytest.mark.extended),
        *(
            pytest.param(at, before, marks=pytest.mark.slow)
            for at, before in [(7, False), (11, True), (14, False), (22, True)]
        ),
    ],
)
def test_goes_on_where_it_was_broken_off(
    tmp_path, uninterrupted, monkeypatch, at, before
):
    config = small(tmp_path, checkpoint_every="7")
    save = Checkpoints.save

    def break_off(self, step, *arguments, **named):
        if not before:
            save(self, step, *arguments, **named)
        if step >= at:
            raise KeyboardInterrupt
        if before:
            save(self, step, *arguments, **named)

    monkeypatch.setattr(Checkpoints, "save", break_off)
    with pytest.raises(KeyboardInterrupt):
        run(config)
    monkeypatch.undo()
    run(config)
    assert text(config, "metrics.jsonl") == text(uninterrupted, "metrics.jsonl")
    first, second = weights(uninterrupted), weights(config)
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.extended
@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [
        pytest.param({"strategy": "one_device"}, 0.0, marks=pytest.mark.slow),
        pytest.param(
            {"strategy": "mirrored", "devices": 1}, 0.0, marks=pytest.mark.slow
        ),
        ({"strategy": "mirrored", "devices": 2}, 2e-6),
        pytest.param({"input": "stream"}, 0.0, marks=pytest.mark.slow),
        pytest.param(
            {"input": "stream", "strategy": "mirrored", "devices": 2},
            2e-6,
            marks=pytest.mark.slow,
        ),
        pytest.param({"steps_per_call": 1}, 0.0, marks=pytest.mark.slow),
        ({"steps_per_call": 3}, 0.0),
    ],
    ids=str,
)
def test_the_machine_does_not_change_the_numbers(
    tmp_path, uninterrupted, changes, tolerance
):
    config = small(tmp_path, **changes)
    run(config)
    difference = largest_difference(weights(uninterrupted), weights(config))
    assert difference <= tolerance


def test_a_changed_config_is_refused_with_the_difference(tmp_path, uninterrupted):
    changed = dataclasses.replace(uninterrupted, learning_rate=0.5)
    with pytest.raises(UsageError, match=r"--learning_rate: 0\.001 -> 0\.5"):
        run(changed)


def test_a_changed_config_is_refused_before_images_are_read(tmp_path, monkeypatch):
    module = "never_read"
    code = "def photos(): raise AssertionError('the images are read')"
    (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    config = small(tmp_path, dataset=f"{module}:photos")
    Path(config.workdir).mkdir()
    run_folder.write_config(Path(config.workdir), config)
    with pytest.raises(UsageError, match=r"--learning_rate: 0\.001 -> 0\.5"):
        run(dataclasses.replace(config, learning_rate=0.5))


@pytest.mark.extended
def test_a_run_can_be_made_longer(tmp_path):
    config = small(tmp_path, schedule="constant", train_for="1ep")
    run(config)
    longer = dataclasses.replace(config, train_for="2ep", allow_config_change=True)
    assert len(run(longer).history) == 2


def test_fresh_starts_over_and_keeps_the_old_run(tmp_path, finished):
    before = text(finished, "metrics.jsonl")
    result = run(dataclasses.replace(finished, fresh=True, seed=1))
    assert len(result.history) == 1
    assert (tmp_path / "run.old-1" / "metrics.jsonl").read_text() == before


@pytest.mark.extended
def test_stops_early(tmp_path):
    config = small(tmp_path, learning_rate=1e-9, schedule="constant", early_stopping=2)
    config = dataclasses.replace(config, train_for="50ep")
    assert len(run(config).history) < 10


def test_takes_a_users_own_model_and_data(tmp_path):
    generator = np.random.default_rng(0)
    labels = np.arange(64, dtype=np.int32) % 2
    images = generator.normal(labels[:, None, None, None], 0.1, (64, 4, 4, 1))
    split = Split(images.astype(np.float32), labels)
    dataset = Dataset("mine", split, split, ("low", "high"))

    def model(image_shape, num_classes):
        inputs = keras.Input(image_shape)
        features = keras.layers.Flatten()(inputs)
        return keras.Model(inputs, keras.layers.Dense(num_classes)(features))

    config = small(tmp_path, batch_size=8, learning_rate=0.1, schedule="constant")
    result = run(config, model, dataset)
    assert result.history["validation/accuracy"][-1] == 1.0
    assert isinstance(result.model, keras.Model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 2000}, "at most the number of training images, 1,368"),
        ({"monitor": "validation/acc"}, "monitor must be a metric of an evaluation"),
        ({"schedule": "plateau('loss')"}, "the schedule watches 'loss'"),
        ({"schedule": "warmup(500) + cosine"}, "take 500 steps, but only 33"),
        ({"model": "cnn"}, "images of 8x8 are too small"),
        ({"train_for": "0.01ep"}, "train_for must be at least a step"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value),
)
def test_refuses_what_cannot_be_done_and_leaves_no_folder(tmp_path, changes, message):
    with pytest.raises(UsageError, match=message):
        run(small(tmp_path, **changes))
    assert not (tmp_path / "run").exists()


def test_stops_when_the_loss_is_no_number(tmp_path):
    config = small(
        tmp_path,
        dataset="noise(train=64, validation=16, size=8)",
        normalize="none",
        optimizer="sgd",
        learning_rate=1e38,
        schedule="constant",
        batch_size=16,
        log_every="1",
    )
    with pytest.raises(RunError, match="in step 2 numbers are no longer finite"):
        run(config)


@pytest.mark.extended
def test_a_cooldown_is_branched_from_a_stable_run(tmp_path):
    config = small(tmp_path, schedule="constant", train_for="2ep")
    run(config)
    branch = dataclasses.replace(
        config,
        train_for="3ep",
        schedule="constant(2ep) + decay * plateau('validation/loss', patience=1)",
        allow_config_change=True,
    )
    rows = run(branch).history.rows
    assert [row["step"] for row in rows] == [11, 22, 33]
    assert rows[1]["learning_rate"] == pytest.approx(1e-3)
    assert rows[2]["learning_rate"] < 2e-4


@pytest.mark.extended
def test_goes_back_to_the_best_weights_at_a_cut(tmp_path):
    config = small(
        tmp_path,
        learning_rate=1.0,
        optimizer="sgd",
        train_for="8ep",
        monitor="validation/loss",
        schedule="plateau(factor=.01, patience=1, restore_best=True)",
    )
    history = run(config).history
    losses, rates = history["validation/loss"], history["learning_rate"]
    (cuts,) = np.nonzero(rates[1:] < rates[:-1])
    first = cuts[0]
    # The evaluation after a cut begins at the best weights, and at a tiny rate.
    assert losses[first + 1] == pytest.approx(losses[: first + 1].min(), rel=0.2)
    assert losses[first + 1] < losses[first]


@pytest.mark.extended
def test_data_given_in_python_is_recorded_and_not_mixed_up(tmp_path):
    dataset = data.build("digits")
    config = small(tmp_path, train_for="1ep")
    run(config, dataset=dataset)
    assert "given('digits'" in text(config, "config.json")
    longer = dataclasses.replace(config, train_for="2ep", allow_config_change=True)
    assert len(run(longer, dataset=dataset).history) == 2
    with pytest.raises(UsageError, match="has a run of another configuration"):
        run(config)


class Killed(BaseException):
    """Ends a run where it is, as SIGKILL does."""


@pytest.mark.extended
def test_whatever_is_killed_in_its_first_moments_starts_again(tmp_path, monkeypatch):
    def killed(*arguments, **options):
        raise Killed

    config = small(tmp_path, train_for="1ep")
    # Each time the run comes as far as its next moment.
    for owner, name in (
        (run_folder, "write_config"),
        (data_record, "write"),
        (environment, "write"),
        (trust, "remember"),
        (Checkpoints, "save"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, killed)
            with pytest.raises(Killed):
                run(config)
    assert run(config).history.rows[-1]["epoch"] == 1


def test_a_failed_resume_changes_nothing(finished):
    before = text(finished, "config.json")
    other = dataclasses.replace(
        finished, model="mlp(units=(9,))", allow_config_change=True
    )
    with pytest.raises(RunError, match="is of another model or optimizer"):
        run(other)
    assert text(finished, "config.json") == before


@pytest.mark.extended
def test_a_subclassed_model_and_one_that_ends_in_softmax(tmp_path, capsys):
    class Net(keras.Model):
        def __init__(self, activation):
            super().__init__()
            self.flat = keras.layers.Flatten()
            self.last = keras.layers.Dense(10, activation=activation)

        def call(self, images, training=False):
            return self.last(self.flat(images))

    config = small(tmp_path / "run", train_for="2")
    with pytest.raises(UsageError, match="returns probabilities, of a softmax"):
        run(config, model=lambda shape, classes: Net("softmax"))
    assert not list(Path(config.workdir).iterdir())
    run(config, model=lambda shape, classes: Net(None))
    config = small(tmp_path / "part", train_for="2")
    run(config, model=lambda shape, classes: Net("softmax"), role=PART)
    assert "the model ends in a softmax" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: "\x00\xff{\n" + text, "line 1 is damaged"),
        # Whoever reads these sees whole rows only.
        (lambda text: text[: len(text) // 2], "has 0 of 1 evaluations"),
        (lambda text: '{"a":' * 9_000 + "1" + "}" * 9_000, "has 0 of 1 evaluations"),
        (lambda text: text.replace("0.", "0.1", 1), "has other numbers"),
    ],
)
def test_a_damaged_history_stops_the_run_and_stays(finished, damage, message):
    path = Path(finished.workdir) / "metrics.jsonl"
    damaged = damage(path.read_text())
    path.write_text(damaged)
    with pytest.raises(RunError, match=message):
        run(finished)
    assert path.read_text() == damaged


def test_a_diverged_run_keeps_its_good_checkpoints(tmp_path):
    config = small(
        tmp_path,
        dataset="noise(train=64, validation=16, size=8)",
        normalize="none",
        optimizer="sgd",
        learning_rate=1.0,
        schedule="constant(4) + constant(factor=1e30)",
        batch_size=16,
        log_every="100",
        evaluate_every="100",
        checkpoint_every="1",
        train_for="20ep",
    )
    with pytest.raises(RunError, match="numbers are no longer finite"):
        run(config)
    assert all(np.isfinite(value).all() for value in weights(config).values())


MIXED = {
    "augment": "shift(1) + erase + mixup(.4) + cutmix(p=.5)",
    "normalize": "unit + standard",
    "model": "mlp(units=(32,))",
    "batch_size": 64,
}


@pytest.mark.extended
def test_goes_on_with_the_statistics_that_it_began_with(tmp_path):
    dataset = data.build("digits")
    config = small(tmp_path, train_for="1ep", normalize="unit + standard")
    before = run(config, dataset=dataset).normalize
    dark = dataclasses.replace(
        dataset, train=Split(dataset.train.images // 2, dataset.train.labels)
    )
    config = dataclasses.replace(config, train_for="2ep", allow_data_change=True)
    after = run(config, dataset=dark).normalize
    for name, variable in before.variables.items():
        np.testing.assert_array_equal(variable, after.variables[name])


def test_a_finished_run_is_extended_and_what_has_changed_is_recorded(finished):
    run(dataclasses.replace(finished, train_for="2ep"))
    folder = Path(finished.workdir)
    assert json.loads((folder / "changes.jsonl").read_text()) == {
        "step": 11,
        "old": {"train_for": "1ep"},
        "new": {"train_for": "2ep"},
    }
    assert json.loads((folder / "config.json").read_text())["train_for"] == "2ep"
    assert text(finished, "metrics.jsonl").count("\n") == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rate": 0.5},
        {"learning_rate": 0.5, "allow_config_change": True},
        {"dataset": "digits(seed=1)", "allow_config_change": True},
    ],
)
def test_a_change_that_trains_nothing_leaves_a_finished_run_alone(finished, changes):
    folder = Path(finished.workdir)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UsageError):
        run(dataclasses.replace(finished, **changes))
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.extended
def test_mixed_and_erased_images_are_learnt_from(tmp_path):
    result = run(small(tmp_path, train_for="12ep", **MIXED))
    row = result.history.rows[-1]
    # Training images are harder than validation images.
    assert row["validation/accuracy"] > 0.6
    assert row["train/accuracy"] < row["train_clean/accuracy"]


@pytest.mark.extended
def test_what_is_exported_needs_nothing_of_this_program(tmp_path):
    dataset = data.build("digits")
    config = small(tmp_path / "run", train_for="1ep", normalize="unit + standard")
    result = run(config, dataset=dataset)
    result.export(tmp_path / "exported")
    images = dataset.validation.images[:50]
    np.save(tmp_path / "images.npy", images)
    program = (
        "import numpy as np, tensorflow as tf\n"
        "model = tf.saved_model.load('exported').signatures['serving_default']\n"
        "images = tf.constant(np.load('images.npy'), tf.float32)\n"
        "np.save('found.npy', model(images=images)['probabilities'])\n"
    )
    command = [sys.executable, "-c", program]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    actual = np.load(tmp_path / "found.npy")
    np.testing.assert_allclose(actual, result.predict(images), atol=1e-6)


@pytest.fixture
def flagged(tmp_path):
    """A list of training images of digits; lines can be added to it."""
    path = tmp_path / "flagged.csv"
    lines = [f"train,{row}" for row in range(100, 400)]
    path.write_text("\n".join(["split,index", *lines, "validation,3", ""]))
    return path


@pytest.mark.extended
def test_listed_images_and_drawn_classes_resume_exactly(tmp_path, flagged):
    changes = {"exclude": str(flagged), "sampling": "sqrt", "schedule": "constant"}
    whole = small(tmp_path, "whole", train_for="2ep", **changes)
    run(whole)
    parts = small(tmp_path, "parts", train_for="1ep", **changes)
    run(parts)
    run(dataclasses.replace(parts, train_for="2ep"))
    assert all(
        np.array_equal(weights(parts)[name], array)
        for name, array in weights(whole).items()
        if name.startswith("model/")
    )
    fields = json.loads(text(parts, "data.json"))
    # The others of the 300 are held out.
    assert fields["excluded"]["images"] == 290
    assert sum(fields["sampled"]) == 1438 - 290 - fields["held_out"]["images"]
    more = "".join(f"train,{row}\n" for row in range(500, 520))
    flagged.write_text(flagged.read_text() + more)
    longer = dataclasses.replace(parts, train_for="3ep")
    with pytest.raises(UsageError, match=r"exclude: other training images \(290 -> "):
        run(longer)


@pytest.mark.extended
def test_a_weighted_run_of_arrays_resumes_exactly(tmp_path, monkeypatch):
    digits = data.build("digits")
    parts = (digits.train, digits.validation)
    arrays = [array for part in parts for array in (part.images, part.labels)]
    split = dataclasses.replace(
        digits.train, weights=1 + digits.train.labels.astype(np.float32)
    )
    weighted = dataclasses.replace(digits, train=split, name="weighted")
    changes = {"augment": "mixup(.2)", "checkpoint_every": "7", "accumulate": 2}
    whole = small(tmp_path, "whole", **changes)
    run(whole, dataset=weighted, quiet=True)
    plain = small(tmp_path, "plain", **changes)
    run(plain, dataset=arrays, quiet=True)
    assert largest_difference(weights(whole), weights(plain)) > 1e-3
    config, save = small(tmp_path, "killed", **changes), Checkpoints.save

    def break_off(self, step, *arguments, **named):
        save(self, step, *arguments, **named)
        if step >= 14:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "save", break_off)
    with pytest.raises(KeyboardInterrupt):
        run(config, dataset=weighted, quiet=True)
    monkeypatch.undo()
    run(config, dataset=weighted, quiet=True)
    assert text(config, "metrics.jsonl") == text(whole, "metrics.jsonl")
    row = json.loads(text(whole, "metrics.jsonl").splitlines()[-1])
    assert row["train/weighted_loss"] != row["train/loss"]
    assert "validation/weighted_loss" not in row
    longer = dataclasses.replace(config, allow_config_change=True, train_for="4ep")
    with pytest.raises(UsageError, match="train: other images or labels"):
        run(longer, dataset=digits)


class Watch:
    """A hook that stops at the first evaluation, or raises."""

    def __init__(self, error=None):
        self.error, self.calls = error, []

    def after_steps(self, moment):
        self.calls.append(("steps", moment.step))

    def after_evaluation(self, moment):
        self.calls.append(("evaluation", moment.step))
        if self.error:
            raise self.error
        moment.request_stop("seen enough")

    def at_end(self, moment):
        self.calls.append(("end", moment.step))


@pytest.mark.extended
def test_hooks_look_stop_and_fail_without_changing_the_numbers(
    tmp_path, uninterrupted, capsys
):
    config, hook = small(tmp_path), Watch()
    with pytest.raises(RunError, match=r"hook Watch\.after_evaluation: .*boom"):
        run(config, hooks=[Watch(ValueError("boom"))], quiet=True)
    result = run(config, hooks=[hook])
    assert hook.calls[-2:] == [("evaluation", 11), ("end", 11)]
    assert "stopped early, after step 11 of 33: Watch.after" in capsys.readouterr().out
    assert result.history.last_step == 11
    run(config, quiet=True)
    assert text(config, "metrics.jsonl") == text(uninterrupted, "metrics.jsonl")
    first, second = weights(uninterrupted), weights(config)
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.extended
def test_chosen_metrics_are_recorded_and_watched(tmp_path):
    changes = {
        "metrics": "auc + top_k(3) + balanced_accuracy + numpy:vdot",
        "monitor": "validation/auc",
        "schedule": "plateau('train_dev/top_k(3)')",
        "train_for": "1ep",
    }
    # The labels are a vector and the logits a matrix.
    with pytest.raises(UsageError, match="numpy:vdot"):
        run(small(tmp_path, **changes), quiet=True)
    changes["metrics"] = "auc + top_k(3) + balanced_accuracy"
    config = small(tmp_path, **changes)
    result = run(config, quiet=True)
    row = result.history.rows[-1]
    dataset = data.build("digits")
    probabilities = result.predict(dataset.validation.images)
    labels = dataset.validation.labels
    areas = [metrics.roc_auc_score(labels == k, probabilities[:, k]) for k in range(10)]
    assert row["validation/auc"] == pytest.approx(np.mean(areas), abs=1e-6)
    top = metrics.top_k_accuracy_score(labels, probabilities, k=3)
    assert row["validation/top_k(3)"] == pytest.approx(top)
    assert {"train_clean/auc", "train_dev/top_k(3)"} <= set(row)
    two = small(tmp_path, "two", strategy="mirrored", devices=2, **changes)
    run(two, quiet=True)
    other = json.loads(text(two, "metrics.jsonl"))
    assert other["validation/top_k(3)"] == row["validation/top_k(3)"]
    assert other["validation/auc"] == pytest.approx(row["validation/auc"], abs=1e-6)
    evaluated = evaluate(config.workdir)
    assert evaluated.metrics["auc"] == row["validation/auc"]
    assert "top_k(3)           " in str(evaluated)


def of_several_labels():
    """Digits by what is true of them: even, above four, with a loop."""
    digits = data.build("digits")
    truths = np.array([[k % 2 == 0, k > 4, k in (0, 6, 8, 9)] for k in range(10)])
    parts = (digits.train, digits.validation)
    x, vx = (part.images for part in parts)
    y, vy = (truths[part.labels] for part in parts)
    return from_arrays(x, y, vx, vy, class_names=["even", "above", "loop"])


@pytest.mark.extended
def test_several_labels_are_learnt_evaluated_and_not_diagnosed(tmp_path, capsys):
    dataset = of_several_labels()
    changes = {"loss": "binary_cross_entropy", "augment": "mixup(.1)", "test": "10%"}
    changes["schedule"] = "constant"
    config = small(tmp_path, **changes, learning_rate=0.02, train_for="8ep")
    result = run(config, dataset=dataset)
    out = capsys.readouterr().out
    assert re.search(r"\(even \d+, above \d+, loop \d+\)", out)
    assert "best validation/mAP" in out
    row = result.history.rows[-1]
    # Always the same answer has 0.5 and 0.2.
    assert row["validation/mAP"] > 0.75
    assert row["validation/subset_accuracy"] > 0.3
    assert "validation/accuracy" not in row
    probabilities = result.predict(dataset.validation.images)
    assert np.abs(probabilities.sum(axis=1) - 1).max() > 0.1
    measured = result.evaluate(dataset.validation.images, dataset.validation.labels)
    assert measured["mAP"] == pytest.approx(row["validation/mAP"], abs=1e-4)
    expected = metrics.average_precision_score(
        dataset.validation.labels, probabilities, average=None
    )
    actual = [row[f"validation/average_precision/{n}"] for n in dataset.class_names]
    assert actual == pytest.approx(list(expected), abs=1e-3)
    evaluated = evaluate(config.workdir, dataset=dataset)
    best = result.history["validation/mAP"].max()
    assert evaluated.metrics["mAP"] == pytest.approx(best)
    context = open_run(config.workdir, dataset=dataset)
    diagnosis = diagnose(context)
    assert len(diagnosis.not_judged) > 20
    assert "several labels per example" in str(diagnosis)
    assert not diagnosis.findings
    page = examine(snapshot.read(Path(config.workdir)), print, dataset=dataset).page
    assert "duplicates with different labels are those that differ in any" in page
    again = dataclasses.replace(config, train_for="9ep", allow_config_change=True)
    run(again, dataset=dataset, quiet=True)


def streamed(of=lambda number, image, label: (image, label)):
    dataset = data.build("digits")
    splits = [(x.images, x.labels) for x in (dataset.train, dataset.validation)]
    train, held_out = map(tf.data.Dataset.from_tensor_slices, splits)
    numbered = train.shuffle(2_000, seed=1).enumerate()
    changed = numbered.map(lambda number, example: of(number, *example))
    return data.inexact_stream(changed, held_out.batch(50), class_names="0123456789")


def test_an_inexact_stream_resumes_anew_and_says_so_everywhere(tmp_path, capsys):
    config = small(tmp_path, schedule="constant", learning_rate=0.01)
    first = run(dataclasses.replace(config, train_for="2ep"), dataset=streamed())
    note = "inexact stream: its order is not the framework's"
    # In the banner, and beside the result.
    assert capsys.readouterr().out.count(note) == 2
    result = run(config, dataset=streamed())
    shown = capsys.readouterr().out
    assert shown.count(note) == 2
    assert "the stream of training images begins anew at step 24" in shown
    assert json.loads(text(config, "changes.jsonl"))["inexact"] is True
    assert "inexact" in repr(result)
    assert note in result._repr_html_()
    curve = [row["validation/accuracy"] for row in result.history.rows]
    assert [row["validation/accuracy"] for row in first.history.rows] == curve[:2]
    assert curve[-1] > curve[0]
    assert run_list.summarize(Path(config.workdir)).is_inexact
    evaluation = evaluate(config.workdir, weights="last", dataset=streamed())
    assert note in str(evaluation)
    assert evaluation.as_json()["is_inexact"]
    assert evaluation.accuracy.value == pytest.approx(curve[-1])
    with pytest.raises(UsageError, match="a diagnosis needs to know all training"):
        open_run(config.workdir, dataset=streamed())
    with pytest.raises(UsageError, match="a verification needs to know all training"):
        verify(config.workdir, dataset=streamed())


def test_a_stream_that_fails_is_told_as_its_own_error(tmp_path, monkeypatch):
    def failing(number, image, label):
        return image, tf.where(number == 1_000, 15, label)

    # Training comes to the wrong label, and not what is read before.
    monkeypatch.setattr(inexact, "_SAMPLE", 500)
    with pytest.raises(RunError, match=r"(?s)stream of training.* not one of 0 to 9"):
        run(small(tmp_path), dataset=streamed(failing), quiet=True)


def test_a_stream_without_finite_numbers_names_no_images(tmp_path):
    config = small(tmp_path, learning_rate=1e30, optimizer="sgd", normalize="unit")
    with pytest.raises(RunError, match="the batches of a stream cannot be read again"):
        run(config, dataset=streamed(), quiet=True)


class Enough(Report):
    """Ends a run at its first evaluation."""

    def evaluated(self, step, metrics, predictions):
        raise InterruptedError(step)


def test_what_ends_a_run_at_an_evaluation_comes_after_its_files(tmp_path):
    config = small(tmp_path)
    role = Role(compared=("train_for",))
    with pytest.raises(InterruptedError):
        run(config, quiet=True, reports=[Enough()], role=role)
    folder = Path(config.workdir)
    (row,) = History(folder / "metrics.jsonl").rows
    last = read_scalars(folder / "summary", "summary/last_accuracy")
    assert last == {11: pytest.approx(row["validation/accuracy"])}
    assert list(predictions_lib.read_all(folder / "predictions")) == [11]
    (events,) = (folder / "summary").iterdir()
    content = events.read_bytes()
    assert b"train_for" in content
    assert b"learning_rate" not in content


class Accident(Report):
    """Makes a weight NaN after step 15, once; and may send a signal after step 14."""

    def __init__(self):
        self.is_to_come, self.is_stopped = True, False
        self.model = None

    def build(self, image_shape, num_classes):
        self.model = mlp(image_shape, num_classes, units=(8,))
        return self.model

    def advanced(self, step, seconds):
        if step == 14 and self.is_stopped:
            os.kill(os.getpid(), signal.SIGTERM)
        if step == 15 and self.is_to_come:
            self.is_to_come = False
            self.model.trainable_variables[0].assign_add([[np.nan] * 8] * 64)


def test_rolls_back_as_if_it_had_not_been_stopped(tmp_path):
    changes = {"checkpoint_every": "4", "evaluate_every": "8", "steps_per_call": 1}
    changes |= {"on_nonfinite": "rollback", "keep_checkpoints": 1, "train_for": "2ep"}
    one, other = (small(tmp_path, name, **changes) for name in ("one", "other"))
    accident = Accident()
    run(one, accident.build, quiet=True, reports=[accident])
    stopped = Accident()
    stopped.is_stopped = True
    with pytest.raises(Stopped):
        run(other, stopped.build, quiet=True, reports=[stopped])
    accident = Accident()
    run(other, accident.build, quiet=True, reports=[accident])
    assert not accident.is_to_come
    assert text(one, "metrics.jsonl") == text(other, "metrics.jsonl")
    assert largest_difference(weights(one), weights(other)) == 0
