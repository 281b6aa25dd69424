"""Tests of framework/diagnose/ruler/repeatable.py."""

import numpy as np
import pytest
from framework.diagnose.detector import Measures
from framework.diagnose.ruler.repeatable import measure, random_validation

from framework.numerics.intervals import Estimate

_GAIN = Estimate(0.2, 0.1, 0.3)


def measures(flipped, other_images=False, gain=None):
    found = {"repeatable/flipped": flipped, "repeatable/other_images": other_images}
    if gain:
        found["repeatable/gain"] = gain
    return Measures(found)


def test_fires_on_a_model_that_is_random_in_evaluation():
    found = random_validation(measures(0.3, gain=_GAIN))
    assert (found.cause, found.status) == ("random_validation", "confirmed")
    assert found.cost == _GAIN
    assert found.message == (
        "evaluating the same weights twice changes 30.0% of the predictions: the model "
        "is random in evaluation mode as well"
    )
    (evidence,) = found.evidence
    assert (evidence.value, evidence.threshold) == (0.3, "above 0.001")


def test_fires_on_validation_images_that_change():
    found = random_validation(measures(0.0, other_images=True))
    assert found.status == "confirmed"
    assert found.cost is None
    assert found.message == (
        "two passes through the validation data give other images: it is changed at "
        "random, as only training data should be"
    )


@pytest.mark.parametrize(
    "found",
    [
        measures(0.0),
        # Kernels that add up in another order.
        measures(0.001),
        # Trap H26: dropout left on on purpose; it costs nothing.
        measures(0.3, gain=Estimate(0.01, -0.01, 0.03)),
        measures(0.3, gain=Estimate(0.02, 0.01, 0.03)),
    ],
)
def test_silent_where_randomness_costs_nothing(found):
    assert random_validation(found) is None


@pytest.fixture
def made(subject, scans):
    return subject(scans.train, scans.validation)


def test_a_fixed_model_flips_nothing(made):
    found = measure(made)
    assert found == {"repeatable/flipped": 0.0, "repeatable/other_images": False}
    assert random_validation(Measures(found)) is None


def test_measures_how_many_predictions_flip_and_what_a_mean_gains(made):
    steady, generator = made.program.ask, np.random.default_rng(0)

    def ask(images, training=False):
        said = steady(images)
        return said + generator.normal(0, 0.4, said.shape).astype(np.float32)

    made.program.ask = ask
    found = measure(made)
    assert found["repeatable/flipped"] > 0.2
    assert found["repeatable/gain"].low > 0.1
    assert random_validation(Measures(found)).status == "confirmed"


def test_what_the_data_are_is_asked_of_the_settings(subject, scans):
    settings = {"validation_is_random": True}
    found = measure(subject(scans.train, scans.validation, settings=settings))
    assert found["repeatable/other_images"] is True
