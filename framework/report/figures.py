"""Figures of a run, as PNG files in memory.

Figures that every run draws do without matplotlib, which takes a second to import.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from PIL import Image, ImageFont

# With more classes, the numbers in the cells would be unreadable.
_MAX_NUMBERED = 20
# Pixels: size of a matrix, and minimum size of a sample.
_SIDE, _SAMPLE_SIDE = 400, 64
# Of captioned images: pixels, columns, and height of the letters. TensorBoard's cards
# show two thirds of the pixels.
_CELL, _COLUMNS, _LETTER = 130, 4, 15
# Pixels between samples.
_GAP = 1
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
    is_numbered = count <= _MAX_NUMBERED
    cell = min(max(_SIDE // count, 28), 56) if is_numbered else 1
    # TensorBoard's cards show half the pixels.
    height = max(11, 2 * cell // 5)
    font = ImageFont.load_default(height)
    margin = 24
    if is_numbered:
        widest = max(round(font.getlength(_short(name))) for name in class_names)
        margin = max(widest + 12, 2 * height)
    size = cell * count if cell > 1 else max(_SIDE, min(count, 3 * _SIDE))
    fractions = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    colors = np.round(_NONE + fractions[..., None] * (_ALL - _NONE)).astype(np.uint8)
    cells = Image.fromarray(colors).resize((size, size), Image.Resampling.NEAREST)
    line = 3 * height // 2
    picture = Image.new("RGB", (margin + size, 2 * line + margin + size), "white")
    picture.paste(cells, (margin, line))
    draw = ImageDraw.Draw(picture)
    if is_numbered:
        for (row, column), number in np.ndenumerate(matrix):
            center = (margin + (column + 0.5) * cell, line + (row + 0.5) * cell)
            color = "white" if fractions[row, column] > 0.5 else "black"
            draw.text(center, str(number), color, font, anchor="mm")
        for index, name in enumerate(class_names):
            middle = round((index + 0.5) * cell)
            where = (margin - 6, line + middle)
            draw.text(where, _short(name), "black", font, anchor="rm")
            below = Image.new("L", (margin, line))
            end = (margin - 6, line // 2)
            ImageDraw.Draw(below).text(end, _short(name), 255, font, anchor="rm")
            place = (margin + middle - line // 2, line + size)
            picture.paste("black", place, below.rotate(90, expand=True))
    draw.text((4, line // 2), "true", "black", font, anchor="lm")
    bottom = (margin + size // 2, picture.height - line // 2)
    draw.text(bottom, "predicted", "black", font, anchor="mm")
    return _png(picture)


def _short(name: str) -> str:
    """Returns a class name that fits into the margin."""
    return name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 3] + "..."


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
    # The original stands apart from what is made of it.
    cell = height + _GAP, width + _GAP
    shape = len(rows), cell[0], columns + 1, cell[1], channels
    grid = np.full(shape, 255, np.uint8)
    for line, row in zip(grid, rows, strict=True):
        scaled = (row - low) / max(high - low, 1e-9) * 255
        images = np.moveaxis(np.round(scaled), 0, 1)
        line[:height, 0, :width] = images[:, 0]
        line[:height, 2 : len(row) + 1, :width] = images[:, 1:]
    grid = grid.reshape(len(rows) * cell[0], (columns + 1) * cell[1], channels)
    picture = Image.fromarray(grid if channels == 3 else grid[..., 0]).convert("RGB")
    size = (picture.width * factor, picture.height * factor)
    return _png(picture.resize(size, Image.Resampling.NEAREST))


def captioned(images: np.ndarray, captions: Sequence[str]) -> bytes:
    """Draws images with a caption of a few lines below each as PNG, four in a row.

    Args:
        images: float or uint8 [n, height, width, C], of any range.
        captions: The caption of each. A line that is wider than an image is shortened:
            the first, such as the name of a file, at its beginning; the others in the
            middle.
    """
    from PIL import Image, ImageDraw, ImageFont

    low, high = float(images.min()), float(images.max())
    scaled = np.round((images - low) / max(high - low, 1e-9) * 255).astype(np.uint8)
    height, width, channels = images.shape[1:]
    factor = _CELL / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    columns, line = min(_COLUMNS, len(images)), _LETTER + 3
    lines = max(caption.count("\n") + 1 for caption in captions)
    cell = _CELL + 8, size[1] + line * lines + 10
    rows = -(-len(images) // columns)
    picture = Image.new("RGB", (columns * cell[0], rows * cell[1]), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(_LETTER)
    for index, (image, caption) in enumerate(zip(scaled, captions, strict=True)):
        x, y = index % columns * cell[0] + 4, index // columns * cell[1] + 4
        tile = Image.fromarray(image if channels == 3 else image[..., 0]).convert("RGB")
        picture.paste(tile.resize(size, Image.Resampling.NEAREST), (x, y))
        for number, text in enumerate(caption.split("\n")):
            # The end of a file's name says more than its beginning.
            short = _fitting(text, font, _CELL, head=0.5 if number else 0.0)
            draw.text((x, y + size[1] + 2 + number * line), short, "black", font)
    return _png(picture)


def _fitting(
    text: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    width: float,
    head: float,
) -> str:
    """Returns a text that is no wider than a number of pixels.

    Args:
        text: The text.
        font: The font that it is drawn with.
        width: Its maximum width in pixels.
        head: The fraction of the characters that stay before the dots.
    """
    if font.getlength(text) <= width:
        return text
    # No character is narrower than two pixels.
    for kept in reversed(range(min(len(text), int(width) // 2))):
        begin = round(kept * head)
        short = f"{text[:begin]}...{text[len(text) - kept + begin :]}"
        if font.getlength(short) <= width:
            return short
    return ""


def reliability(correct: np.ndarray, confidence: np.ndarray, bins: int = 10) -> bytes:
    """Draws a reliability diagram as PNG: accuracy over confidence, in bins.

    On the diagonal, predictions are as often right as they are confident. Below it they
    are too confident. Numbers count the images of each bin.

    Args:
        correct: bool [N].
        confidence: float [N], from 0 to 1.
        bins: The number of bins.
    """
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (_SIDE + 90, _SIDE + 80), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(16)
    left, bottom = 60, _SIDE + 22
    place = np.clip((np.nan_to_num(confidence) * bins).astype(int), 0, bins - 1)
    for each in range(bins):
        inside = place == each
        if not inside.any():
            continue
        x, width = left + each * _SIDE / bins, _SIDE / bins
        top = bottom - _SIDE * float(correct[inside].mean())
        draw.rectangle(
            (x + 1, top, x + width - 1, bottom), fill=tuple(_ALL.astype(int))
        )
        draw.text((x + width / 2, top - 11), f"{inside.sum():,}", "black", font, "mm")
    draw.line((left, bottom, left + _SIDE, bottom - _SIDE), "gray", 2)
    draw.rectangle((left, bottom - _SIDE, left + _SIDE, bottom), outline="black")
    for tick in (0, 0.5, 1):
        x, y = left + _SIDE * tick, bottom - _SIDE * tick
        draw.text((x, bottom + 14), f"{tick:.0%}", "black", font, anchor="mm")
        draw.text((left - 6, y), f"{tick:.0%}", "black", font, anchor="rm")
    middle = left + _SIDE / 2
    draw.text((middle, bottom + 36), "confidence", "black", font, anchor="mm")
    draw.text((left + 6, 34), "share that is right", "black", font, anchor="lm")
    return _png(picture)


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
