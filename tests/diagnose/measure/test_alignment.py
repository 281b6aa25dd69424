"""Tests of framework/diagnose/measure/alignment.py."""

import numpy as np
import pytest

from framework.diagnose.measure.alignment import (
    Placement,
    aligned,
    averaging,
    correlation,
    details,
    turned,
)


def place(top=0.0, left=0.0, side=1.0, is_mirrored=False, angle=0.0):
    """Returns the placement of one pair."""
    numbers = [np.full(1, each, float) for each in (top, left, side)]
    return Placement(*numbers, np.full(1, is_mirrored), np.full(1, angle))


@pytest.fixture(scope="module")
def noise():
    """One image with details of all sizes."""
    generator = np.random.default_rng(0)
    return sum(
        np.kron(generator.normal(size=(size, size)), np.ones((64 // size, 64 // size)))
        for size in (4, 8, 16, 32)
    ).astype(np.float32)


def cut(image, top, left, side=32):
    return image[None, top : top + side, left : left + side]


def test_averages_of_unequal_intervals_sum_to_one():
    weights = averaging(0.1, 0.7, 9, 4)
    assert weights.sum(axis=1) == pytest.approx(np.ones(4))
    # The middles of the intervals, less half a pixel.
    middles = 9 * (0.1 + 0.15 * (np.arange(4) + 0.5)) - 0.5
    assert weights @ np.arange(9) == pytest.approx(middles, abs=0.1)


def test_details_have_neither_level_nor_slope(noise):
    slope = np.linspace(0, 9, 64, dtype=np.float32)[None, :, None]
    plain, sloped = (
        details(each)[:, 16:48, 16:48] for each in (noise[None], noise[None] + slope)
    )
    assert plain == pytest.approx(sloped, abs=1e-4)
    assert details(np.full((1, 8, 8), 5.0)) == pytest.approx(np.zeros((1, 8, 8)))


def test_correlation_by_placement(noise):
    image = cut(noise, 16, 16)
    assert correlation(image, image, place())[0] == pytest.approx(1)
    mirrored = image[:, :, ::-1]
    assert correlation(mirrored, image, place())[0] < 0.5
    assert correlation(mirrored, image, place(is_mirrored=True))[0] == pytest.approx(1)
    # Moved by four of 32 pixels.
    moved = place(top=4 / 32, left=-4 / 32)
    assert correlation(cut(noise, 20, 12), image, moved)[0] == pytest.approx(1)


def test_less_than_half_of_an_image_is_no_overlap(noise):
    image = cut(noise, 0, 0)
    assert correlation(image, image, place(top=0.6))[0] == -1
    assert correlation(image, image, place(top=0.4))[0] > -1


@pytest.mark.parametrize(("top", "left"), [(18, 16), (14, 17), (16, 19)])
def test_alignment_finds_a_small_shift(noise, top, left):
    image, moved = cut(noise, 16, 16), cut(noise, top, left)
    assert correlation(moved, image, place())[0] < 0.6
    assert aligned(moved, image, place())[0][0] > 0.9


def test_blank_images_correlate_with_nothing(noise):
    blank = np.zeros((1, 32, 32), np.float32)
    assert correlation(blank, cut(noise, 0, 0), place())[0] == 0


@pytest.mark.parametrize("quarters", [1, 2, -1])
def test_turns_about_the_centre(quarters):
    image = np.random.default_rng(0).normal(size=(1, 9, 9)).astype(np.float32)
    values, inside = turned(image, np.array([90.0 * quarters]))
    assert values[0] == pytest.approx(np.rot90(image[0], -quarters), abs=1e-5)
    assert inside.all()


def test_corners_that_come_from_outside_are_no_values(noise):
    _, inside = turned(cut(noise, 16, 16), np.array([45.0]))
    assert not inside[0, 0, 0]
    assert inside[0, 16, 16]
    assert 0.7 < inside.mean() < 0.9


@pytest.mark.parametrize("angle", [-14.0, -6.0, 9.0, 16.0])
def test_alignment_finds_a_small_turn(noise, angle):
    smooth = details(noise[None])
    other = turned(smooth, np.array([angle]))[0][:, 16:48, 16:48]
    image = smooth[:, 16:48, 16:48]
    assert aligned(other, image, place(), 0.08, 5)[0][0] < 0.7
    similarity, where = aligned(other, image, place(), 0.08, 5, turn=8.0)
    assert similarity[0] > 0.8
    assert where.angle[0] == pytest.approx(-angle, abs=2)
