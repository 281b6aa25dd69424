"""Tests of framework/diagnose/programs/run_program.py."""

import copy
import dataclasses
import json
import types

import numpy as np
import pytest
import tensorflow as tf

from framework.config import Config
from framework.config.durations import Duration
from framework.data.split import LazySplit, Split
from framework.diagnose.core.budget import Allowance, TooSlowError
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.explain_run import open_run
from framework.diagnose.programs import run_program
from framework.diagnose.programs.run_program import RunProgram
from framework.errors import RunError, UsageError
from framework.launch import training
from framework.launch.run import run
from framework.schedules import SCHEDULES

CONFIG = Config(
    model="mlp(units=(16,), dropout=.2)",
    # Momentum would go on, however low the rate of a branch.
    optimizer="sgd",
    learning_rate=0.3,
    batch_size=64,
    train_for="4ep",
    checkpoint_every="2ep",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    run(dataclasses.replace(CONFIG, workdir=str(folder)), quiet=True)
    return folder


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


def weights(program):
    return {
        name: each.tobytes()
        for name, each in program.weights(at_initialization=False).items()
    }


def test_says_what_was_recorded(made):
    assert np.array_equal(made.predicted("validation"), made.predictions[-1].predicted)
    assert made.correct("validation").mean() == pytest.approx(
        made.rows[-1]["validation/accuracy"]
    )
    # That of a run is of some of the images only.
    clean = made.rows[-1]["train_clean/accuracy"]
    assert made.correct("train").mean() == pytest.approx(clean, abs=0.08)


def test_says_the_same_of_any_number_of_images(made, program):
    images = made.validation.images
    whole = program.predict(images)
    assert program.predict(images[:0]).shape == (0, 10)
    np.testing.assert_allclose(
        program.predict(images[:3]), whole[:3], rtol=1e-4, atol=1e-5
    )
    assert np.array_equal(program.predict(images), whole)


QUESTIONS = {
    "training mode": lambda p, split: p.predict(split.images, training=True),
    "live": lambda p, split: p.predict_live(split.images),
    "steps": lambda p, split: p.step_records(2, at_initialization=False),
    "gradients": lambda p, split: p.gradients(split, at_initialization=False),
    "activations": lambda p, split: p.activations(
        split.images, at_initialization=False
    ),
    "experiment": lambda p, split: p.train(
        "asked", Intervention(), 0.2, at_initialization=True
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_changes_anything(made, program, question):
    before, outputs = weights(program), program.predict(made.validation.images)
    QUESTIONS[question](program, made.train.take(np.arange(20)))
    assert weights(program) == before
    assert np.array_equal(program.predict(made.validation.images), outputs)


@pytest.mark.extended
def test_a_trial_that_takes_too_long_is_ended(program):
    times = iter(range(0, 100_000, 100))
    allowance = Allowance(50.0, lambda: next(times))
    with pytest.raises(TooSlowError, match="50 s are left"):
        program.train("slow", Intervention(), 1.0, True, allowance)
    # Its folder is free again.
    result = program.train("slow", Intervention(), 0.2, True, Allowance())
    assert len(result.validation_predictions)


class Unreadable:
    """Images of a folder that must not be read."""

    def __init__(self, split):
        self.shape, self.dtype, self.paths = split.shape, split.dtype, ()

    def take(self, indices):
        raise AssertionError("they are in memory")


@pytest.mark.parametrize("is_in_memory", [True, False])
def test_no_trial_reads_files_again_that_the_run_has_in_memory(program, is_in_memory):
    examples = program._built.examples
    loaded = examples.train_batches.split
    on_demand = LazySplit(Unreadable(loaded), loaded.labels)
    dataset = dataclasses.replace(examples.dataset, train=on_demand)
    batches = types.SimpleNamespace(split=loaded if is_in_memory else on_demand)
    run = copy.copy(program)
    run._built = types.SimpleNamespace(
        examples=types.SimpleNamespace(
            dataset=dataset, train=examples.train, train_batches=batches
        )
    )
    if not is_in_memory:
        with pytest.raises(AssertionError, match="in memory"):
            run.dataset(Intervention())
        return
    train = run.dataset(Intervention()).train
    assert np.array_equal(train.images, loaded.images[examples.train])
    assert np.array_equal(train.labels, loaded.labels[examples.train])


def test_training_mode_draws_dropout(made, program):
    images = made.validation.images
    outputs = program.predict(images, training=True)
    assert not np.allclose(outputs, program.predict(images))
    assert np.array_equal(outputs, program.predict(images, training=True))


def test_without_batch_norm_there_is_nothing_to_take_anew(made, program):
    with pytest.raises(NotApplicableError):
        program.predict_reestimated(made.validation.images, made.train.images)


def test_inputs_are_those_of_the_network(made, program):
    results = program.inputs(made.train.images)
    assert results.mean() == pytest.approx(0, abs=0.05)
    assert results.std() == pytest.approx(1, abs=0.05)


def test_loss_and_gradients_are_those_of_training(made, program):
    labels = made.validation.labels
    losses = made.predictions[-1].losses
    results = program.loss(labels, program.predict(made.validation.images))
    assert results == pytest.approx(losses.mean(), rel=1e-3)
    assert program.penalty(at_initialization=False) == 0
    gradients = program.gradients(
        made.train.take(np.arange(64)), at_initialization=False
    )
    assert set(gradients) == set(program.weights(at_initialization=False))
    assert all(np.isfinite(each).all() for each in gradients.values())


def test_what_is_first_is_before_the_first_step(made, program):
    first, last = (
        program.weights(at_initialization) for at_initialization in (True, False)
    )
    assert list(first) == list(last)
    kernels = [name for name in first if name.endswith("kernel")]
    assert all(np.any(first[name] != last[name]) for name in kernels)
    seen = [
        program.activations(made.train.images[:5], at_initialization)
        for at_initialization in (True, False)
    ]
    assert list(seen[0]) == list(seen[1])
    outputs = program.predict(made.train.images[:5])
    np.testing.assert_allclose(
        list(seen[1].values())[-1], outputs, rtol=1e-4, atol=1e-5
    )


def test_steps_are_those_of_training(program):
    first, further = (
        program.step_records(3, at_initialization)
        for at_initialization in (True, False)
    )
    assert first[0].loss_before > further[0].loss_before
    assert all(step.loss_after < step.loss_before for step in first)
    assert all(0 < step.relative_length < 1 for step in (*first, *further))


def test_the_step_is_not_asked(made, program):
    split = made.train.take(np.arange(20))
    with pytest.raises(NotApplicableError):
        program.update_vectors(split)
    with pytest.raises(NotApplicableError):
        program.update_norm(split, 0.1)


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


# What a trial has from the run. All else is its own, or the default.
_INHERITED = {
    "dataset",
    "sampling",
    "augment",
    "normalize",
    "model",
    "init_from",
    "freeze",
    "lr_scale",
    "optimizer",
    "learning_rate",
    "schedule",
    "batch_size",
    "accumulate",
    "clip_norm",
    "loss",
    "label_smoothing",
    "metrics",
    "precision",
    "on_nonfinite",
    "seed",
}
# A run in which no field is at its default.
_OTHER = Config(
    dataset="drawn_shapes",
    train_dev=0.1,
    test="10%",
    exclude="flagged.csv",
    sampling="sqrt",
    input="stream",
    service="reader:1",
    augment="flip",
    normalize="unit",
    model="mlp",
    init_from="runs/large",
    freeze="backbone",
    lr_scale="head: .1",
    optimizer="sgd",
    learning_rate=0.3,
    schedule="cosine",
    batch_size=64,
    accumulate=2,
    clip_norm=1.0,
    loss="focal",
    label_smoothing=0.1,
    ema=0.9,
    precision="bfloat16",
    jit=True,
    train_for="7ep",
    evaluate_every="2ep",
    checkpoint_every="2ep",
    log_every="7",
    monitor="validation/loss",
    metrics="auc",
    on_nonfinite="rollback",
    early_stopping=3,
    seed=5,
    strategy="mirrored",
    devices=2,
    cluster="slurm",
    wait_for="1m",
    i_trust_this_network=True,
    tpu="mine",
    steps_per_call=3,
    workdir="runs/other",
    cache="elsewhere",
    fold="1/2",
    keep_checkpoints=7,
    keep_best=7,
    hooks="mine:Watch",
    report="mine:Tracker",
    diagnose=True,
    fresh=True,
    allow_config_change=True,
    allow_data_change=True,
)


@pytest.mark.parametrize("field", dataclasses.fields(Config), ids=lambda f: f.name)
def test_a_trial_inherits_numbers_and_nothing_else(field, tmp_path):
    """A trial of a run with --fresh would move its own checkpoint aside."""
    name = field.name
    assert getattr(_OTHER, name) != field.default, "give _OTHER another value"
    program = RunProgram(_OTHER, None, tmp_path, 0, None, None, None)
    trial = program.trial_config(Intervention(), 90, tmp_path)
    is_inherited = getattr(trial, name) == getattr(_OTHER, name)
    assert is_inherited == (name in _INHERITED)


def ended(tmp_path, **changes):
    """Returns the context of a run that has ended, with its diagnosis beside it."""
    config = dataclasses.replace(CONFIG, workdir=str(tmp_path / "run"), **changes)
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
def test_a_branch_goes_on_with_all_of_the_state(tmp_path, changes):
    made = ended(tmp_path, train_for="2ep", **changes)
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
    config = dataclasses.replace(CONFIG, schedule=text)
    plan = made.program._built.plan
    total, per_epoch = plan.total_steps, plan.steps_per_epoch
    so_far = training.learning_rate(config, total, per_epoch)
    state = types.SimpleNamespace(learning_rate=so_far)
    parts = types.SimpleNamespace(plan=plan, state=state)
    program = RunProgram(config, parts, None, total, None, None, None)
    intervention = program.prolonged(4.0, epochs)
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

    monkeypatch.setattr(run_program.run_lib, "run", fail)
    with pytest.raises(NotApplicableError, match="it has failed: "):
        program.train("fails", Intervention(), 0.2, at_initialization=True)
