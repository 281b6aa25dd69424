"""Pictures of a run, as PNG files in memory.

Those that every run draws are made without matplotlib, which takes a second to import.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

# Beyond so many classes the numbers in the cells could not be read.
_MAX_NUMBERED = 20
# In pixels: a matrix, what is left for the names of classes, and a sample at least.
_SIDE, _MARGIN, _SAMPLE_SIDE = 400, 110, 64
# Letters of a name that fit in there.
_LONGEST = 16
# The colours of cells with nothing and with all of a class.
_NONE, _ALL = np.array([247.0, 251.0, 255.0]), np.array([8.0, 48.0, 107.0])


def confusion(matrix: np.ndarray, class_names: Sequence[str]) -> bytes:
    """Returns a confusion matrix as PNG.

    Args:
        matrix: int [K, K]; rows are true classes, columns predicted ones.
        class_names: What the classes are called.
    """
    from PIL import Image, ImageDraw, ImageFont

    count = len(matrix)
    cell = min(max(_SIDE // count, 28), 56) if count <= _MAX_NUMBERED else 1
    margin = _MARGIN if count <= _MAX_NUMBERED else 24
    size = cell * count if cell > 1 else max(_SIDE, min(count, 3 * _SIDE))
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    colors = np.round(_NONE + shares[..., None] * (_ALL - _NONE)).astype(np.uint8)
    cells = Image.fromarray(colors).resize((size, size), Image.Resampling.NEAREST)
    picture = Image.new("RGB", (margin + size, margin + size), "white")
    picture.paste(cells, (margin, 0))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(11)
    if count <= _MAX_NUMBERED:
        for (row, column), number in np.ndenumerate(matrix):
            center = (margin + (column + 0.5) * cell, (row + 0.5) * cell)
            color = "white" if shares[row, column] > 0.5 else "black"
            draw.text(center, str(number), color, font, anchor="mm")
        _name(picture, class_names, cell)
    draw.text((margin, margin + size - 4), "predicted", "black", font, anchor="rb")
    draw.text((4, 4), "true", "black", font, anchor="lt")
    return _png(picture)


def _name(picture: Image.Image, class_names: Sequence[str], cell: int) -> None:
    """Writes the names of classes to the left of rows of cells, and below columns."""
    from PIL import Image, ImageDraw, ImageFont

    font, length = ImageFont.load_default(11), _MARGIN - 12
    for index, name in enumerate(class_names):
        short = name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..."
        written = Image.new("L", (length, 14))
        ImageDraw.Draw(written).text((length, 7), short, 255, font, anchor="rm")
        middle = round((index + 0.5) * cell) - 7
        picture.paste("black", (6, middle), written)
        below = (_MARGIN + middle, cell * len(class_names) + 6)
        picture.paste("black", below, written.rotate(90, expand=True))


def samples(rows: Sequence[np.ndarray]) -> bytes:
    """Returns images side by side as PNG: each row an image, then changes of it.

    Args:
        rows: Each float or uint8 [columns, height, width, C], of any range.
    """
    from PIL import Image

    low = min(float(row.min()) for row in rows)
    high = max(float(row.max()) for row in rows)
    height, width, channels = rows[0].shape[1:]
    larger = -(-_SAMPLE_SIDE // max(height, width))
    across = max(len(row) for row in rows)
    grid = np.full((len(rows), height, across, width, channels), 255, np.uint8)
    for place, row in zip(grid, rows, strict=True):
        shown = (row - low) / max(high - low, 1e-9) * 255
        place[:, : len(row)] = np.moveaxis(np.round(shown), 0, 1)
    grid = grid.reshape(len(rows) * height, across * width, channels)
    picture = Image.fromarray(grid if channels == 3 else grid[..., 0]).convert("RGB")
    size = (picture.width * larger, picture.height * larger)
    return _png(picture.resize(size, Image.Resampling.NEAREST))


def range_test(
    rates: np.ndarray, losses: np.ndarray, smoothed: np.ndarray, suggestion: object
) -> bytes:
    """Returns the curve of a learning-rate range test as PNG.

    Args:
        rates: float [n].
        losses: float [n], at these rates.
        smoothed: float [n], their moving average.
        suggestion: Has `steepest` and `valley`, rates or None.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, losses, color="0.8", label="loss")
    axes.plot(rates, smoothed, label="smoothed")
    for name, color in (("steepest", "tab:red"), ("valley", "tab:green")):
        rate = getattr(suggestion, name)
        if rate is not None:
            axes.axvline(rate, color=color, linestyle="--", label=f"{name} {rate:.2g}")
    top = 1.5 * float(smoothed[0]) + 1e-9
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(0, top))
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
