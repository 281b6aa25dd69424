"""Tests of framework/diagnose/measure/plateau.py."""

import numpy as np
import pytest

from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.plateau import Plateau, assess
from framework.numerics.intervals import proportion
from framework.numerics.metrics import Predictions


def evaluations(accuracies, total=1000, classes=10, labels=None, seed=0):
    """Returns predictions of those accuracies, with other errors each time."""
    generator = np.random.default_rng(seed)
    if labels is None:
        labels = np.arange(total) % classes
    # The same images are easy in each evaluation, but for a few.
    ease = generator.uniform(size=total)
    results = []
    for accuracy in accuracies:
        noise = generator.normal(0, 0.03, total)
        order = np.argsort(ease + noise)
        is_right = np.zeros(total, bool)
        is_right[order[: round(accuracy * total)]] = True
        predicted = np.where(is_right, labels, (labels + 1) % classes)
        zeros = np.zeros(total, np.float32)
        results.append(Predictions(labels, predicted, zeros, zeros, zeros))
    return results


RISING = [0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8]
FLAT = [0.3, 0.6, 0.7, 0.704, 0.7, 0.699, 0.703, 0.7, 0.702]


@pytest.mark.parametrize(
    ("curve", "total", "clean", "verdict"),
    [
        (RISING, 1000, (990, 1000), "improving"),
        (FLAT, 1000, (990, 1000), "static"),
        (FLAT, 1000, (705, 1000), "static"),
        (FLAT, 10_000, (7000, 10_000), "ceiling"),
        ([*FLAT[:4], 0.69, 0.66, 0.63, 0.6], 1000, (990, 1000), "not_static"),
        # 63 images resolve twelve points each way.
        (FLAT, 63, (50, 63), "unresolvable"),
        # But not seeing an improvement is not missing so large a gap.
        (FLAT, 170, (170, 170), "static"),
        ([0.5, 0.6], 1000, (990, 1000), "unresolvable"),
        ([0.9, 0.98, 0.982, 0.979, 0.981, 0.98, 0.98], 360, (360, 360), "ceiling"),
        ([0.1, 0.102, 0.099, 0.1, 0.101], 1000, (990, 1000), "at_chance"),
        # Chance comes first: it is the greater trouble.
        ([0.11, 0.1, 0.09], 1000, (100, 1000), "at_chance"),
    ],
)
def test_verdicts(curve, total, clean, verdict):
    plateau = assess(evaluations(curve, total), 10, proportion(*clean))
    assert plateau.verdict == verdict, plateau.reason


def test_predicting_one_class_is_chance_however_frequent_it_is():
    labels = (np.arange(1000) % 10 == 0).astype(int)
    always = np.zeros(1000, int)
    zeros = np.zeros(1000, np.float32)
    predictions = [Predictions(labels, always, zeros, zeros, zeros)] * 6
    assert assess(predictions, 2).verdict == "at_chance"


def test_images_of_one_class_tell_nothing_and_no_number_is_called_guessing():
    """Accuracy was once called what guessing gives, whatever it was."""
    labels = np.zeros(100, int)
    predicted = (np.arange(100) < 14).astype(int)
    zeros = np.zeros(100, np.float32)
    predictions = [Predictions(labels, predicted, zeros, zeros, zeros)] * 6
    plateau = assess(predictions, 2)
    assert "guessing" not in plateau.reason
    assert plateau.reason.startswith("all 100 validation images are of one class")


def test_knowing_a_rare_class_is_not_chance():
    """Accuracy is near the share of the frequent class, yet the rare one is known."""
    labels = (np.arange(200) % 10 == 0).astype(int)
    predicted = labels.copy()
    predicted[1:9] = 1
    zeros = np.zeros(200, np.float32)
    predictions = [Predictions(labels, predicted, zeros, zeros, zeros)] * 6
    assert assess(predictions, 2).verdict != "at_chance"


def test_fixed_weights_change_no_prediction():
    same = evaluations([0.7]) * 6
    plateau = assess(same, 10, proportion(990, 1000))
    assert (plateau.verdict, plateau.churn) == ("static", 0.0)


def test_the_reason_has_the_numbers():
    plateau = assess(evaluations(FLAT, 63), 10, proportion(50, 63))
    assert plateau.reason.startswith("cannot tell: 63 images resolve +-11")


@pytest.mark.extended
def test_noise_alone_is_seldom_an_improvement():
    """At most five in a hundred flat curves may look as if they rose or fell."""
    moving = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        curve = 0.7 + generator.normal(0, 0.01, 30)
        plateau = assess(evaluations(curve, 1000, seed=seed), 10, proportion(990, 1000))
        moving += plateau.verdict != "static"
    assert moving <= 15


def test_measures_the_evaluations_of_a_context(context, scans):
    predictions = tuple(evaluations(FLAT))
    case = context(scans.train, scans.validation, predictions=predictions)
    clean = case.get(Accuracy).train_clean.accuracy
    assert case.get(Plateau) == assess(predictions, case.num_classes, clean)
