"""Draws the picture of the README: a flat curve, its cause, and the remedy.

    python docs/draw_readme_picture.py

Trains on handwritten digits with a learning rate that is too low, diagnoses the run,
trains again with the flags that the diagnosis prints, and draws both curves into
docs/images/remedy.png. It takes a minute; with finished runs in --workdir, seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

_DOCS = pathlib.Path(__file__).resolve().parent
_FAULTY = ("--learning_rate=1e-6", "--train_for=12ep")
_WHYFLAT = "from framework.commands import main; main()"
# An exit code of `whyflat diagnose`.
_CONFIRMED = 3
_RED, _GREEN = "#c44e52", "#2e8b57"


def main() -> None:
    """Trains, diagnoses, trains with the remedy, and draws."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", type=pathlib.Path, default="runs/readme")
    parser.add_argument("--png", default=_DOCS / "images" / "remedy.png")
    options = parser.parse_args()
    flat, mended = options.workdir / "flat", options.workdir / "mended"
    _whyflat("train", *_FAULTY, f"--workdir={flat}")
    text = _whyflat("diagnose", "--json", f"--workdir={flat}")
    finding = json.loads(text)["findings"][0]
    if finding["status"] != "confirmed":
        raise SystemExit(f"no cause is confirmed: {finding['cause']} is first")
    # The last value of a flag holds.
    flags = finding["remedy"]["flags"]
    _whyflat("train", *_FAULTY, *flags, f"--workdir={mended}")
    figure = _figure(_accuracies(flat), _accuracies(mended), finding, flags)
    figure.savefig(options.png, dpi=100)


def _whyflat(*arguments: str) -> str:
    """Runs `whyflat` with arguments, and returns its output."""
    command = [sys.executable, "-c", _WHYFLAT, *arguments]
    process = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(_DOCS.parent)},
    )
    if process.returncode not in (0, _CONFIRMED):
        raise SystemExit(f"{' '.join(arguments)}: exit code {process.returncode}")
    return process.stdout


def _accuracies(folder: pathlib.Path) -> tuple[list[float], list[float]]:
    """Returns the epochs of a run and its validation accuracies, in per cent."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    accuracies = [100 * row["validation/accuracy"] for row in rows]
    return [row["epoch"] for row in rows], accuracies


def _figure(flat: Any, mended: Any, finding: dict[str, Any], flags: list[str]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(*flat, "o-", color=_RED, label="original run")
    axes.plot(*mended, "o-", color=_GREEN, label=f"with {' '.join(flags)}")
    low, high = finding["cost_interval"]
    cause = (
        f"{finding['cause']} ({finding['status']})\n"
        f"costs {finding['cost_points']:.1f} points of accuracy "
        f"({low:.1f} to {high:.1f})"
    )
    axes.text(6.5, 22, cause, color=_RED, ha="center", va="bottom", fontsize=11)
    axes.set(xlabel="epoch", ylabel="validation accuracy, %", ylim=(0, 102))
    axes.legend(loc="center right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    return figure


if __name__ == "__main__":
    main()
