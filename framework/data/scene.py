"""Renders drawn flowers, their backgrounds and a simulated camera."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from framework.data import botany, flower

_FIELDS = ((5, 5), (14, 14), (3, 22))
_SPOTS = 2
# Random numbers per background: its tones, fields and spots.
GROUND_DRAWS = 2 + sum(rows * columns for rows, columns in _FIELDS) + 4 * _SPOTS

# A flower's radius as a fraction of half the image, before `scale`.
_RADIUS = 0.66
# Two tones each, far and near: meadow, dark leaves, dry grass, soil, sky, haze.
_TONES = np.array(
    [
        [(0.48, 0.62, 0.30), (0.24, 0.42, 0.15)],
        [(0.22, 0.36, 0.20), (0.10, 0.20, 0.10)],
        [(0.68, 0.64, 0.38), (0.42, 0.45, 0.20)],
        [(0.52, 0.42, 0.32), (0.30, 0.22, 0.15)],
        [(0.60, 0.76, 0.92), (0.36, 0.52, 0.30)],
        [(0.66, 0.70, 0.66), (0.38, 0.46, 0.38)],
    ],
    np.float32,
)
_SPOT_COLOURS = np.array(
    [
        (0.95, 0.80, 0.20),
        (0.94, 0.93, 0.90),
        (0.90, 0.50, 0.62),
        (0.80, 0.20, 0.20),
        (0.68, 0.55, 0.85),
        (0.30, 0.50, 0.20),
    ],
    np.float32,
)
# Standard deviation of the sum of two random bytes; its mean is 255.
_BYTES_SPREAD = np.sqrt((256**2 - 1) / 6)
# Smaller exponents would give denormal numbers, which are slow.
_MIN_EXPONENT = np.float32(-30)


@dataclasses.dataclass(frozen=True)
class Scenes:
    """The contents of n images, one row per image.

    Attributes:
        species: int32 [n], which of `flower.SPECIES`.
        form: float [n, flower.FORM_DRAWS] from 0 to 1, how the flower grew.
        ground: float [n, GROUND_DRAWS] from 0 to 1, the background.
        light: float [n], in stops; a stop doubles the values.
        temperature: float [n], stops of red above green and of blue below green.
        angle: float [n], in degrees.
        scale: float [n], 1 for the usual size.
        position: float [n, 2], right of and below the centre, as fractions of the size.
        background: float [n], from 0, one plain green, to 1, any tone and texture.
        blur: float [n], standard deviation in pixels.
        noise: float [n], standard deviation in levels of 255.
    """

    species: np.ndarray
    form: np.ndarray
    ground: np.ndarray
    light: np.ndarray
    temperature: np.ndarray
    angle: np.ndarray
    scale: np.ndarray
    position: np.ndarray
    background: np.ndarray
    blur: np.ndarray
    noise: np.ndarray

    def __len__(self) -> int:
        return len(self.species)

    def take(self, rows: np.ndarray | slice) -> Scenes:
        """Returns the scenes at the given rows."""
        fields = dataclasses.fields(self)
        return Scenes(*(getattr(self, field.name)[rows] for field in fields))


def render(scenes: Scenes, size: int, sensor: np.random.BitGenerator) -> np.ndarray:
    """Renders scenes as images.

    An image depends only on its own row and on its position in the sensor's stream, not
    on the other scenes.

    Args:
        scenes: The scenes.
        size: Height and width in pixels.
        sensor: Random number stream of the pixel noise.

    Returns:
        uint8 [n, size, size, 3].
    """
    images = np.empty((len(scenes), size, size, 3), np.uint8)
    # After freeing a large block, the C library reuses the many smaller blocks that
    # follow instead of requesting each from the system.
    np.empty(2**24, np.uint8)
    # About 2**19 pixels at once: fewer cost more calls, more do not fit the cache.
    count = max(1, 2**19 // size**2)
    for start in range(0, len(scenes), count):
        rows = slice(start, start + count)
        images[rows] = _render(scenes.take(rows), size, sensor)
    return images


def _render(scenes: Scenes, size: int, sensor: np.random.BitGenerator) -> np.ndarray:
    canvas = np.empty((3, len(scenes), size, size), np.float32)
    for number, species in enumerate(flower.SPECIES):
        rows = np.flatnonzero(scenes.species == number)
        if len(rows):
            group = scenes.take(rows)
            picture = _ground(group, size)
            flower.paint(species, picture, _view(group, size), group.form)
            canvas[:, rows] = _blurred(picture, group.blur)
    canvas *= _gains(scenes)
    canvas += _noise(scenes.noise, size, sensor)
    canvas += np.float32(0.5)
    np.clip(canvas, 0, 255, out=canvas)
    return canvas.astype(np.uint8).transpose(1, 2, 3, 0)


def _column(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)[:, None, None]


def _view(scenes: Scenes, size: int) -> botany.View:
    """Returns the pixels' coordinates relative to each flower."""
    places = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
    x = places - _column(2 * scenes.position[:, 0])
    y = places[:, None] - _column(2 * scenes.position[:, 1])
    radius = _column(_RADIUS * scenes.scale)
    angle = np.deg2rad(_column(scenes.angle))
    cos, sin = np.cos(angle) / radius, np.sin(angle) / radius
    return botany.View(x * cos + y * sin, y * cos - x * sin, (2 / size) / radius)


