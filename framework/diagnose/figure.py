"""A diagnosis as a picture: where accuracy is lost, and what would bring it back."""

from __future__ import annotations

import io

from framework.diagnose.diagnosis import Diagnosis
from framework.numerics.intervals import Estimate

_ASKED = {
    "clean/accuracy": "training images,\nevaluation mode",
    "training_mode/accuracy": "training images,\ntraining mode",
    "dev/accuracy": "held out\nof training",
    "validation/accuracy": "validation",
}


def draw(diagnosis: Diagnosis) -> bytes:
    """Returns a PNG: accuracies with their intervals, and what each cause costs."""
    from matplotlib.figure import Figure

    bars = {
        label: diagnosis.measures[name]
        for name, label in _ASKED.items()
        if name in diagnosis.measures
    }
    costs = {
        f"{each.cause.replace('_', ' ')}\n({each.status})": each.cost
        for each in diagnosis.findings
        if each.cost is not None
    }
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _bars(left, bars, "accuracy")
    _bars(right, costs, "accuracy gained once mended")
    figure.suptitle(f"{diagnosis.gate.verdict.replace('_', ' ')}")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def _bars(axes, values: dict[str, Estimate], title: str) -> None:
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
