"""Tests of framework/augment/augmix.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.augment.augmix import AugMix, _gamma
from framework.errors import UsageError


def applied(member, images, seed=0):
    u = np.random.default_rng(seed).uniform(size=(len(images), member.draws))
    return member.apply(tf.constant(images), tf.constant(u, tf.float32)).numpy()


def test_what_all_chains_leave_alone_stays_as_it_is():
    """Of an image of one level, no chain but posterize and solarize makes another."""
    grey = np.full((300, 6, 7, 3), 64.0, np.float32)
    found = applied(AugMix(severity=1), grey)
    # Solarize inverts from 255 on at this severity, posterize keeps all bits.
    np.testing.assert_allclose(found, 64, atol=1e-2)


def test_images_stay_within_their_range_and_differ():
    images = np.random.default_rng(1).uniform(0, 255, (64, 9, 8, 3)).astype(np.float32)
    images[:] = images[0]
    found = applied(AugMix(severity=10), images)
    assert found.min() >= 0
    assert found.max() <= 255.001
    assert len({image.tobytes() for image in found}) == 64


def test_more_severe_is_farther_away():
    images = np.random.default_rng(1).uniform(0, 255, (64, 9, 8, 3)).astype(np.float32)
    mild, strong = (
        np.abs(applied(AugMix(severity), images) - images).mean()
        for severity in (2, 10)
    )
    assert mild < strong


def test_an_alpha_of_1_weighs_all_mixtures_alike():
    stats = pytest.importorskip("scipy.stats")
    quantiles = _gamma(1.0)
    shares = np.linspace(0, 1, 1025)[1:-1]
    np.testing.assert_allclose(quantiles[1:-1], stats.expon.ppf(shares), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AugMix(0), "severity must be from 1 to 10, not 0"),
        (lambda: AugMix(11), "severity must be from 1 to 10, not 11"),
        (lambda: AugMix(width=0), "must be positive, not 0 and 1.0"),
        (lambda: AugMix(alpha=0.0), "must be positive, not 3 and 0.0"),
    ],
)
def test_refuses_what_makes_no_sense(make, message):
    with pytest.raises(UsageError, match=message):
        make()
