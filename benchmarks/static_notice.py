"""Counts how often the notice of a static accuracy comes too early.

    python -m benchmarks.static_notice runs

Replays the notice on metrics.jsonl and data.json of all runs in a folder, and inside of
these, such as trials. A notice comes too early if validation accuracy rises afterwards
by more than the validation images can resolve. Runs of fewer than 12 evaluations are
left out, and so are runs that repeat another one.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from absl import app

from framework.errors import RunError
from framework.numerics.intervals import detectable, proportion
from framework.report.history import History
from framework.report.static import is_static

_SHORTEST = 12


@dataclasses.dataclass(frozen=True)
class Replay:
    """The notice of a run.

    Attributes:
        at: The number of evaluations before it; None if it does not come.
        rise: How much accuracy rose afterwards, above its best until then.
        resolution: The smallest difference that the images can show.
        delay: Evaluations since the one after which accuracy rose by less than half of
            that: negative if the notice comes before.
    """

    at: int | None
    rise: float
    resolution: float
    delay: int

    @property
    def is_too_early(self) -> bool:
        """Whether accuracy rose afterwards by more than the images can resolve."""
        return self.at is not None and self.rise > self.resolution


def replay(accuracies: Sequence[float], losses: Sequence[float], images: int) -> Replay:
    """Replays the notice of a run.

    >>> replay([0.1, 0.4, 0.5, *[0.6] * 12], [1.0] * 15, 1000).at
    9

    Args:
        accuracies: The validation accuracy of each evaluation.
        losses: The validation loss of each.
        images: The number of validation images.
    """
    best = np.maximum.accumulate(accuracies)
    resolution = detectable(accuracies[-1], images)
    start = int(np.argmax(best >= best[-1] - resolution / 2)) + 1
    for count in range(1, len(accuracies) + 1):
        if is_static(accuracies[:count], images, losses[:count]):
            rise = float(best[-1] - best[count - 1])
            return Replay(count, rise, resolution, count - start)
    return Replay(None, 0.0, resolution, 0)


def replays(folders: Iterable[Path]) -> Iterator[Replay]:
    """Yields the replay of each run in folders that is long enough and no copy."""
    seen = set()
    for path in sorted(path for folder in folders for path in _histories(folder)):
        try:
            history = History(path)
            data = json.loads(path.with_name("data.json").read_bytes())
            images = data["splits"]["validation"]["images"]
        except (OSError, RunError, ValueError, KeyError):
            continue
        accuracies = history["validation/accuracy"].tolist()
        if len(accuracies) < _SHORTEST or tuple(accuracies) in seen:
            continue
        seen.add(tuple(accuracies))
        yield replay(accuracies, history["validation/loss"].tolist(), images)


def _histories(folder: Path) -> Iterator[Path]:
    return folder.rglob("metrics.jsonl")


def page(results: Sequence[Replay]) -> str:
    """Returns the counts as text."""
    given = [each for each in results if each.at is not None]
    if not given:
        return f"{len(results)} runs, no notice"
    early = proportion(sum(each.is_too_early for each in given), len(given))
    low, middle, high = np.percentile([each.delay for each in given], [10, 50, 90])
    return (
        f"{len(results)} runs, {len(given)} notices\n"
        f"too early: {early.value:.1%} (95 % interval {early.low:.1%} to "
        f"{early.high:.1%})\n"
        f"evaluations after accuracy had become static: median {middle:.0f}, 80 % of "
        f"notices from {low:.0f} to {high:.0f}"
    )


def main(arguments: Sequence[str]) -> None:
    """Prints the counts."""
    if len(arguments) < 2:
        raise app.UsageError(
            "give folders with runs, as in benchmarks.static_notice runs"
        )
    print(page(list(replays(map(Path, arguments[1:])))))


if __name__ == "__main__":
    app.run(main)