def _ground(scenes: Scenes, size: int) -> np.ndarray:
    """Draws the backgrounds, float32 [3, n, size, size].

    They have no sharp detail, so they are computed at half the resolution.
    """
    draws, strength = scenes.ground.astype(np.float32), _column(scenes.background)
    coarse, view = size // 2, _view(scenes, size // 2)
    fields, used = [], 2
    for rows, columns in _FIELDS:
        grid = draws[:, used : used + rows * columns].reshape(-1, rows, columns)
        used += rows * columns
        fields.append(_smooth(grid - np.float32(0.5), coarse))
    plain = _TONES[0].mean(0)[:, None, None, None]
    far, near = _TONES.transpose(1, 2, 0)[..., _index(draws[:, 0], _TONES)] - plain
    blend = np.clip(0.5 + 0.35 * view.y + 1.6 * fields[0], 0, 1)
    picture = plain + strength * (far + (near - far) * blend)
    bright = 0.5 * (_column(draws[:, 1]) - 0.5)
    picture *= 1 + strength * (bright + 0.35 * fields[1] + 0.45 * fields[2])
    for spot in draws[:, used:].reshape(-1, _SPOTS, 4).transpose(1, 2, 0):
        _add_spot(picture, spot, strength)
    return _smooth(picture, size)


def _index(draws: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Maps draws [n] from 0 to 1 to row indices of a table, int [n, 1, 1]."""
    return np.minimum((draws * len(table)).astype(int), len(table) - 1)[:, None, None]


def _add_spot(picture: np.ndarray, spot: np.ndarray, strength: np.ndarray) -> None:
    """Blends a blurred spot of colour, such as a distant flower, into images.

    Args:
        picture: float32 [3, n, size, size]; changed.
        spot: float32 [4, n] from 0 to 1: x, y, radius and colour.
        strength: float32 [n, 1, 1], the opacity.
    """
    places = np.linspace(0, 1, picture.shape[-1], dtype=np.float32)
    x, y, radius = (_column(values) for values in spot[:3])
    sharpness = 1 / (0.04 + 0.08 * radius)
    across = _bell((places - x) * sharpness)
    down = _bell((places[:, None] - y) * sharpness)
    colour = _SPOT_COLOURS.T[:, _index(spot[3], _SPOT_COLOURS)]
    picture += (0.7 * strength * down * across) * (colour - picture)


def _smooth(grid: np.ndarray, size: int) -> np.ndarray:
    """Upsamples grids [..., rows, columns] smoothly to [..., size, size]."""
    down, across = (_spread(size, count, 0.7) for count in grid.shape[-2:])
    return down @ grid @ np.ascontiguousarray(across.T)


@functools.cache
def _spread(size: int, count: int, sigma: float) -> np.ndarray:
    """Returns the weights of `count` points at each of `size` pixels, [size, count]."""
    places = np.linspace(0, count - 1, size, dtype=np.float32)
    weights = _bell((places[:, None] - np.arange(count)) / sigma)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _bell(distance: np.ndarray) -> np.ndarray:
    """Returns the unnormalised Gaussian of standard deviation 1."""
    return np.exp(np.maximum(-0.5 * distance * distance, _MIN_EXPONENT))


def _blurred(picture: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Blurs images [3, n, size, size], each with its own sigma [n]."""
    if not sigma.any():
        return picture
    places = np.arange(picture.shape[-1], dtype=np.float32)
    # Where sigma is 0, each pixel keeps its value; avoids a division by 0.
    width = np.maximum(_column(sigma), np.float32(0.05))
    weights = _bell((places - places[:, None]) / width)
    weights /= weights.sum(2, keepdims=True)
    return weights @ picture @ np.ascontiguousarray(weights.transpose(0, 2, 1))


def _gains(scenes: Scenes) -> np.ndarray:
    """Returns the gains of red, green and blue, float32 [3, n, 1, 1]."""
    warm = scenes.temperature * np.array([[1.0], [0.0], [-1.0]])
    gains = 255 * 2.0 ** (scenes.light + warm)
    return gains.astype(np.float32)[:, :, None, None]


def _noise(sd: np.ndarray, size: int, sensor: np.random.BitGenerator) -> np.ndarray:
    """Returns sensor noise, float32 [3, n, size, size].

    The sum of two bytes looks like a normal number, at a tenth of its cost.
    """
    values = 3 * size * size
    # An integer number of words per image, so that each image has words of its own.
    words = sensor.random_raw(len(sd) * -(-values // 4)).view(np.uint16)
    words = words.reshape(len(sd), -1)[:, :values].reshape(-1, 3, size, size)
    noise = ((words & 255) + (words >> 8)).astype(np.float32)
    noise -= np.float32(255)
    noise *= (sd / _BYTES_SPREAD).astype(np.float32)[:, None, None, None]
    return noise.swapaxes(0, 1)
