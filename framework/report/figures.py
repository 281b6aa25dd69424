"""Pictures of a run, as PNG files in memory."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

# Beyond so many classes the numbers in the cells could not be read.
_MAX_NUMBERED = 20


def confusion(matrix: np.ndarray, class_names: Sequence[str]) -> bytes:
    """Returns a confusion matrix as PNG.

    Args:
        matrix: int [K, K]; rows are true classes, columns predicted ones.
        class_names: What the classes are called.
    """
    # Takes a third of a second to import, and only a run's end needs it.
    from matplotlib.figure import Figure

    size = 2.5 + 0.35 * min(len(matrix), 40)
    # With fixed margins, for to fit them takes as long as to draw.
    figure = Figure(figsize=(size, size))
    axes = figure.add_axes((0.25, 0.25, 0.72, 0.72))
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="true")
    if len(matrix) <= _MAX_NUMBERED:
        ticks = range(len(matrix))
        axes.set_xticks(ticks, class_names, rotation=45, ha="right")
        axes.set_yticks(ticks, class_names)
        for (row, column), count in np.ndenumerate(matrix):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(
                column, row, count, ha="center", va="center", color=color, fontsize=8
            )
    return _png(figure)


def samples(rows: Sequence[np.ndarray]) -> bytes:
    """Returns images side by side as PNG: each row an image, then changes of it.

    Args:
        rows: Each float or uint8 [columns, height, width, C], of any range.
    """
    from matplotlib.figure import Figure

    count = max(len(row) for row in rows)
    figure = Figure(figsize=(1.2 * count, 1.2 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), count, squeeze=False)
    low = min(float(row.min()) for row in rows)
    high = max(float(row.max()) for row in rows)
    for places, row in zip(grid, rows, strict=True):
        for place, image in zip(places, row, strict=True):
            place.set_axis_off()
            shown = np.clip((image - low) / max(high - low, 1e-9), 0, 1)
            place.imshow(shown if shown.shape[2] == 3 else shown[..., 0], cmap="gray")
    return _png(figure)


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
    return _png(figure)


def _png(figure: object) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()
