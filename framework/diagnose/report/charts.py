"""Geometry of the charts of the page: the curve, and intervals as bars.

Templates draw them as inline SVG. Each line has its own dashes and marker, so that it
can be told from the others without colours.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from framework.numerics.intervals import Estimate
from framework.report.history import Row
from framework.report.static import is_static, window

# The accuracies of a row: title, dashes and marker of their lines.
_LINES: Mapping[str, tuple[str, str, str]] = {
    "validation": ("validation", "", "circle"),
    "train_clean": ("training images, evaluation mode", "7 4", "square"),
    "train": ("training, as trained", "2 4", "triangle"),
    "train_dev": ("held out of training", "10 4 2 4", "diamond"),
    "test": ("test", "1 3", "cross"),
}
_MARKERS: Mapping[str, str] = {
    "circle": "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",
    "square": "m-3 -3h6v6h-6z",
    "triangle": "m0 -4l4 7h-8z",
    "diamond": "m0 -4.5l4 4.5l-4 4.5l-4 -4.5z",
    "cross": "m-4 -1h3v-3h2v3h3v2h-3v3h-2v-3h-3z",
}
# More markers would hide the line.
_MOST_MARKERS = 24
# Pixels around the plot: left, right, top, bottom.
_MARGINS = (46, 14, 22, 40)
# Of a bar, with room for the end of its line.
_BAR_WIDTH, _BAR_EDGE = 132.0, 5.0


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a curve.

    Attributes:
        key: The prefix of its metric.
        title: What it is measured on.
        dashes: Its `stroke-dasharray`; "" if it is solid.
        path: Its SVG path; "" if there is only one point.
        markers: The SVG paths of its markers.
        sample: The path of one marker at (14, 7), for a legend.
        first: The first accuracy, from 0 to 1.
        last: The last accuracy.
        best: The highest accuracy.
        best_epoch: The first epoch that has it.
    """

    key: str
    title: str
    dashes: str
    path: str
    markers: tuple[str, ...]
    sample: str
    first: float
    last: float
    best: float
    best_epoch: float


@dataclasses.dataclass(frozen=True)
class Curve:
    """Accuracy by epoch, as coordinates in pixels.

    Attributes:
        name: Distinguishes the identifiers of several charts.
        width: Of the chart, like `height`.
        height: See `width`.
        left: Where the plot begins, like `right`, `top` and `bottom`.
        right: See `left`.
        top: See `left`.
        bottom: See `left`.
        x_ticks: Positions and texts.
        y_ticks: Positions and texts.
        lines: Validation first.
        static_at: Where accuracy became static; None if it did not.
    """

    name: str
    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...]
    static_at: float | None


@dataclasses.dataclass(frozen=True)
class Bar:
    """An estimate and its interval on a common scale, as positions in pixels.

    Attributes:
        width: Of the bar.
        zero: The position of 0.
        low: That of the lower bound.
        value: That of the estimate.
        high: That of the upper bound.
    """

    width: float
    zero: float
    low: float
    value: float
    high: float


def static_since(rows: Sequence[Row], images: int, window_length: int) -> float | None:
    """Returns the epoch from which validation accuracy has been static.

    >>> curve = [0.1, 0.2, 0.3, 0.4, *[0.5] * 16]
    >>> rows = [
    ...     {"epoch": epoch, "validation/accuracy": accuracy}
    ...     for epoch, accuracy in enumerate(curve)
    ... ]
    >>> static_since(rows, 1000, 5)
    5

    Args:
        rows: Those of metrics.jsonl, of a curve that is static at its end.
        images: The number of validation images.
        window_length: The number of evaluations to fall back on, if the curve is too
            short for the notice of `framework.report.static`.
    """
    curve = [row for row in rows if _is_finite(row.get("validation/accuracy"))]
    if len(curve) < 2:
        return None
    accuracies = [row["validation/accuracy"] for row in curve]
    count = len(curve)
    while count and is_static(accuracies[:count], images):
        count -= 1
    first = len(curve) - min(window_length, len(curve))
    if count < len(curve):
        first = count + 1 - window(count + 1)
    return curve[max(first, 0)]["epoch"]


