"""Tests of data.scene."""

import dataclasses

import numpy as np
import pytest

from framework.data import flower, scene


def scenes(count=10, seed=0, **values):
    generator = np.random.default_rng(seed)
    plain = {
        "light": 0,
        "temperature": 0,
        "angle": 0,
        "scale": 1,
        "background": 0,
        "blur": 0,
    }
    values = {**plain, "noise": 0, **values}
    return scene.Scenes(
        species=np.arange(count, dtype=np.int32) % len(flower.SPECIES),
        form=generator.random((count, flower.FORM_DRAWS)),
        ground=generator.random((count, scene.GROUND_DRAWS)),
        position=np.zeros((count, 2)) + values.pop("position", 0.0),
        **{name: np.full(count, float(value)) for name, value in values.items()},
    )


def rendered(group, size=32):
    return scene.render(group, size, np.random.Philox(key=1)).astype(int)


def test_take():
    group = scenes()
    taken = group.take(np.array([3, 1]))
    assert len(taken) == 2
    for field in dataclasses.fields(group):
        expected = getattr(group, field.name)[[3, 1]]
        np.testing.assert_array_equal(getattr(taken, field.name), expected)


@pytest.mark.parametrize("size", [17, 32])
def test_a_picture_does_not_depend_on_those_after_it(size):
    group = scenes(background=1, blur=0.7, noise=4)
    together = rendered(group, size)
    alone = rendered(group.take(slice(0, 3)), size)
    np.testing.assert_array_equal(together[:3], alone)


def test_a_stop_doubles_the_values():
    dark = rendered(scenes(light=-2))
    darker = rendered(scenes(light=-3))
    assert np.abs(dark - 2 * darker).max() <= 2


def test_warmth_is_more_red_and_less_blue():
    warm = rendered(scenes(light=-2, temperature=1))
    plain = rendered(scenes(light=-2))
    assert np.abs(warm[..., 0] - 2 * plain[..., 0]).max() <= 2
    assert np.abs(warm[..., 1] - plain[..., 1]).max() == 0
    assert np.abs(2 * warm[..., 2] - plain[..., 2]).max() <= 2


def test_position_moves_the_flower():
    moved = rendered(scenes(position=np.array([0.25, 0.0])))
    still = rendered(scenes())
    # A quarter of 32 pixels; the plain background is uniform.
    np.testing.assert_allclose(moved[:, :, 8:], still[:, :, :-8], atol=1)


def test_half_a_turn_is_upside_down():
    turned = rendered(scenes(angle=180))
    np.testing.assert_allclose(turned, rendered(scenes())[:, ::-1, ::-1], atol=2)


def test_a_larger_flower_covers_more():
    def covered(scale):
        images = rendered(scenes(scale=scale))
        return (np.abs(images - images[:, :1, :1]).max(3) > 10).mean()

    assert covered(0.6) < covered(1.0) < covered(1.3)


def test_a_background_of_strength_0_is_plain():
    corner = rendered(scenes(scale=0.5))[:, :5, :5]
    assert corner.max((0, 1, 2)).tolist() == corner.min((0, 1, 2)).tolist()
    assert rendered(scenes(scale=0.5, background=1))[:, :5, :5].std((0, 1, 2)).min() > 9


def test_blur_keeps_the_mean_and_differs_by_picture():
    group = scenes()
    sharp = rendered(group)
    sigma = np.array([0.0] + [1.5] * 9)
    blurred = rendered(dataclasses.replace(group, blur=sigma))
    np.testing.assert_array_equal(blurred[0], sharp[0])
    assert np.abs(blurred[1:] - sharp[1:]).mean((1, 2, 3)).min() > 0.5
    np.testing.assert_allclose(blurred.mean((1, 2)), sharp.mean((1, 2)), atol=4)


def test_noise_is_around_the_picture():
    change = rendered(scenes(noise=8)) - rendered(scenes())
    assert change.std() == pytest.approx(8, rel=0.05)
    assert abs(change.mean()) < 0.3
