"""Draws the picture of the README from the run of the command that the README shows.

    python docs/draw_readme_picture.py

Runs `whyflat train --config flowers --remedy` in --workdir, or reads what is there of
an earlier call, and draws docs/images/remedy.png: the flat curve, its cause, and
the arms of the proof on the test images. It takes as long as the command: minutes.
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
_COMMAND = ("train", "--config", "flowers", "--remedy")
_WHYFLAT = "from framework.commands import main; main()"
_RED, _GREEN, _GREY = "#c44e52", "#2e8b57", "#7f7f7f"


def main() -> None:
    """Runs the command, and draws what it has written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--workdir", type=pathlib.Path, default=pathlib.Path("runs/readme")
    )
    parser.add_argument("--png", default=_DOCS / "images" / "remedy.png")
    options = parser.parse_args()
    run = options.workdir
    if not (run / "diagnosis" / "proof" / "proof.json").exists():
        _whyflat(*_COMMAND, f"--workdir={run}")
    figure = _figure(run)
    figure.savefig(options.png, dpi=100)


def _whyflat(*arguments: str) -> None:
    """Runs `whyflat` with arguments."""
    command = [sys.executable, "-c", _WHYFLAT, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(_DOCS.parent)}
    code = subprocess.run(command, env=environment).returncode
    if code:
        raise SystemExit(f"{' '.join(arguments)}: exit code {code}")


def _read(path: pathlib.Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text())
    return value


def _curve(folder: pathlib.Path, metric: str) -> tuple[list[float], list[float]]:
    """Returns the epochs of a run and a metric of them, in per cent."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    rows = [row for row in rows if metric in row]
    return [row["epoch"] for row in rows], [100 * row[metric] for row in rows]


def _figure(run: pathlib.Path) -> Any:
    from matplotlib.figure import Figure

    proof = run / "diagnosis" / "proof"
    (remedy,) = [
        each
        for each in _read(proof / "proof.json")["remedies"]
        if each["verdict"] == "proven"
    ]
    findings = _read(run / "diagnosis" / "diagnosis.json")["findings"]
    finding = next(each for each in findings if each["cause"] == remedy["cause"])
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    _draw_curves(left, run, proof, remedy)
    _draw_arms(right, remedy)
    figure.suptitle(
        f"{finding['cause']} ({finding['status']}); remedy: "
        f"{finding['remedy']['flags'][0]}",
        fontsize=11,
    )
    return figure


def _draw_curves(
    axes: Any, run: pathlib.Path, proof: pathlib.Path, remedy: dict[str, Any]
) -> None:
    """Draws the flat run, and the arms with the remedy, by epoch."""
    axes.plot(
        *_curve(run, "train_dev/accuracy"),
        ":",
        color=_GREY,
        label="the run, held-out training images",
    )
    axes.plot(
        *_curve(run, "validation/accuracy"),
        "o-",
        color=_RED,
        label="the run, validation",
    )
    label = f"with the remedy, validation, {remedy['seeds']} seeds"
    for arm in remedy["arms"]:
        if arm["name"] == remedy["cause"]:
            curve = _curve(proof / arm["folder"], "validation/accuracy")
            axes.plot(*curve, "-", color=_GREEN, label=label, alpha=0.8)
            label = "_"
    axes.set(xlabel="epoch", ylabel="accuracy, %", ylim=(0, 102))
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    _plain(axes)


def _draw_arms(axes: Any, remedy: dict[str, Any]) -> None:
    """Draws the accuracy on the test images of each arm and seed, and the gains."""
    names = list(dict.fromkeys(arm["name"] for arm in remedy["arms"]))
    order = sorted(names, key=lambda name: name == remedy["cause"])
    for place, name in enumerate(order):
        values = [100 * arm["value"] for arm in remedy["arms"] if arm["name"] == name]
        color = _GREEN if name == remedy["cause"] else _GREY
        color = _RED if name == "unchanged" else color
        axes.plot([place] * len(values), values, "o", color=color, alpha=0.8)
    gain = remedy["gains"]["unchanged"]["over_seeds"]
    value, low, high = (100 * gain[key] for key in ("value", "low", "high"))
    axes.set_title(
        f"gain on the test images:\n{value:+.1f} points ({low:+.1f} to {high:+.1f})",
        fontsize=10,
    )
    labels = {remedy["cause"]: "remedy"}
    axes.set_xticks(
        range(len(order)),
        [labels.get(name, name.partition("-")[0]) for name in order],
    )
    axes.set(xlim=(-0.6, len(order) - 0.4), ylim=(0, 102), ylabel="test accuracy, %")
    _plain(axes)


def _plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)


if __name__ == "__main__":
    main()
