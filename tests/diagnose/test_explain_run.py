"""Tests of framework/diagnose/explain_run.py."""

import dataclasses

import keras
import numpy as np
import pytest

from framework.config import Config
from framework.data.hold_out import hold_out_test
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.explain_run import open_run
from framework.errors import UsageError
from framework.launch.run import run

CONFIG = Config(
    model="mlp(units=())",
    optimizer="adam(weight_decay=.01)",
    batch_size=128,
    train_for="2ep",
    train_dev=0.1,
    augment="shift(.05)",
    ema=0.5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    run(dataclasses.replace(CONFIG, workdir=str(folder)), quiet=True)
    return folder


@pytest.fixture(scope="module")
def made(folder):
    return open_run(str(folder))


@pytest.mark.extended
def test_the_splits_are_those_of_the_run(made, scans):
    assert np.array_equal(made.validation.images, scans.validation.images)
    assert np.array_equal(made.labels["validation"], scans.validation.labels)
    count = len(scans.train)
    assert len(made.train) + len(made.dev) == count
    assert len(made.dev) == pytest.approx(0.1 * count, abs=2)
    shown = {image.tobytes() for image in made.train.images}
    assert not shown & {image.tobytes() for image in made.dev.images}
    assert np.array_equal(made.labels["train"], made.train.labels)
    assert made.class_names == scans.class_names
    assert made.first_epoch_labels is None


@pytest.mark.extended
def test_the_test_part_is_kept_from_the_diagnosis_and_from_trials(tmp_path, scans):
    folder = str(tmp_path / "run")
    run(dataclasses.replace(CONFIG, workdir=folder, test="100"), quiet=True)
    made = open_run(folder)
    test = hold_out_test(scans, "100").test
    assert np.array_equal(made.program.test.labels, test.labels)
    assert made.dataset.test is None
    unseen = {image.tobytes() for image in test.images}
    seen = {
        image.tobytes()
        for split in (made.train, made.dev, made.validation)
        for image in split.images
    }
    in_trials = made.program.trainer.dataset(Intervention())
    assert in_trials.test is None
    for split in (in_trials.train, made.dataset.train, made.dataset.validation):
        seen |= {image.tobytes() for image in split.images}
    # A few digits are drawn twice.
    assert len(unseen & seen) <= 2
    # The run before its first step has the same parts.
    assert made.program._fresh.examples.dataset.test is made.program.test
    trial = made.program.train("trial", Intervention(), 0.5, at_initialization=True)
    assert len(trial.train_predictions) == len(made.train)


def test_rows_and_predictions_are_those_recorded(made):
    assert [row["epoch"] for row in made.rows] == [1.0, 2.0]
    assert len(made.predictions) == 2
    for row, evaluation in zip(made.rows, made.predictions, strict=True):
        right = evaluation.predicted == evaluation.labels
        assert right.mean() == pytest.approx(row["validation/accuracy"])
        assert evaluation.losses.mean() == pytest.approx(
            row["validation/loss"], rel=1e-4
        )
        assert np.array_equal(evaluation.rank > 0, ~right)


def test_what_is_evaluated_is_the_average_of_weights(made):
    assert np.array_equal(made.predicted("validation"), made.predictions[-1].predicted)
    images = made.validation.images
    assert not np.allclose(
        made.program.predict_live(images), made.program.predict(images)
    )


def test_settings_say_what_is_in_place(made):
    wanted = {
        "optimizer": "adam",
        "weight_decay": 0.01,
        "augment": "shift(.05)",
        "batch_size": 128,
        "learning_rate": 0.001,
        "epochs": 2.0,
        "train_images": len(made.train),
    }
    assert {name: getattr(made.settings, name) for name in wanted} == wanted
    assert made.settings.config.ema == 0.5
    assert made.settings.steps_per_epoch == len(made.train) // 128 + 1


def test_where_there_is_no_run_there_is_nothing_to_look_at(tmp_path):
    with pytest.raises(UsageError):
        open_run(str(tmp_path))


@pytest.mark.extended
def test_other_data_than_those_of_the_run_are_refused(tmp_path):
    def save(lightest):
        images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
        images[0] = lightest
        labels = np.arange(40) % 2
        np.savez(
            tmp_path / "data.npz",
            x_train=images,
            y_train=labels,
            x_validation=images[:10],
            y_validation=labels[:10],
        )

    save(255)
    config = Config(
        dataset=f"arrays({str(tmp_path / 'data.npz')!r})",
        model="mlp(units=())",
        batch_size=20,
        train_for="1ep",
        workdir=str(tmp_path / "run"),
    )
    run(config, quiet=True)
    open_run(config.workdir)
    save(254)
    with pytest.raises(UsageError, match="the data are not those of the run"):
        open_run(config.workdir)
    open_run(config.workdir, allow_data_change=True)


@pytest.mark.extended
def test_what_was_given_in_python_must_be_given_again(tmp_path, scans):
    def linear(shape, classes):
        return keras.Sequential(
            [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(classes)]
        )

    config = Config(batch_size=256, train_for="1ep", workdir=str(tmp_path))
    run(config, linear, scans, quiet=True)
    with pytest.raises(UsageError, match="the model of the run in"):
        open_run(str(tmp_path))
    with pytest.raises(UsageError, match="the dataset of the run in"):
        open_run(str(tmp_path), linear)
    made = open_run(str(tmp_path), linear, scans)
    assert np.array_equal(made.predicted("validation"), made.predictions[-1].predicted)


@pytest.mark.extended
def test_a_run_with_an_accepted_remedy_can_be_measured(made):
    faster = Intervention(learning_rate_factor=4.0)
    result = made.program.train("learning_rate_too_low", faster, 1.0, True)
    result = dataclasses.replace(result, name="learning_rate_too_low")
    with made.mended(faster, result) as other:
        predicted = other.predicted("validation")
        assert np.array_equal(predicted, result.validation_predictions)
        assert other.settings.learning_rate == pytest.approx(4 * CONFIG.learning_rate)
        assert other.settings.epochs == pytest.approx(1.0, rel=0.1)
        assert other.settings.config.workdir == made.settings.config.workdir
        assert np.isfinite(other.rows[-1]["train/loss"])
    wider = Intervention(width_factor=2.0)
    with pytest.raises(NotApplicableError, match="flag"), made.mended(wider, result):
        pass
