"""Plots of a run's history, with matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from framework.report.history import CURVES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from framework.report.history import History

# Inches.
_SIZE = (6.0, 3.2)


def plot(history: History, names: Sequence[str], axes: Axes | None = None) -> Axes:
    """Plots metrics over epochs; those that are missing are not.

    Args:
        history: The history.
        names: The metrics.
        axes: Where to plot; by default a new figure of `matplotlib.pyplot`.

    Returns:
        The axes.
    """
    if axes is None:
        # Imported here, because it takes a second.
        from matplotlib import pyplot

        axes = pyplot.subplots(figsize=_SIZE)[1]
    epochs = history["epoch"]
    x = history["step"] if np.isnan(epochs).all() else epochs
    for name in names:
        values = history[name]
        if not np.isnan(values).all():
            axes.plot(x, values, label=name, marker="." if len(x) < 40 else None)
    axes.set_xlabel("step" if x is not epochs else "epoch")
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    return axes


def svg(history: History) -> str:
    """Returns a plot of accuracy as an SVG element."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    plot(history, CURVES, figure.add_subplot())
    file = io.StringIO()
    # Without a date, equal histories have equal plots.
    figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]
