"""Tests of framework/optim/step_stats.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.optim import step_stats


def test_norms_are_over_all_weights_together():
    actual = step_stats.norms(
        gradients=[tf.constant([3.0]), tf.constant([[0.0, 4.0]])],
        before=[tf.constant([1.0]), tf.constant([[1.0, 1.0]])],
        after=[tf.constant([2.0]), tf.constant([[3.0, 6.0]])],
    )
    assert {name: float(value) for name, value in actual.items()} == pytest.approx(
        {
            "gradient_norm": 5.0,
            "weight_norm": 7.0,
            # Updates of 1, 2 and 5.
            "update_norm": 30**0.5,
        }
    )


def test_an_infinite_gradient_has_an_infinite_norm():
    ones = [tf.ones([2])]
    actual = step_stats.norms([tf.constant([1.0, float("inf")])], ones, ones)
    assert not float(actual["gradient_norm"]) < float("inf")
    assert float(actual["update_norm"]) == 0


def batches(generator, mean, deviation, groups, size, count):
    """Yields squared norms: the mean over a batch's groups, and of the whole batch."""
    for _ in range(count):
        shape = (groups, size // groups, len(mean))
        examples = mean + deviation * generator.standard_normal(shape)
        group_gradients = examples.mean(axis=1)
        whole = group_gradients.mean(axis=0)
        yield np.mean(np.sum(group_gradients**2, axis=1)), np.sum(whole**2)


@pytest.mark.parametrize(("groups", "size"), [(2, 16), (4, 16), (2, 64)])
def test_noise_estimates_are_unbiased(groups, size):
    mean, deviation = np.full(20, 0.1), 0.5
    generator = np.random.default_rng(0)
    estimates = [
        [
            float(value)
            for value in step_stats.noise(group, whole, groups, size).values()
        ]
        for group, whole in batches(generator, mean, deviation, groups, size, 4000)
    ]
    trace, square = np.mean(estimates, axis=0)
    assert trace == pytest.approx(20 * deviation**2, rel=0.05)
    assert square == pytest.approx(20 * 0.1**2, rel=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_the_interval_covers_the_noise_scale(seed):
    mean, deviation = np.full(50, 0.2), 0.6
    generator = np.random.default_rng(seed)
    scale = step_stats.NoiseScale()
    for group, whole in batches(generator, mean, deviation, 2, 32, 60):
        noise = step_stats.noise(tf.constant(group), tf.constant(whole), 2, 32)
        values = [tf.cast(value, tf.float32) for value in noise.values()]
        scale.add(*values, tf.constant(True))
    actual = scale.estimate()
    truth = deviation**2 / 0.2**2
    assert actual["noise_scale_low"] < truth < actual["noise_scale_high"]
    assert actual["noise_scale"] == pytest.approx(truth, rel=0.4)


def test_no_estimate_while_the_gradient_is_not_significant():
    scale = step_stats.NoiseScale()
    assert scale.estimate() == {}
    for group, whole in batches(np.random.default_rng(0), np.zeros(50), 1.0, 2, 8, 30):
        noise = step_stats.noise(tf.constant(group), tf.constant(whole), 2, 8)
        values = [tf.cast(value, tf.float32) for value in noise.values()]
        scale.add(*values, tf.constant(True))
    assert scale.estimate() == {}


def test_a_step_that_is_not_full_is_ignored():
    scale = step_stats.NoiseScale()
    scale.add(tf.constant(1.0), tf.constant(1.0), tf.constant(False))
    assert all(float(value) == 0.0 for value in scale.variables.values())
