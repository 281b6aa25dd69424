"""A diagnosis as a figure: where accuracy is lost, and the cost of each cause."""

from __future__ import annotations

import io
from typing import Any

from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.report.diagnosis import Diagnosis
from framework.numerics.intervals import Estimate


def draw(diagnosis: Diagnosis) -> bytes:
    """Returns a PNG: accuracies with their intervals, and the cost of each cause."""
    from matplotlib.figure import Figure

    costs = {
        f"{each.cause.name.replace('_', ' ')}\n({each.status}, {each.cost_kind})": (
            each.cost
        )
        for each in diagnosis.findings
        if each.cost is not None
    }
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_bars(left, _accuracies(diagnosis.measured.get(Accuracy)), "accuracy")
    _draw_bars(right, costs, "accuracy gained by the remedy, or shown too much")
    figure.suptitle(f"{diagnosis.plateau.verdict.replace('_', ' ')}")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def _accuracies(accuracy: Accuracy) -> dict[str, Estimate]:
    bars = {"training images,\nevaluation mode": accuracy.train_clean.accuracy}
    if accuracy.training_mode is not None:
        bars["training images,\ntraining mode"] = accuracy.training_mode
    if accuracy.train_dev is not None:
        bars["held out\nof training"] = accuracy.train_dev.accuracy
    return bars | {"validation": accuracy.validation.accuracy}


def _draw_bars(axes: Any, values: dict[str, Estimate], title: str) -> None:
    places = range(len(values))
    for place, each in zip(places, values.values(), strict=True):
        low, high = max(each.value - each.low, 0), max(each.high - each.value, 0)
        axes.barh(place, each.value, xerr=[[low], [high]], capsize=4, color="#4878a8")
    axes.set_yticks(list(places), list(values))
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_title(title)
    if not values:
        axes.text(0.5, 0.5, "nothing was tried", ha="center", transform=axes.transAxes)
