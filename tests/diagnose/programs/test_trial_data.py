"""Tests of framework/diagnose/programs/trial_data.py."""

import numpy as np
import pytest

from framework.diagnose.core.intervention import Intervention
from framework.diagnose.programs.trial_data import balanced_order, make_scale


def test_images_are_standardized_by_the_original_ones():
    images = np.random.default_rng(0).normal(size=(60, 8, 8, 2)).astype(np.float32)
    images = images * [1, 50] + [100, 0]
    scaled = make_scale(images, Intervention(standardize=True))(images)
    np.testing.assert_allclose(scaled.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=(0, 1, 2)), 1, rtol=1e-4)
    assert scaled.dtype == np.float32
    other = make_scale(images, Intervention(standardize=True))(
        images + np.array([0, 50])
    )
    np.testing.assert_allclose(other.mean(axis=(0, 1, 2)), [0, 1], atol=0.05)
    assert make_scale(images, Intervention())(images) is images


def test_images_are_rescaled():
    scale = make_scale(np.zeros([1, 2]), Intervention(rescale=(0.5, 1.0)))
    assert scale(np.array([0, 4], np.uint8)).tolist() == [1, 3]


@pytest.mark.parametrize("form", [lambda y: y, lambda y: np.eye(3)[y]])
def test_each_class_is_drawn_equally_often(form):
    rare = np.where(np.arange(600) < 500, 0, 1 + np.arange(600) % 2)
    order = balanced_order(form(rare), np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(rare[order]), 200, atol=40)
