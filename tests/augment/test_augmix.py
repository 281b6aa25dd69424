"""Tests of framework/augment/augmix.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.augment.augmix import AugMix, _gamma_quantiles
from framework.errors import UsageError


def applied(member, images, seed=0):
    draws = member.num_draws(images.shape[1:])
    u = np.random.default_rng(seed).uniform(size=(len(images), draws))
    return member.apply(tf.constant(images), tf.constant(u, tf.float32)).numpy()


def test_a_uniform_image_is_unchanged():
    """Only posterize and solarize change an image of one level."""
    grey = np.full((300, 6, 7, 3), 64.0, np.float32)
    actual = applied(AugMix(severity=1), grey)
    # At this severity solarize inverts only 255, and posterize keeps all bits.
    np.testing.assert_allclose(actual, 64, atol=1e-2)


def test_images_stay_in_range_and_differ():
    images = np.random.default_rng(1).uniform(0, 255, (64, 9, 8, 3)).astype(np.float32)
    images[:] = images[0]
    actual = applied(AugMix(severity=10), images)
    assert actual.min() >= 0
    assert actual.max() <= 255.001
    assert len({image.tobytes() for image in actual}) == 64


@pytest.mark.extended
def test_higher_severity_changes_more():
    images = np.random.default_rng(1).uniform(0, 255, (64, 9, 8, 3)).astype(np.float32)
    mild, strong = (
        np.abs(applied(AugMix(severity), images) - images).mean()
        for severity in (2, 10)
    )
    assert mild < strong


def test_alpha_1_gives_exponential_quantiles():
    stats = pytest.importorskip("scipy.stats")
    quantiles = _gamma_quantiles(1.0)
    probabilities = np.linspace(0, 1, 1025)[1:-1]
    np.testing.assert_allclose(
        quantiles[1:-1], stats.expon.ppf(probabilities), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AugMix(0), "severity must be from 1 to 10, not 0"),
        (lambda: AugMix(11), "severity must be from 1 to 10, not 11"),
        (lambda: AugMix(width=0), "must be positive, not 0 and 1.0"),
        (lambda: AugMix(alpha=0.0), "must be positive, not 3 and 0.0"),
    ],
)
def test_refuses_values_out_of_range(make, message):
    with pytest.raises(UsageError, match=message):
        make()
