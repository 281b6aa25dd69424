"""Tests of framework/diagnose/gate.py."""

import numpy as np
import pytest
from framework.diagnose.gate import gate

from framework.numerics.intervals import proportion
from framework.numerics.metrics import Predictions


def evaluations(accuracies, total=1000, classes=10, labels=None, seed=0):
    """Returns predictions that are right so often, at random for each evaluation."""
    generator = np.random.default_rng(seed)
    if labels is None:
        labels = np.arange(total) % classes
    # The same images are easy in each evaluation, but for a few.
    ease = generator.uniform(size=total)
    found = []
    for accuracy in accuracies:
        noise = generator.normal(0, 0.03, total)
        order = np.argsort(ease + noise)
        right = np.zeros(total, bool)
        right[order[: round(accuracy * total)]] = True
        predicted = np.where(right, labels, (labels + 1) % classes)
        zeros = np.zeros(total, np.float32)
        found.append(Predictions(labels, predicted, zeros, zeros, zeros))
    return found


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
    found = gate(evaluations(curve, total), 10, proportion(*clean))
    assert found.verdict == verdict, found.reason


def test_naming_one_class_is_chance_however_frequent_it_is():
    labels = (np.arange(1000) % 10 == 0).astype(int)
    always = np.zeros(1000, int)
    zeros = np.zeros(1000, np.float32)
    found = [Predictions(labels, always, zeros, zeros, zeros)] * 6
    assert gate(found, 2).verdict == "at_chance"


def test_knowing_a_rare_class_is_not_chance():
    """Accuracy is near the share of the frequent class, yet the rare one is known."""
    labels = (np.arange(200) % 10 == 0).astype(int)
    predicted = labels.copy()
    predicted[1:9] = 1
    zeros = np.zeros(200, np.float32)
    found = [Predictions(labels, predicted, zeros, zeros, zeros)] * 6
    assert gate(found, 2).verdict != "at_chance"


def test_weights_that_do_not_move_change_no_mind():
    same = evaluations([0.7]) * 6
    found = gate(same, 10, proportion(990, 1000))
    assert (found.verdict, found.churn) == ("static", 0.0)


def test_the_reason_has_the_numbers():
    found = gate(evaluations(FLAT, 63), 10, proportion(50, 63))
    assert found.reason.startswith("cannot tell: 63 images resolve +-11")


def test_noise_alone_is_seldom_an_improvement():
    """At most five in a hundred flat curves may look as if they rose or fell."""
    moving = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        curve = 0.7 + generator.normal(0, 0.01, 30)
        found = gate(evaluations(curve, 1000, seed=seed), 10, proportion(990, 1000))
        moving += found.verdict != "static"
    assert moving <= 15
