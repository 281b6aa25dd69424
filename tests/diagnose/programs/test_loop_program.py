"""Tests of framework/diagnose/programs/loop_program.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.core.budget import Allowance, TooSlowError
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs.loop_functions import LoopFunctions
from framework.diagnose.programs.loop_program import LoopProgram

X = np.random.default_rng(0).random((40, 2, 2, 1)).astype(np.float32)
Y = np.arange(40) % 4
SPLIT = Split(X[:8], Y[:8].astype(np.int32))


class Journal:
    """Functions that write down how they are called."""

    def __init__(self):
        self.calls = []

    def build(self, seed):
        self.calls.append(("build", seed))
        return {"steps": 0, "rate": 0.0}

    def train(
        self,
        model,
        data,
        epochs,
        learning_rate=0.5,
        batch_size=10,
        seed=0,
        after_epoch=None,
    ):
        self.calls.append((len(data[0]), epochs, learning_rate, batch_size, seed))
        self.data = data
        model["steps"] += epochs
        model["rate"] = learning_rate
        for _ in range(epochs):
            if after_epoch is not None:
                after_epoch(model)

    def predict(self, model, images):
        outputs = np.zeros((len(images), 4), np.float32)
        outputs[:, model["steps"] % 4] = model["rate"]
        return outputs


def program(journal=None, **functions):
    journal = journal or Journal()
    names = ("build", "train", "predict")
    given = {name: getattr(journal, name) for name in names} | functions
    made = LoopProgram(LoopFunctions(**given), (X, Y), 7, 0.5, 10)
    made.validation_images, made.train_images = X[:4], X
    made.run(3)
    journal.calls.clear()
    return made, journal


@pytest.mark.parametrize(
    ("intervention", "call"),
    [
        (Intervention(), (40, 3, 0.5, 10, 7)),
        (Intervention(learning_rate_factor=0.1), (40, 3, 0.05, 10, 7)),
        (Intervention(constant_learning_rate=2.0), (40, 3, 2.0, 10, 7)),
        (Intervention(batch_size_factor=0.5), (40, 3, 0.5, 5, 7)),
        (Intervention(seed=2), (40, 3, 0.5, 10, 9)),
        (Intervention(train=SPLIT), (8, 3, 0.5, 10, 7)),
    ],
)
def test_a_trial_changes_what_train_names(intervention, call):
    made, journal = program()
    result = made.train("trial", intervention, 3.0, at_initialization=True)
    assert journal.calls == [("build", call[-1]), pytest.approx(call)]
    assert result.epochs == 3
    # The trained model is left as it was.
    assert made.model == {"steps": 3, "rate": 0.5}
    assert list(result.validation_predictions) == [3] * 4


@pytest.mark.parametrize(
    ("intervention", "name"),
    [
        (Intervention(weight_decay=0.1), "weight_decay"),
        (Intervention(dropout=0.1), "dropout"),
        (Intervention(reinitialize=True), "reinitialize"),
        (Intervention(consistent_loss=True), "consistent_loss"),
        (Intervention(augment="flip"), "augment"),
    ],
)
def test_what_it_does_not_name_is_not_applicable(intervention, name):
    made, _ = program()
    with pytest.raises(NotApplicableError, match=rf"train\(\) takes no {name}"):
        made.train("trial", intervention, 3.0, at_initialization=True)


def test_images_are_scaled_and_balanced_before_they_are_given():
    made, journal = program()
    made.train("trial", Intervention(standardize=True), 1.0, at_initialization=True)
    assert abs(journal.data[0].mean()) < 1e-5
    made.train("trial", Intervention(rescale=(2, 1)), 1.0, at_initialization=True)
    np.testing.assert_allclose(journal.data[0], 2 * X + 1, rtol=1e-6)
    made, journal = program()
    made._data = X, np.minimum(np.arange(40), 1)
    made.train("trial", Intervention(balance=True), 1.0, at_initialization=True)
    assert 8 <= np.sum(journal.data[1] == 0) <= 32


def test_a_part_of_an_epoch_is_one_of_fewer_examples():
    made, journal = program()
    result = made.train("trial", Intervention(), 0.5, at_initialization=True)
    assert journal.calls[-1][:2] == (20, 1)
    assert result.epochs == 0.5


def test_training_continues_with_a_copy():
    made, journal = program()
    made.train("trial", Intervention(), 2.0, at_initialization=False)
    assert [each for each in journal.calls if each[0] == "build"] == []
    assert made.model["steps"] == 3


def test_a_model_that_cannot_be_copied_is_not_applicable():
    class Single(dict):
        def __deepcopy__(self, memory):
            raise RuntimeError("there is only one")

    made, _ = program()
    made.model = Single(made.model)
    with pytest.raises(NotApplicableError, match="there is only one"):
        made.train("trial", Intervention(), 1.0, at_initialization=False)


def test_training_mode_needs_the_argument():
    with pytest.raises(NotApplicableError, match=r"predict\(\) takes no training"):
        program()[0].predict(X, training=True)
    modes = []

    def predict(model, images, training=False):
        modes.append(training)
        return np.zeros((len(images), 4))

    made, _ = program(predict=predict)
    made.predict(X, training=True)
    assert modes[-1]


def test_trials_that_are_too_slow_end():
    class Slow(Allowance):
        def check(self, done, total):
            raise TooSlowError(f"{done} of {total}")

    made, _ = program()
    with pytest.raises(TooSlowError, match="1 of 4"):
        made.train("trial", Intervention(), 4.0, True, Slow())


def test_steps_are_measured_by_outputs():
    made, _ = program()
    assert made.update_norm(SPLIT, 0.1) == pytest.approx(
        0.1 * made.update_norm(SPLIT, 1.0), rel=1e-5
    )


def test_numbers_that_are_not_finite_are_no_predictions():
    def predict(model, images):
        return np.full((len(images), 4), np.nan if model["steps"] else 0.0)

    made, _ = program(predict=predict)
    result = made.train("trial", Intervention(), 1.0, at_initialization=True)
    assert result.has_diverged
    assert list(result.validation_predictions) == [-1] * 4
