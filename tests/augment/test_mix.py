"""Tests of framework/augment/mix.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.augment.mix import Cutmix, Mixup, MixupCutmix, partners
from framework.errors import UsageError


def draws(member, rows=2000):
    u = np.random.default_rng(0).uniform(size=(rows, member.draws))
    return tf.constant(u, tf.float32)


def mixed(member, rows=2000):
    """Returns label weights, and mixed images in which 1 marks own pixels."""
    images = np.zeros((rows, 20, 30, 1), np.float32)
    images[::2] = 1
    actual, own = member.apply(tf.constant(images), draws(member, rows))
    return own.numpy(), np.where(images == 1, actual, 1 - actual)


def test_partners_are_adjacent_rows():
    rows = tf.constant([[1, 2], [3, 4], [5, 6], [7, 8]])
    actual = partners(rows)
    np.testing.assert_array_equal(actual, [[3, 4], [1, 2], [7, 8], [5, 6]])
    np.testing.assert_array_equal(partners(actual), rows)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_mixup_weights_have_a_beta_distribution(alpha):
    stats = pytest.importorskip("scipy.stats")
    own, images = mixed(Mixup(alpha))
    assert stats.kstest(own, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    np.testing.assert_allclose(images, own[:, None, None, None] + 0 * images, atol=1e-6)


def test_cutmix_weight_is_the_fraction_of_own_pixels():
    own, images = mixed(Cutmix())
    assert set(np.unique(images)) == {0.0, 1.0}
    np.testing.assert_allclose(images.mean((1, 2, 3)), own, atol=1e-6)
    assert own.min() < 0.3
    assert own.max() == 1.0


@pytest.mark.parametrize("make", [Mixup, Cutmix])
def test_mixes_with_probability_p(make):
    own, images = mixed(make(1.0, p=0.25))
    assert abs((own < 1).mean() - 0.25) < 0.05
    assert (images[own == 1] == 1).all()


@pytest.mark.parametrize(("switch", "whole"), [(0.0, 0), (1.0, 2000), (0.3, 600)])
def test_switch_is_the_probability_of_cutmix(switch, whole):
    own, images = mixed(MixupCutmix(switch=switch))
    np.testing.assert_allclose(images.mean((1, 2, 3)), own, atol=1e-5)
    is_cutmix = np.ptp(images, axis=(1, 2, 3)) > 0
    # Rectangles without area or with all of it are indistinguishable from mixup.
    assert abs(is_cutmix.sum() - whole) < 60 + 0.06 * whole


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Mixup(0.0), "alpha must be above 0, not 0.0"),
        (lambda: Cutmix(1.0, 2.0), "from 0 to 1, not 2.0"),
        (lambda: MixupCutmix(switch=-1.0), "from 0 to 1, not -1.0"),
    ],
)
def test_refuses_values_out_of_range(make, message):
    with pytest.raises(UsageError, match=message):
        make()
