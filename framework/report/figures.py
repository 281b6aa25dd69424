"""Figures of a run, as PNG files in memory.

Figures that every run draws do without matplotlib, which takes a second to import.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

# With more classes, the numbers in the cells would be unreadable.
_MAX_NUMBERED = 20
# Pixels: size of a matrix, margin for class names, and minimum size of a sample.
_SIDE, _MARGIN, _SAMPLE_SIDE = 400, 110, 64
# The maximum number of characters of a class name in the margin.
_MAX_NAME = 16
# Colours of cells with none and with all examples of a class.
_NONE, _ALL = np.array([247.0, 251.0, 255.0]), np.array([8.0, 48.0, 107.0])


def confusion(matrix: np.ndarray, class_names: Sequence[str]) -> bytes:
    """Draws a confusion matrix as PNG.

    Args:
        matrix: int [K, K]; rows are true classes, columns predicted classes.
        class_names: Names of the classes.
    """
    from PIL import Image, ImageDraw, ImageFont

    count = len(matrix)
    cell = min(max(_SIDE // count, 28), 56) if count <= _MAX_NUMBERED else 1
    margin = _MARGIN if count <= _MAX_NUMBERED else 24
    size = cell * count if cell > 1 else max(_SIDE, min(count, 3 * _SIDE))
    fractions = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    colors = np.round(_NONE + fractions[..., None] * (_ALL - _NONE)).astype(np.uint8)
    cells = Image.fromarray(colors).resize((size, size), Image.Resampling.NEAREST)
    picture = Image.new("RGB", (margin + size, margin + size), "white")
    picture.paste(cells, (margin, 0))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(11)
    if count <= _MAX_NUMBERED:
        for (row, column), number in np.ndenumerate(matrix):
            center = (margin + (column + 0.5) * cell, (row + 0.5) * cell)
            color = "white" if fractions[row, column] > 0.5 else "black"
            draw.text(center, str(number), color, font, anchor="mm")
        _draw_names(picture, class_names, cell)
    draw.text((margin, margin + size - 4), "predicted", "black", font, anchor="rb")
    draw.text((4, 4), "true", "black", font, anchor="lt")
    return _png(picture)


def _draw_names(picture: Image.Image, class_names: Sequence[str], cell: int) -> None:
    """Draws the class names left of the rows and below the columns."""
    from PIL import Image, ImageDraw, ImageFont

    font, length = ImageFont.load_default(11), _MARGIN - 12
    for index, name in enumerate(class_names):
        short = name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 3] + "..."
        mask = Image.new("L", (length, 14))
        ImageDraw.Draw(mask).text((length, 7), short, 255, font, anchor="rm")
        middle = round((index + 0.5) * cell) - 7
        picture.paste("black", (6, middle), mask)
        below = (_MARGIN + middle, cell * len(class_names) + 6)
        picture.paste("black", below, mask.rotate(90, expand=True))


def samples(rows: Sequence[np.ndarray]) -> bytes:
    """Draws rows of images as PNG: each row an image, then augmentations of it.

    Args:
        rows: The images of each row, float or uint8 [columns, height, width, C], of any
            range.
    """
    from PIL import Image

    low = min(float(row.min()) for row in rows)
    high = max(float(row.max()) for row in rows)
    height, width, channels = rows[0].shape[1:]
    factor = -(-_SAMPLE_SIDE // max(height, width))
    columns = max(len(row) for row in rows)
    grid = np.full((len(rows), height, columns, width, channels), 255, np.uint8)
    for line, row in zip(grid, rows, strict=True):
        scaled = (row - low) / max(high - low, 1e-9) * 255
        line[:, : len(row)] = np.moveaxis(np.round(scaled), 0, 1)
    grid = grid.reshape(len(rows) * height, columns * width, channels)
    picture = Image.fromarray(grid if channels == 3 else grid[..., 0]).convert("RGB")
    size = (picture.width * factor, picture.height * factor)
    return _png(picture.resize(size, Image.Resampling.NEAREST))


class Suggestion(Protocol):
    """Learning rates that a range test suggests; None where there is none."""

    @property
    def steepest(self) -> float | None:
        """The rate at which the loss falls most steeply."""
        ...

    @property
    def valley(self) -> float | None:
        """The rate of the valley rule."""
        ...


def range_test(
    rates: np.ndarray, losses: np.ndarray, smoothed: np.ndarray, suggestion: Suggestion
) -> bytes:
    """Draws the curve of a learning-rate range test as PNG.

    Args:
        rates: float [n], the learning rates.
        losses: float [n], the losses at these rates.
        smoothed: float [n], the moving average of the losses.
        suggestion: The suggested rates.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, losses, color="0.8", label="loss")
    axes.plot(rates, smoothed, label="smoothed")
    suggestions = {
        "steepest": (suggestion.steepest, "tab:red"),
        "valley": (suggestion.valley, "tab:green"),
    }
    for name, (rate, color) in suggestions.items():
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
