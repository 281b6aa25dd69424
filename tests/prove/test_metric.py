"""Tests of framework/prove/metric.py."""

import numpy as np
import pytest

from framework.numerics.metrics import Predictions, summarize
from framework.prove.metric import judged, values

NAMES = tuple("abcdefg")


@pytest.fixture
def predictions():
    generator = np.random.Generator(np.random.PCG64(1))
    # No image of the last class.
    labels = generator.integers(0, 6, 200).astype(np.int32)
    is_right = generator.random(200) < 0.6
    predicted = np.where(is_right, labels, (labels + 1) % 7).astype(np.int32)
    rank = np.where(is_right, 0, generator.integers(1, 7, 200)).astype(np.int32)
    ones = np.ones(200, np.float32)
    return Predictions(labels, predicted, rank, ones, ones)


@pytest.mark.parametrize(
    "name", ["accuracy", "balanced_accuracy", "top5_accuracy", "recall/c"]
)
def test_the_mean_over_images_is_the_metric_of_an_evaluation(predictions, name):
    metric, note = judged(f"validation/{name}")
    assert (metric, note) == (name, "")
    wanted = summarize(predictions, NAMES)[name]
    assert values(name, predictions, NAMES).mean() == pytest.approx(wanted)


@pytest.mark.parametrize(
    "monitor",
    ["validation/loss", "validation/macro_f1", "validation/ece", "train/accuracy"],
)
def test_what_is_no_fraction_of_images_is_judged_by_accuracy(monitor):
    metric, note = judged(monitor)
    assert metric == "accuracy"
    assert monitor in note
