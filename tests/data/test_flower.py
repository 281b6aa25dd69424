"""Tests of data.flower."""

import numpy as np
import pytest

from framework.data import botany, flower

# The plain grey that the flowers are painted on.
GREY = np.float32(0.5)


def view(count, size=32):
    places = np.linspace(-1.5, 1.5, size, dtype=np.float32)
    x, y = np.meshgrid(places, places)
    shape = (count, size, size)
    pixel = np.full((count, 1, 1), 3 / size, np.float32)
    return botany.View(np.broadcast_to(x, shape), np.broadcast_to(y, shape), pixel)


def painted(species, form):
    canvas = np.full((3, len(form), 32, 32), GREY)
    flower.paint(species, canvas, view(len(form)), form)
    return canvas


@pytest.mark.parametrize("species", flower.SPECIES)
@pytest.mark.parametrize("corner", [0.0, 1.0, None])
def test_it_paints_finite_colours_in_the_middle(species, corner):
    form = np.random.default_rng(0).random((20, flower.FORM_DRAWS))
    if corner is not None:
        form[:] = corner
    canvas = painted(species, form)
    assert canvas.dtype == np.float32
    assert np.isfinite(canvas).all()
    assert -0.1 < canvas.min() < canvas.max() < 1.7
    assert np.abs(canvas[:, :, 14:18, 14:18] - GREY).max(0).mean() > 0.1
    # The flower does not reach the upper corners.
    np.testing.assert_array_equal(canvas[:, :, 0, 0], GREY)


@pytest.mark.parametrize("species", flower.SPECIES)
def test_a_flower_does_not_depend_on_its_neighbours(species):
    form = np.random.default_rng(0).random((7, flower.FORM_DRAWS))
    together = painted(species, form)
    for row in range(7):
        alone = painted(species, form[row : row + 1])
        np.testing.assert_array_equal(together[:, row], alone[:, 0])


def test_species_differ():
    form = np.random.default_rng(0).random((20, flower.FORM_DRAWS))
    means = [painted(species, form).mean(1) for species in flower.SPECIES]
    for first in range(5):
        for second in range(first):
            assert np.abs(means[first] - means[second]).mean() > 0.01


def test_the_hungriest_flower_takes_all_draws():
    form = np.full((1, flower.FORM_DRAWS - 1), 0.5)
    with pytest.raises(StopIteration):
        painted("tulip", form)
