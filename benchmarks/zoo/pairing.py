"""Measures what shared random numbers are worth: arms of proofs, seed by seed.

    python -m benchmarks.zoo.pairing
    python -m benchmarks.zoo.pairing runs/zoo/remedy repair

Reads the finished proofs below a folder, by default runs/zoo/remedy, which
`benchmarks.zoo.remedy` has left, and trains nothing. Kinds of jobs may follow. The
remedy and the unchanged program have the same seeds: initial weights as far as their
shapes agree, order, augmentation and dropout. Where the metric of both rises and falls
together over the seeds, the error of their difference is smaller than that of two
independent samples. Prints, for each remedy, the correlation over the seeds, and the
paired standard error and interval as parts of the unpaired ones; then the same within
all cases together.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from absl import app

from framework.numerics.intervals import Estimate

_FOLDER = "runs/zoo/remedy"
_LEVEL = 0.05


@dataclasses.dataclass(frozen=True, eq=False)
class Arms:
    """The metric of a remedy and of the unchanged program.

    Attributes:
        name: Of the case, the job and the cause.
        remedied: By seed, float64 [S].
        unchanged: Of the same seeds, float64 [S].
    """

    name: str
    remedied: np.ndarray
    unchanged: np.ndarray

    def __len__(self) -> int:
        return len(self.remedied)

    @property
    def squares(self) -> tuple[float, float, float, float]:
        """The sums of squares within: remedied, unchanged, product, difference."""
        first = self.remedied - self.remedied.mean()
        second = self.unchanged - self.unchanged.mean()
        apart = first - second
        return (
            float(first @ first),
            float(second @ second),
            float(first @ second),
            float(apart @ apart),
        )


def main(arguments: Sequence[str]) -> None:
    """Prints the table of all proofs."""
    folder = Path(arguments[1] if len(arguments) > 1 else _FOLDER)
    print(page(list(proofs(folder, arguments[2:]))))


def proofs(folder: Path, kinds: Sequence[str] = ()) -> Iterator[Arms]:
    """Yields the arms of each remedy of finished proofs.

    Args:
        folder: Of the runs: CASE/KIND/diagnosis/proof.
        kinds: Of jobs; all if empty.
    """
    for path in sorted(folder.glob("*/*/diagnosis/proof/proof.json")):
        case, kind = path.parts[-5:-3]
        if kinds and kind not in kinds:
            continue
        plan = json.loads((path.parent / "plan.json").read_text())
        controls = {each["cause"]: each for each in plan["comparisons"]}
        for remedy in json.loads(path.read_text())["remedies"]:
            comparison = controls[remedy["cause"]]
            values: dict[str, dict[int, float]] = {}
            for arm in remedy["arms"]:
                values.setdefault(arm["name"], {})[arm["seed"]] = arm["value"]
            first = values.get(comparison["remedy"], {})
            second = values.get(comparison["unchanged"], {})
            seeds = sorted(first.keys() & second.keys())
            if len(seeds) > 1:
                yield Arms(
                    f"{case} {kind}: {remedy['cause']}",
                    np.array([first[seed] for seed in seeds]),
                    np.array([second[seed] for seed in seeds]),
                )


def correlation(arms: Sequence[Arms]) -> Estimate | None:
    """Returns the correlation within cases, pooled; its interval is by Fisher's z.

    >>> one = Arms("a", np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.7, 0.6]))
    >>> round(correlation([one]).value, 3)
    0.5

    Args:
        arms: One or more; the mean of each is subtracted.

    Returns:
        None where an arm does not vary. Of three seeds, the interval is from -1 to 1.
    """
    first, second, product, _ = np.sum([each.squares for each in arms], axis=0)
    if not first * second:
        return None
    value = float(np.clip(product / math.sqrt(first * second), -1, 1))
    freedom = sum(len(each) - 1 for each in arms) - 2
    if freedom <= 0 or abs(value) == 1:
        return Estimate(value, -1.0, 1.0)
    from scipy import stats

    margin = float(stats.norm.ppf(1 - _LEVEL / 2)) / math.sqrt(freedom)
    z = math.atanh(value)
    return Estimate(value, math.tanh(z - margin), math.tanh(z + margin))


def error_ratio(arms: Sequence[Arms]) -> float | None:
    """Returns the paired standard error as a part of the unpaired one, pooled.

    >>> one = Arms("a", np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.7, 0.6]))
    >>> round(error_ratio([one]), 3)
    0.707

    Args:
        arms: One or more.

    Returns:
        1 for independent arms, 0 for ones that differ by a constant; None where neither
        varies.
    """
    first, second, _, apart = np.sum([each.squares for each in arms], axis=0)
    return math.sqrt(apart / (first + second)) if first + second else None


def interval_ratio(arms: Arms) -> float | None:
    """Returns the paired t interval as a part of the unpaired one.

    The unpaired one has twice the degrees of freedom, which costs pairing something.

    Args:
        arms: The arms.
    """
    from scipy import stats

    ratio, pairs = error_ratio([arms]), len(arms) - 1
    if ratio is None:
        return None
    paired, unpaired = (
        float(stats.t.ppf(1 - _LEVEL / 2, freedom)) for freedom in (pairs, 2 * pairs)
    )
    return ratio * paired / unpaired


def page(arms: Sequence[Arms]) -> str:
    """Returns the table as Markdown."""
    if not arms:
        return "no finished proof with two seeds or more"
    rows = [
        "| remedy | seeds | correlation | paired standard error | paired interval |",
        "|---|---|---|---|---|",
    ]
    for each in arms:
        cells = (
            each.name,
            str(len(each)),
            _shown(correlation([each])),
            _times(error_ratio([each])),
            _times(interval_ratio(each)),
        )
        rows.append(f"| {' | '.join(cells)} |")
    ratios = [ratio for each in arms if (ratio := interval_ratio(each)) is not None]
    varying = [each for each in arms if all(each.squares[:2])]
    rows += [
        "",
        f"within all {len(varying)} remedies whose arms vary: correlation "
        f"{_shown(correlation(varying) if varying else None)}; paired standard error "
        f"{_times(error_ratio(varying) if varying else None)} the unpaired one",
        f"median paired interval: {_times(_median(ratios))} the unpaired one",
    ]
    return "\n".join(rows)


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _shown(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return f"{estimate.value:+.2f} ({estimate.low:+.2f} to {estimate.high:+.2f})"


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f} x"


if __name__ == "__main__":
    app.run(main)
