"""Counts inputs and failures; shows progress, and one table at the end."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

_LISTED = 300
_EVERY = 2.0


@dataclasses.dataclass
class Tally:
    """Counts of one kind of input.

    Attributes:
        kind: Its name.
        tried: How many inputs, kills, flips or numbers.
        mishandled: Name and problem of each that was mishandled.
    """

    kind: str
    tried: int = 0
    mishandled: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def add(self, name: str, problem: str | None) -> None:
        """Counts one input.

        Args:
            name: What was tried.
            problem: What went wrong; None if nothing did.
        """
        self.tried += 1
        if problem:
            self.mishandled.append((name, problem))

    def details(self) -> str:
        """Returns a line for each failure, sorted by problem."""
        counts = collections.Counter(problem for _, problem in self.mishandled)
        lines = []
        for problem, count in counts.most_common():
            lines.append(f"{self.kind}: {count} x {problem}")
            names = [name for name, other in self.mishandled if other == problem]
            lines += [f"    {name[:_LISTED]}" for name in names]
        return "\n".join(lines)


class Progress:
    """A progress line on stderr: number done, speed and remaining time.

    Args:
        kind: What is tried.
        total: How many.
    """

    def __init__(self, kind: str, total: int):
        self._kind, self._total = kind, total
        self._begun = self._shown = time.monotonic()
        self._live = sys.stderr.isatty()

    def show(self, tally: Tally) -> None:
        """Prints the line, at most every two seconds, or every twenty in a file."""
        now = time.monotonic()
        last = tally.tried == self._total
        if not last and now - self._shown < _EVERY * (1 if self._live else 10):
            return
        self._shown = now
        rate = tally.tried / max(now - self._begun, 1e-9)
        left = (self._total - tally.tried) / max(rate, 1e-9)
        text = (
            f"{self._kind}: {tally.tried:,} of {self._total:,} tried, "
            f"{len(tally.mishandled)} mishandled, {rate:.2f}/s, {left:.0f} s left"
        )
        start, end = ("\r\33[K", "\n" if last else "") if self._live else ("", "\n")
        print(start + text, end=end, file=sys.stderr, flush=True)


def table(tallies: Iterable[Tally], seed: int) -> str:
    """Returns a table with one line for each kind, and the totals.

    Args:
        tallies: Of each kind.
        seed: From which the inputs were drawn.
    """
    rows = [(each.kind, each.tried, len(each.mishandled)) for each in tallies]
    rows.append(("all", *(sum(row[place] for row in rows) for place in (1, 2))))
    lines = [f"{'kind (seed ' + str(seed) + ')':34}{'tried':>10}{'mishandled':>12}"]
    lines += [f"{kind:34}{tried:10,}{bad:12,}" for kind, tried, bad in rows]
    return "\n".join(lines)


def conclude(tallies: Sequence[Tally], seed: int) -> int:
    """Prints the failures and the table; returns the exit code, 1 if any failed."""
    for each in tallies:
        if each.mishandled:
            print(each.details())
    print(table(tallies, seed))
    return int(any(each.mishandled for each in tallies))


def main(
    description: str,
    fuzz: Callable[[int, int | None, str], Sequence[Tally]],
) -> NoReturn:
    """Runs a fuzzer from the command line, and exits.

    Args:
        description: What it does.
        fuzz: Given the seed, how many at most (None for all), and a part of the names
            of those to be tried.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--number", type=int, help="number of inputs, evenly spaced among all"
    )
    parser.add_argument(
        "--only", default="", help="only inputs with this text in the name"
    )
    chosen = parser.parse_args()
    sys.exit(conclude(fuzz(chosen.seed, chosen.number, chosen.only), chosen.seed))
