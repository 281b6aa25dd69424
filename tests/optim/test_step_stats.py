"""Tests of framework/optim/step_stats.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.optim import step_stats


def test_norms_are_over_all_weights_together():
    found = step_stats.norms(
        gradients=[tf.constant([3.0]), tf.constant([[0.0, 4.0]])],
        before=[tf.constant([1.0]), tf.constant([[1.0, 1.0]])],
        after=[tf.constant([2.0]), tf.constant([[3.0, 6.0]])],
    )
    assert {name: float(value) for name, value in found.items()} == pytest.approx(
        {
            "gradient_norm": 5.0,
            "weight_norm": 7.0,
            # Moved by 1, 2 and 5.
            "update_norm": 30**0.5,
        }
    )


def test_a_gradient_that_is_not_finite_shows():
    ones = [tf.ones([2])]
    found = step_stats.norms([tf.constant([1.0, float("inf")])], ones, ones)
    assert not float(found["gradient_norm"]) < float("inf")
    assert float(found["update_norm"]) == 0


def batches(generator, mean, deviation, groups, size, count):
    """Yields the squared norms of a batch's gradient and of its groups' own."""
    for _ in range(count):
        shape = (groups, size // groups, len(mean))
        examples = mean + deviation * generator.standard_normal(shape)
        parts = examples.mean(axis=1)
        whole = parts.mean(axis=0)
        yield np.mean(np.sum(parts**2, axis=1)), np.sum(whole**2)


@pytest.mark.parametrize(("groups", "size"), [(2, 16), (4, 16), (2, 64)])
def test_noise_is_estimated_without_bias(groups, size):
    mean, deviation = np.full(20, 0.1), 0.5
    generator = np.random.default_rng(0)
    found = [
        [float(value) for value in step_stats.noise(part, whole, groups, size).values()]
        for part, whole in batches(generator, mean, deviation, groups, size, 4000)
    ]
    trace, square = np.mean(found, axis=0)
    assert trace == pytest.approx(20 * deviation**2, rel=0.05)
    assert square == pytest.approx(20 * 0.1**2, rel=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_the_interval_holds_the_noise_scale(seed):
    mean, deviation = np.full(50, 0.2), 0.6
    generator = np.random.default_rng(seed)
    scale = step_stats.NoiseScale()
    for part, whole in batches(generator, mean, deviation, 2, 32, 60):
        noise = step_stats.noise(tf.constant(part), tf.constant(whole), 2, 32)
        values = [tf.cast(value, tf.float32) for value in noise.values()]
        scale.add(*values, tf.constant(True))
    found = scale.estimate()
    truth = deviation**2 / 0.2**2
    assert found["noise_scale_low"] < truth < found["noise_scale_high"]
    assert found["noise_scale"] == pytest.approx(truth, rel=0.4)


def test_nothing_is_said_while_the_gradient_is_lost_in_noise():
    scale = step_stats.NoiseScale()
    assert scale.estimate() == {}
    for part, whole in batches(np.random.default_rng(0), np.zeros(50), 1.0, 2, 8, 30):
        noise = step_stats.noise(tf.constant(part), tf.constant(whole), 2, 8)
        values = [tf.cast(value, tf.float32) for value in noise.values()]
        scale.add(*values, tf.constant(True))
    assert scale.estimate() == {}


def test_a_step_that_does_not_count_changes_nothing():
    scale = step_stats.NoiseScale()
    scale.add(tf.constant(1.0), tf.constant(1.0), tf.constant(False))
    assert all(float(value) == 0.0 for value in scale.variables.values())
