"""What is wrong with single images of a data set: data.csv, and its summary."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

from framework.system import atomic
from framework.system.printable import printable

EXACT, NEAR = "exact duplicate", "near-duplicate"
UNREADABLE, ODD, LABEL = "unreadable file", "odd file", "doubtful label"
KINDS = (UNREADABLE, ODD, EXACT, NEAR, LABEL)
# Of each kind, in a summary.
_SHOWN = 6
_COLUMNS = (
    "kind",
    "split",
    "image",
    "label",
    "other_split",
    "other_image",
    "other_label",
    "is_across_splits",
    "labels_differ",
    "score",
    "note",
)


@dataclasses.dataclass(frozen=True)
class Place:
    """One image of a data set.

    Attributes:
        split: "train" or "validation".
        image: Its file, or its position in the split.
        label: The name of its class.
    """

    split: str
    image: str
    label: str

    def __str__(self) -> str:
        name = self.image if "/" in self.image else f"image {self.image}"
        return f"{self.split} {name} ({self.label})"


@dataclasses.dataclass(frozen=True)
class DataProblem:
    """One line of data.csv.

    Attributes:
        kind: One of `KINDS`.
        place: The image.
        other: The image that it duplicates; None for other kinds.
        score: Of duplicates the correlation of details, 1 if they are equal; of
            doubtful labels the probability of the label; None for other kinds.
        note: What is wrong, in words.
    """

    kind: str
    place: Place
    other: Place | None = None
    score: float | None = None
    note: str = ""

    @property
    def is_across(self) -> bool:
        """Whether both images are of different splits."""
        return self.other is not None and self.other.split != self.place.split

    @property
    def labels_differ(self) -> bool:
        """Whether both images have different labels."""
        return self.other is not None and self.other.label != self.place.label


def ordered(problems: Sequence[DataProblem]) -> tuple[DataProblem, ...]:
    """Returns problems by kind; conflicting labels first, then pairs across splits."""
    return tuple(
        sorted(
            problems,
            key=lambda each: (
                KINDS.index(each.kind),
                not each.labels_differ,
                not each.is_across,
                -(each.score or 0.0) if each.kind != LABEL else each.score,
            ),
        )
    )


def write(problems: Sequence[DataProblem], path: Path) -> None:
    """Writes problems as a CSV file in UTF-8, with a line of column names.

    Raises:
        OSError: It cannot be written.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    table.writerows(_row(each) for each in problems)
    atomic.write_text(path, text.getvalue())


def _row(problem: DataProblem) -> list[str]:
    other = problem.other or Place("", "", "")
    score = "" if problem.score is None else f"{problem.score:.4g}"
    is_pair = problem.other is not None
    return [
        problem.kind,
        problem.place.split,
        printable(problem.place.image),
        problem.place.label,
        other.split,
        printable(other.image),
        other.label,
        str(problem.is_across).lower() if is_pair else "",
        str(problem.labels_differ).lower() if is_pair else "",
        score,
        printable(problem.note),
    ]


def summary(problems: Sequence[DataProblem]) -> str:
    """Returns the number of problems of each kind, and the first ones; "" for none."""
    lines = []
    for kind in KINDS:
        some = [each for each in problems if each.kind == kind]
        if not some:
            continue
        count = f"{kind}s: {len(some):,}"
        if kind in (EXACT, NEAR):
            across = sum(each.is_across for each in some)
            differ = sum(each.labels_differ for each in some)
            both = sum(each.is_across and each.labels_differ for each in some)
            pairs = "pair" if len(some) == 1 else "pairs"
            count += (
                f" {pairs}, {across:,} across the splits, {differ:,} with different "
                f"labels ({both:,} of these across the splits)"
            )
        lines.append(count)
        lines += [f"  {_line(each)}" for each in some[:_SHOWN]]
        if len(some) > _SHOWN:
            lines.append(f"  and {len(some) - _SHOWN:,} more")
    return "".join(f"{printable(line)}\n" for line in lines)


def _line(problem: DataProblem) -> str:
    if problem.other is None:
        return f"{problem.place}: {problem.note}"
    relation = "=" if problem.kind == EXACT else "is like"
    note = f": {problem.note}" if problem.note else ""
    return f"{problem.place} {relation} {problem.other}{note}"
