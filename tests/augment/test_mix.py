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
    """Returns how much of each image is its own, and images of black and white."""
    images = np.zeros((rows, 20, 30, 1), np.float32)
    images[::2] = 1
    found, own = member.apply(tf.constant(images), draws(member, rows))
    return own.numpy(), np.where(images == 1, found, 1 - found)


def test_partners_are_neighbours():
    rows = tf.constant([[1, 2], [3, 4], [5, 6], [7, 8]])
    found = partners(rows)
    np.testing.assert_array_equal(found, [[3, 4], [1, 2], [7, 8], [5, 6]])
    np.testing.assert_array_equal(partners(found), rows)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_mixup_weighs_by_a_beta(alpha):
    stats = pytest.importorskip("scipy.stats")
    own, images = mixed(Mixup(alpha))
    assert stats.kstest(own, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    np.testing.assert_allclose(images, own[:, None, None, None] + 0 * images, atol=1e-6)


def test_cutmix_counts_the_pixels_that_are_left():
    own, images = mixed(Cutmix())
    assert set(np.unique(images)) == {0.0, 1.0}
    np.testing.assert_allclose(images.mean((1, 2, 3)), own, atol=1e-6)
    assert own.min() < 0.3
    assert own.max() == 1.0


@pytest.mark.parametrize("make", [Mixup, Cutmix])
def test_some_images_stay_as_they_are(make):
    own, images = mixed(make(1.0, p=0.25))
    assert abs((own < 1).mean() - 0.25) < 0.05
    assert (images[own == 1] == 1).all()


@pytest.mark.parametrize(("switch", "whole"), [(0.0, 0), (1.0, 2000), (0.3, 600)])
def test_either_of_the_two(switch, whole):
    own, images = mixed(MixupCutmix(switch=switch))
    np.testing.assert_allclose(images.mean((1, 2, 3)), own, atol=1e-5)
    cuts = np.ptp(images, axis=(1, 2, 3)) > 0
    # A rectangle of no area or of all of it cannot be told from the other.
    assert abs(cuts.sum() - whole) < 60 + 0.06 * whole


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Mixup(0.0), "alpha must be above 0, not 0.0"),
        (lambda: Cutmix(1.0, 2.0), "from 0 to 1, not 2.0"),
        (lambda: MixupCutmix(switch=-1.0), "from 0 to 1, not -1.0"),
    ],
)
def test_refuses_what_makes_no_sense(make, message):
    with pytest.raises(UsageError, match=message):
        make()