def curve(
    rows: Sequence[Row], since: float | None, size: tuple[int, int], name: str
) -> Curve | None:
    """Returns the chart of all accuracies; None if there is none.

    Args:
        rows: Those of metrics.jsonl.
        since: From `static_since`.
        size: Width and height in pixels.
        name: Distinguishes it from other charts of the page.
    """
    points = {key: _points(rows, key) for key in _LINES}
    points = {key: each for key, each in points.items() if each}
    if not points:
        return None
    left, right, top, bottom = _MARGINS
    right, bottom = size[0] - right, size[1] - bottom
    epochs = [x for each in points.values() for x, _ in each]
    values = [y for each in points.values() for _, y in each]
    x_ticks = _ticks(min(0.0, *epochs), max(epochs), max((right - left) // 90, 2))
    y_ticks = _ticks(min(values), max(values), 5)
    # The last tick must not lie behind the last epoch; the lowest and the highest value
    # lie between two ticks.
    x_scale = _Scale(x_ticks[0], max(epochs), left, right)
    y_scale = _Scale(y_ticks[0], y_ticks[-1], bottom, top)
    return Curve(
        name=name,
        width=size[0],
        height=size[1],
        left=left,
        right=right,
        top=top,
        bottom=bottom,
        x_ticks=tuple(
            (x_scale(each), f"{each:g}") for each in x_ticks if each <= max(epochs)
        ),
        y_ticks=tuple((y_scale(each), f"{100 * each:.3g}%") for each in y_ticks),
        lines=tuple(_line(key, each, x_scale, y_scale) for key, each in points.items()),
        static_at=None if since is None else x_scale(since),
    )


@dataclasses.dataclass(frozen=True)
class _Scale:
    """Maps values to pixels, linearly."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low or 1.0
        place = self.start + (value - self.low) / span * (self.end - self.start)
        return round(place, 1)


def _line(
    key: str, points: Sequence[tuple[float, float]], x_scale: _Scale, y_scale: _Scale
) -> Line:
    title, dashes, marker = _LINES[key]
    places = [(x_scale(x), y_scale(y)) for x, y in points]
    # From the end, so that the last one is marked.
    step = -(-len(places) // _MOST_MARKERS)
    best_epoch, best = max(points, key=lambda each: each[1])
    joined = " L".join(f"{x:g} {y:g}" for x, y in places)
    return Line(
        key=key,
        title=title,
        dashes=dashes,
        path=f"M{joined}" if len(places) > 1 else "",
        markers=tuple(f"M{x:g} {y:g}{_MARKERS[marker]}" for x, y in places[::-step]),
        sample=f"M14 7{_MARKERS[marker]}",
        first=points[0][1],
        last=points[-1][1],
        best=best,
        best_epoch=best_epoch,
    )


def bars(estimates: Sequence[Estimate | None]) -> list[Bar | None]:
    """Returns bars on a common scale that holds 0; None for what is not finite.

    >>> [each.zero for each in bars([Estimate(0.1, 0.0, 0.2)])]
    [5.0]
    """
    finite = [each for each in estimates if each is not None and _has_interval(each)]
    low = min([0.0, *(each.low for each in finite)])
    high = max([0.0, *(each.high for each in finite)])
    scale = _Scale(low, high, _BAR_EDGE, _BAR_WIDTH - _BAR_EDGE)
    return [
        None
        if each is None or not _has_interval(each)
        else Bar(
            _BAR_WIDTH, scale(0.0), scale(each.low), scale(each.value), scale(each.high)
        )
        for each in estimates
    ]


def _has_interval(estimate: Estimate) -> bool:
    return all(map(_is_finite, dataclasses.astuple(estimate)))


def _points(rows: Sequence[Row], key: str) -> list[tuple[float, float]]:
    name = f"{key}/accuracy"
    return [
        (float(row["epoch"]), float(row[name]))
        for row in rows
        if _is_finite(row.get("epoch")) and _is_finite(row.get(name))
    ]


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _ticks(low: float, high: float, count: int) -> list[float]:
    """Returns about `count` round numbers, of which the ends enclose an interval.

    >>> _ticks(0.0, 15.0, 7), _ticks(0.42, 0.58, 4)
    ([0.0, 5.0, 10.0, 15.0], [0.4, 0.45, 0.5, 0.55, 0.6])
    """
    span = high - low or 0.01
    power = 10.0 ** math.floor(math.log10(span / count))
    factor = next(each for each in (1, 2, 5, 10) if each * power * count >= span)
    step = factor * power
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [
        float(f"{each * step:.6g}") for each in range(first, max(last, first + 1) + 1)
    ]
