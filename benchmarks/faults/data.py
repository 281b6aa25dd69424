"""Bad data files: damaged .npz files and folders of images, given to training.

    python -m benchmarks.faults.data
    python -m benchmarks.faults.data --only=escape

Arrays of wrong names, types, shapes and values, files cut short, with flipped bits, or
of another kind; folders with names that are no text, files that are no images, links
that lead nowhere or round and round. Each must be refused in a few plain lines, or be
trained on if it is legitimate after all.
"""

from __future__ import annotations

from benchmarks.faults import report
from benchmarks.faults.arrays import npz_files
from benchmarks.faults.images import folders
from benchmarks.faults.inputs import chosen, try_all
from benchmarks.faults.report import Tally


def fuzz(seed: int, number: int | None, only: str) -> list[Tally]:
    """Returns how commands handled bad data."""
    kinds = {"data in .npz files": npz_files(seed), "folders of images": folders(seed)}
    return [try_all(kind, chosen(each, number, only)) for kind, each in kinds.items()]


if __name__ == "__main__":
    report.main(__doc__, fuzz)
