"""Tests of data.botany."""

import numpy as np
import pytest

from framework.data import botany

ONE = np.ones((1, 1, 1), np.float32)


def circle(radius, steps=720):
    """Returns a circle around the centre as a row of polar coordinates."""
    angle = np.linspace(-np.pi, np.pi, steps, endpoint=False, dtype=np.float32)
    angle = angle.reshape(1, 1, -1)
    return botany.Polar(np.full_like(angle, radius), angle, 0.01 * ONE)


def runs(covered):
    """Returns the number of separate covered arcs of a circle."""
    return np.count_nonzero(covered & ~np.roll(covered, 1))


@pytest.mark.parametrize("count", [5, 6, 13, 20])
@pytest.mark.parametrize("turn", [0.0, 0.37, 0.5])
def test_a_ring_has_its_petals(count, turn):
    ring = botany.Ring(count * ONE, ONE, 0.6 / count * ONE, 0.5, turn * ONE, 0.05)
    assert runs(botany.petals(circle(0.6), ring).alpha[0, 0] > 0.5) == count
    assert botany.petals(circle(1.01), ring).alpha.max() == 0


@pytest.mark.parametrize("count", [4, 5, 6])
def test_no_seam_behind_the_middle(count):
    ring = botany.Ring(count * ONE, ONE, 0.3 * ONE, 0.5, 0.1 * ONE, 0.1)
    for shape in (
        botany.petals(circle(0.5), ring),
        botany.whorl(circle(0.5), 0.8, count, 0.1 * ONE, 0.2 * ONE),
    ):
        # One petal is reached from both sides: at -pi, and just before pi.
        assert shape.odd[0, 0, 0] == pytest.approx(shape.odd[0, 0, -1], abs=1e-4)


def test_a_whorl_covers_its_middle():
    middle = botany.whorl(circle(0.5), 0.8, 5, ONE, 0.2 * ONE)
    assert middle.alpha.min() == 1
    assert botany.whorl(circle(1.0), 0.8, 5, ONE, 0.2 * ONE).alpha.max() == 0


def test_side_view_lies_between_its_ends():
    x, y = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-1, 1, 41))
    view = botany.View(
        x[None].astype(np.float32), y[None].astype(np.float32), 0.01 * ONE
    )
    blade = botany.Blade((0.0, 0.5), (0.0, -0.5), 0.0, 0.2, 0.5)
    alpha = botany.side_view(view, blade).alpha[0]
    covered_y, covered_x = y[alpha > 0], x[alpha > 0]
    assert covered_y.max() < 0.5
    assert covered_y.min() > -0.5
    assert 0.15 <= covered_x.max() <= 0.25
    np.testing.assert_allclose(alpha, alpha[:, ::-1], atol=1e-4)


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, 0.2), (0.5, 0.5), (1.0, 0.8)])
def test_over(alpha, expected):
    canvas = np.full((3, 1, 2, 2), 0.2)
    botany.over(canvas, np.full((1, 2, 2), alpha), np.full((3, 1, 2, 2), 0.8))
    np.testing.assert_allclose(canvas, expected)


def test_draws():
    draws = botany.Draws(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 0.999]]))
    assert draws.between(2, 4).ravel().tolist() == [2, 4]
    assert draws.whole(3, 5).ravel().tolist() == [3, 5]
    assert draws.between(0, 1).shape == (2, 1, 1)


def test_colours_are_of_the_palette():
    palette = [(0.2, 0.4, 0.6), (0.9, 0.5, 0.1)]
    colours = botany.Draws(np.array([[0.0] + [0.5] * 3, [1.0] * 4])).colour(palette)
    assert colours.shape == (3, 2, 1, 1)
    np.testing.assert_allclose(colours[:, 0, 0, 0], palette[0], atol=1e-6)
    np.testing.assert_allclose(colours[:, 1, 0, 0], np.add(palette[1], 0.05), atol=1e-6)
