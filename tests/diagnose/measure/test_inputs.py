"""Tests of framework/diagnose/measure/inputs.py."""

import numpy as np
import pytest

from framework.diagnose.core.measurement import UnavailableError
from framework.diagnose.measure.inputs import BatchOrder, InputScale


def test_moments_by_channel(context, scans):
    case = context(scans.train, scans.validation)
    generator = np.random.default_rng(0)
    values = generator.normal([1.0, 0.0, 10.0], [1.0, 2.0, 4.0], (400, 4, 4, 3))
    case.program.inputs = lambda images: values
    scale = case.get(InputScale)
    assert scale.deviation == pytest.approx(2.0, rel=0.05)
    assert scale.largest_deviation == pytest.approx(4.0, rel=0.05)
    # Of 1, 0 and 2.5 deviations.
    assert scale.offset == pytest.approx(1.0, rel=0.05)
    assert scale.normalized_by == ""


def test_the_layer_that_normalizes_is_named(context, scans):
    case = context(scans.train, scans.validation)
    case.program.outermost = ("InputLayer", "Rescaling", "Dense")
    assert case.get(InputScale).normalized_by == "Rescaling"


@pytest.mark.parametrize(
    ("values", "constant"),
    [
        (np.zeros((5, 8, 8, 1)), "0"),
        (np.full((5, 8, 8, 3), 7.5), "7.5"),
        (np.tile(np.arange(64.0).reshape(1, 8, 8, 1), (5, 1, 1, 1)), "those of one"),
        # One value that differs is not nothing.
        (np.eye(5)[:, None, None, :1] * np.ones((5, 8, 8, 1)), ""),
    ],
)
def test_inputs_that_are_the_same_for_all_images(context, scans, values, constant):
    case = context(scans.train, scans.validation)
    case.program.inputs = lambda images: values
    scale = case.get(InputScale)
    assert scale.constant.startswith(constant)
    assert bool(scale.constant) == bool(constant)


def test_unavailable_for_one_image(context, scans):
    case = context(scans.train, scans.validation)
    case.program.inputs = lambda images: np.zeros((1, 8, 8, 1))
    with pytest.raises(UnavailableError, match="only one training image"):
        case.get(InputScale)


def test_the_entropy_of_batches(context, scans):
    def order(labels):
        case = context(
            scans.train,
            scans.validation,
            first_epoch_labels=labels,
            settings={"batch_size": 20},
        )
        return case.get(BatchOrder)

    assert order(np.arange(1000) // 100).entropy == 0
    balanced = order(np.arange(1000) % 10)
    assert balanced.entropy == pytest.approx(np.log2(10))
    assert balanced.entropy > balanced.shuffled_entropy
    assert balanced.z < 0
    assert balanced.permutations == 100
