"""Tests of framework/diagnose/programs/run_program.py."""

import numpy as np
import pytest

from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.explain_run import open_run


@pytest.fixture(scope="module")
def made(trained_run):
    return open_run(str(trained_run))


@pytest.fixture(scope="module")
def program(made):
    return made.program


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
