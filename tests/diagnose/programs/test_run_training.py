"""Tests of framework/diagnose/programs/run_training.py."""

import copy
import dataclasses
import json
import pathlib
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf

from framework import models
from framework.config import Config
from framework.config.durations import Duration
from framework.data.split import LazySplit, Split
from framework.diagnose.core.budget import Allowance, TooSlowError
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.explain_run import open_run
from framework.diagnose.programs import run_training
from framework.diagnose.programs.run_training import RunTrainer
from framework.errors import RunError, UsageError
from framework.launch import trained, training
from framework.launch.run import run
from framework.schedules import SCHEDULES


@pytest.fixture(scope="module")
def folder(trained_run):
    return trained_run


@pytest.fixture(scope="module")
def made(folder):
    return open_run(str(folder))


@pytest.fixture(scope="module")
def program(made):
    return made.program


def contents(folder):
    """Returns all files of a run, its diagnosis aside."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "diagnosis" not in path.relative_to(folder).parts
    }


@pytest.mark.extended
def test_a_trial_that_takes_too_long_is_ended(program):
    times = iter(range(0, 100_000, 100))
    allowance = Allowance(50.0, lambda: next(times))
    with pytest.raises(TooSlowError, match="50 s are left"):
        program.train("slow", Intervention(), 1.0, True, allowance)
    # Its folder is free again.
    result = program.train("slow", Intervention(), 0.2, True, Allowance())
    assert len(result.validation_predictions)


@pytest.mark.extended
def test_a_trial_that_gains_too_little_is_ended_half_way(made, program):
    seen = []

    def is_futile(epochs, predict):
        seen.append(predict())
        return True

    allowance = Allowance(is_futile=is_futile)
    result = program.train("futile", Intervention(), 2.0, True, allowance)
    assert (result.epochs, result.was_stopped) == (1.0, True)
    assert np.array_equal(result.validation_predictions, seen[0])
    assert len(seen[0]) == len(made.validation)
    # The same as the run after half of its steps, since nothing is different.
    whole = program.train("whole", Intervention(), 2.0, True)
    assert whole.epochs == 2.0
    assert not whole.was_stopped


class Unreadable:
    """Images of a folder that must not be read."""

    def __init__(self, split):
        self.shape, self.dtype, self.paths = split.shape, split.dtype, ()

    def take(self, indices):
        raise AssertionError("they are in memory")


@pytest.mark.parametrize("is_in_memory", [True, False])
def test_no_trial_reads_files_again_that_the_run_has_in_memory(program, is_in_memory):
    examples = program.trainer._built.examples
    loaded = examples.train_batches.split
    on_demand = LazySplit(Unreadable(loaded), loaded.labels)
    dataset = dataclasses.replace(examples.dataset, train=on_demand)
    batches = types.SimpleNamespace(split=loaded if is_in_memory else on_demand)
    trainer = copy.copy(program.trainer)
    trainer._built = types.SimpleNamespace(
        examples=types.SimpleNamespace(
            dataset=dataset, train=examples.train, train_batches=batches
        )
    )
    if not is_in_memory:
        with pytest.raises(AssertionError, match="in memory"):
            trainer.dataset(Intervention())
        return
    train = trainer.dataset(Intervention()).train
    assert np.array_equal(train.images, loaded.images[examples.train])
    assert np.array_equal(train.labels, loaded.labels[examples.train])


@pytest.fixture(scope="module")
def branches(folder, made):
    """Branches of the run, and what was in its folder before them."""
    before = contents(folder)
    changes = {
        "anew": (Intervention(), 0.5, True),
        "further": (Intervention(learning_rate_factor=0.001), 0.5, False),
        "changed": (
            Intervention(
                learning_rate_factor=0.5,
                batch_size_factor=0.5,
                standardize=True,
                augment="shift(.1)",
                clip_norm=1.0,
                weight_decay=0.01,
                dropout=0.0,
                balance=True,
            ),
            0.5,
            True,
        ),
    }
    results = {
        name: made.program.train(name, intervention, epochs, at_initialization)
        for name, (intervention, epochs, at_initialization) in changes.items()
    }
    return before, results


@pytest.mark.extended
def test_the_runs_own_folder_is_left_alone(folder, branches):
    before, _ = branches
    assert contents(folder) == before


def branch_of(folder, name):
    path = folder / "diagnosis" / "trials" / name
    config = json.loads((path / "config.json").read_text())
    rows = (path / "metrics.jsonl").read_text().splitlines()
    return config.get("config", config), [json.loads(row) for row in rows]


@pytest.mark.extended
def test_branches_are_runs_in_folders_of_their_own(folder, made, branches):
    _, results = branches
    assert {path.name for path in (folder / "diagnosis" / "trials").iterdir()} >= {
        *results
    }
    steps = made.settings.steps_per_epoch
    _, rows = branch_of(folder, "anew")
    assert rows[-1]["step"] == round(0.5 * steps)
    right = results["anew"].validation_predictions == made.validation.labels
    assert right.mean() == pytest.approx(rows[-1]["validation/accuracy"])
    assert len(results["anew"].train_predictions) == len(made.train)


@pytest.mark.extended
def test_a_changed_branch_is_another_config(folder, branches):
    config, _ = branch_of(folder, "changed")
    wanted = {
        "learning_rate": 0.15,
        "batch_size": 32,
        "normalize": "standard",
        "augment": "shift(.1)",
        "clip_norm": 1.0,
        "sampling": "balanced",
    }
    assert {name: config[name] for name in wanted} == wanted
    assert config["optimizer"] == "sgd(weight_decay=0.01)"


@pytest.mark.extended
def test_a_branch_that_goes_on_begins_where_the_run_has_ended(folder, made, branches):
    _, results = branches
    steps = made.settings.steps_per_epoch
    _, rows = branch_of(folder, "further")
    assert rows[-1]["step"] == 4 * steps + round(0.5 * steps)
    # At so low a rate it stays where it is.
    last = made.predictions[-1].predicted
    assert np.mean(results["further"].validation_predictions == last) > 0.97
    assert np.mean(results["anew"].validation_predictions == last) < 0.97


@pytest.mark.extended
def test_a_branch_of_the_same_name_takes_the_place_of_the_first(folder, program):
    for epochs in (0.5, 0.2):
        program.train("twice", Intervention(), epochs, at_initialization=True)
    _, rows = branch_of(folder, "twice")
    assert rows[-1]["epoch"] == pytest.approx(0.2, abs=0.05)


@pytest.mark.extended
def test_other_images_can_be_trained_on(made, program):
    zeros = made.train.take(np.flatnonzero(made.train.labels == 0))
    only = Split(zeros.images, zeros.labels)
    results = program.train(
        "only", Intervention(train=only), 1.0, at_initialization=True
    )
    assert np.mean(results.validation_predictions == 0) > 0.9


@pytest.mark.parametrize(
    "intervention",
    [
        Intervention(shuffle=True),
        Intervention(keras_step=True),
        Intervention(exclude=("flagged.csv",)),
    ],
)
def test_what_a_run_does_not_have_cannot_be_changed(program, intervention):
    with pytest.raises(NotApplicableError):
        program.train("cannot", intervention, 0.2, at_initialization=True)


def ended(config, tmp_path, **changes):
    """Returns the context of a run that has ended, with its diagnosis beside it."""
    config = dataclasses.replace(config, workdir=str(tmp_path / "run"), **changes)
    run(config, quiet=True)
    return open_run(config.workdir)


@pytest.mark.extended
@pytest.mark.parametrize(
    "changes",
    [
        {"ema": 0.9, "fresh": True},
        {"precision": "float16"},
        {"schedule": "plateau('validation/loss', patience=1) * warmup(5%)"},
        {"schedule": "greedy", "accumulate": 2},
        {"optimizer": "adam", "normalize": "unit"},
    ],
    ids=str,
)
def test_a_branch_goes_on_with_all_of_the_state(made, tmp_path, changes):
    made = ended(made.settings.config, tmp_path, train_for="2ep", **changes)
    before = made.correct("validation").mean()
    intervention = made.program.prolonged(2.0, 1.0)
    result = made.program.train("on", intervention, 1.0, at_initialization=False)
    right = result.validation_predictions == made.validation.labels
    # From nothing, an epoch at this rate does not come near.
    assert right.mean() > before - 0.1
    config, rows = branch_of(tmp_path / "run", "on")
    # What is evaluated is the average, if there is one; float16 flips an image or two.
    assert right.mean() == pytest.approx(rows[-1]["validation/accuracy"], abs=0.01)
    assert rows[-1]["step"] == 3 * made.settings.steps_per_epoch
    printed = intervention.apply(made.settings.config)
    for name in ("learning_rate", "schedule", "optimizer"):
        assert config[name] == getattr(printed, name)


def with_arguments(name):
    """Returns a spec of a schedule, with the arguments that it must have."""
    arguments = {
        "multistep": "boundaries=(40, 60)",
        "piecewise": "boundaries=(40, 60), values=(1.0, .1, .01)",
        "interpolate": "boundaries=(40, 80), factors=(.5, .01)",
    }
    return f"{name}({arguments.get(name, '')})"


@pytest.mark.extended
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("epochs", [1.0, 4.0])
def test_every_schedule_goes_on_at_a_useful_rate(made, name, epochs):
    """At the end of cosine decay, 1e-8 of the rate is left."""
    text = with_arguments(name)
    config = dataclasses.replace(made.settings.config, schedule=text)
    plan = made.program.trainer._built.plan
    total, per_epoch = plan.total_steps, plan.steps_per_epoch
    so_far = training.learning_rate(config, total, per_epoch)
    state = types.SimpleNamespace(learning_rate=so_far)
    parts = types.SimpleNamespace(plan=plan, state=state)
    trainer = RunTrainer(config, parts, None, total, None, None, None)
    intervention = trainer.prolonged(epochs)
    longer = intervention.apply(config)
    steps = Duration.parse(longer.train_for).steps(per_epoch)
    assert steps == pytest.approx(total + epochs * per_epoch, abs=0.06 * per_epoch)
    rate = training.learning_rate(longer, steps, per_epoch)
    highest = max(float(so_far(tf.constant(s))) for s in range(total))
    after = [float(rate(tf.constant(s))) for s in range(total, steps)]
    assert 0.09 * highest <= np.mean(after) <= 1.01 * highest


@pytest.mark.extended
def test_a_trial_that_diverges_is_a_result(made, program):
    huge = Intervention(learning_rate_factor=1e30)
    result = program.train("huge", huge, 0.5, at_initialization=True)
    assert result.has_diverged
    assert np.all(result.validation_predictions == -1)


@pytest.mark.parametrize(
    "problem",
    [
        RunError("the disk is full"),
        UsageError("batch_size must be at most 10"),
        tf.errors.ResourceExhaustedError(None, None, "out of memory"),
    ],
)
def test_a_trial_that_fails_is_none(program, monkeypatch, problem):
    def fail(*args, **kwargs):
        raise problem

    monkeypatch.setattr(run_training.run_lib, "run", fail)
    with pytest.raises(NotApplicableError, match="it has failed: "):
        program.train("fails", Intervention(), 0.2, at_initialization=True)


@pytest.mark.extended
def test_a_trial_begins_with_the_copy_of_initial_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kernel = np.full((64, 4), 0.01, np.float32)
    np.savez("w.npz", **{"dense/kernel": kernel})
    config = Config(
        model="mlp(units=(4,))",
        init_from="w.npz",
        freeze="dense/",
        train_for="1ep",
        workdir="run",
    )
    run(config, quiet=True)
    pathlib.Path("w.npz").unlink()
    program = open_run("run").program
    assert len(program.train("a", Intervention(), 0.2, True).validation_predictions)
    build = models.build(config.model)
    trial = trained.load("run/diagnosis/trials/a", "last", build).model
    np.testing.assert_array_equal(trial.layers[2].kernel, kernel)
    # Without the copy, nothing is trained.
    shutil.rmtree("run/pretrained")
    with pytest.raises(UsageError, match=r"there is no w\.npz.*restore one of them"):
        open_run("run")
