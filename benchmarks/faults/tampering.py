"""Tampers with runs, and counts how often `whyflat verify` finds it.

    python -m benchmarks.faults.tampering
    python -m benchmarks.faults.tampering --number=20 --seed=1

Whoever tampers is careful: checksums of checkpoints, the fingerprint of metrics.jsonl
in each checkpoint, data.json and flags.txt are written anew, so that reading the files
finds nothing. Each run is verified in full (--share=100%), and must not agree. What a
smaller share would find follows from the stretches that gave the tampering away: the
second table has the mean over many choices.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.faults import report
from benchmarks.faults.report import Progress, Tally
from framework.config import Config
from framework.data import record as data_record
from framework.errors import RunError, UsageError
from framework.launch import run_folder, stretches
from framework.launch.rebuild import rebuild
from framework.launch.run import run
from framework.launch.verification import AGREES, Verification, verify
from framework.loop import checkpoint_files
from framework.report.history import History, Row
from framework.system import archive

SHARES = (0.02, 0.1, 0.25, 0.5)
_CHOICES = 200
# All that has state, in 60 steps of which each tenth is kept.
CONFIG = Config(
    model="mlp(units=(16,), dropout=.2)",
    optimizer="sgd(momentum=.9)",
    schedule="(warmup(10%) + cosine) * plateau('validation/loss', patience=1)",
    augment="noise(5)",
    ema=0.9,
    clip_norm=1.0,
    label_smoothing=0.1,
    batch_size=20,
    train_dev=0.1,
    train_for="10ep",
    log_every="4",
    keep_checkpoints=20,
    keep_best=2,
)
# Changes that the numbers depend on.
SETTINGS: Mapping[str, object] = {
    "learning_rate": 0.00101,
    "ema": 0.2,
    "clip_norm": 0.5,
    "label_smoothing": 0.11,
    "seed": 1,
    "optimizer": "sgd(momentum=.91)",
    "augment": "noise(6)",
    "model": "mlp(units=(16,), dropout=.3)",
    "schedule": "(warmup(20%) + cosine) * plateau('validation/loss', patience=1)",
    "train_dev": 0.2,
    "batch_size": 10,
    "loss": "ohem(.9)",
}

Tampering = Callable[[Path, Path, np.random.Generator], str]


def write_data(path: Path, first_pixel: int | None = None) -> Path:
    """Writes a data set of noise, each class with a brightness of its own.

    Args:
        path: The file.
        first_pixel: The first pixel of the first training image; None leaves it.
    """
    generator = np.random.Generator(np.random.PCG64(0))
    arrays: dict[str, np.ndarray] = {}
    for part, count in (("train", 120), ("validation", 60)):
        labels = np.arange(count) % 3
        light = 60 * labels[:, None, None, None]
        images = generator.normal(60 + light, 40, (count, 4, 4, 1)).clip(0, 255)
        arrays |= {f"x_{part}": images.astype(np.uint8), f"y_{part}": labels}
    if first_pixel is not None:
        arrays["x_train"][0, 0, 0, 0] = first_pixel
    np.savez(path, **arrays)
    return path


def write_rows(folder: Path, rows: Sequence[Row]) -> None:
    """Writes metrics.jsonl, and its fingerprint in all checkpoints.

    Args:
        folder: The run's folder.
        rows: The new lines.
    """
    lines = [json.dumps(row) + "\n" for row in rows]
    (folder / "metrics.jsonl").write_text("".join(lines))
    with tempfile.TemporaryDirectory() as place:
        for path in checkpoint_files.checkpoint_paths(folder / "checkpoints"):
            step = checkpoint_files.step_of(path)
            part = Path(place, path.name)
            count = sum(row["step"] <= step for row in rows)
            part.write_text("".join(lines[:count]))
            values = archive.read(path)
            if step and "history/rows" in values:
                values |= History(part).fingerprint()
                _write(path, values)


def _write(path: Path, values: Mapping[str, np.ndarray]) -> None:
    arrays = {name: value for name, value in values.items() if name != "step"}
    archive.write(path, checkpoint_files.step_of(path), arrays)


def _bit(*prefixes: str) -> Tampering:
    """Returns a tampering: flips a bit of a checkpoint, and updates its checksum."""

    def tamper(folder: Path, data: Path, generator: np.random.Generator) -> str:
        paths = sorted([*folder.glob("checkpoints/*.npz"), *folder.glob("best/*.npz")])
        path = paths[generator.integers(len(paths))]
        values = {name: value.copy() for name, value in archive.read(path).items()}
        names = [
            name
            for name, value in values.items()
            if name.startswith(prefixes) and value.size
        ]
        name = names[generator.integers(len(names))]
        content = bytearray(values[name].tobytes())
        place = int(generator.integers(8 * len(content)))
        content[place // 8] ^= 1 << place % 8
        changed = np.frombuffer(bytes(content), values[name].dtype)
        values[name] = changed.reshape(values[name].shape)
        _write(path, values)
        return f"{path.parent.name}/{path.name}, {name}, bit {place}"

    return tamper


def _digit(folder: Path, data: Path, generator: np.random.Generator) -> str:
    """Changes a digit of a metric."""
    rows = History(folder / "metrics.jsonl").rows
    while True:
        row = rows[generator.integers(len(rows))]
        name = str(generator.choice([each for each in row if each != "step"]))
        text = repr(row[name])
        digits = [place for place, each in enumerate(text) if each.isdigit()]
        place = digits[generator.integers(len(digits))]
        text = text[:place] + str(generator.integers(10)) + text[place + 1 :]
        if float(text) != row[name]:
            break
    detail = f"{name} of step {row['step']}: {row[name]!r} to {text}"
    row[name] = float(text)
    write_rows(folder, rows)
    return detail


def _line(kind: str) -> Tampering:
    def tamper(folder: Path, data: Path, generator: np.random.Generator) -> str:
        rows = History(folder / "metrics.jsonl").rows
        place = int(generator.integers(len(rows)))
        if kind == "removed":
            del rows[place]
        elif kind == "doubled":
            rows.insert(place, dict(rows[place]))
        else:
            rows.insert(place, {**rows[place], "step": rows[place]["step"] - 1})
        if kind == "doubled":
            # No checkpoint can be of such a file.
            lines = [json.dumps(row) + "\n" for row in rows]
            (folder / "metrics.jsonl").write_text("".join(lines))
        else:
            write_rows(folder, rows)
        return f"line {place + 1} {kind}"

    return tamper


def _prediction(folder: Path, data: Path, generator: np.random.Generator) -> str:
    """Changes one predicted class."""
    paths = sorted(folder.glob("predictions/*.npz"))
    path = paths[generator.integers(len(paths))]
    values = {name: value.copy() for name, value in archive.read(path).items()}
    place = int(generator.integers(len(values["predicted"])))
    values["predicted"][place] = (values["predicted"][place] + 1) % 3
    _write(path, values)
    return f"{path.name}, image {place}"


def _data(name: str, is_careful: bool) -> Tampering:
    """Returns a tampering: changes a pixel or a label, and data.json if careful."""

    def tamper(folder: Path, data: Path, generator: np.random.Generator) -> str:
        with np.load(data) as file:
            arrays = {key: file[key] for key in file.files}
        place = tuple(int(generator.integers(size)) for size in arrays[name].shape)
        if name.startswith("x_"):
            arrays[name][place] ^= np.uint8(1 << int(generator.integers(8)))
        else:
            arrays[name][place] = (arrays[name][place] + 1) % 3
        np.savez(data, **arrays)
        if is_careful:
            config = run_folder.read_config(folder)
            config, built = rebuild(
                folder, config, allow_data_change=True, trust_run=True
            )
            data_record.write(folder, built.data_record(config))
        return f"{name}{list(place)}{' with data.json' if is_careful else ''}"

    return tamper


def _setting(folder: Path, data: Path, generator: np.random.Generator) -> str:
    """Changes a setting, in config.json and in flags.txt."""
    name = str(generator.choice(list(SETTINGS)))
    config = run_folder.read_config(folder)
    changed = Config(**{**dataclasses.asdict(config), name: SETTINGS[name]})
    run_folder.write_config(folder, changed)
    return f"--{name}={SETTINGS[name]}"


# By turns; those of arrays are twice as frequent.
KINDS: Mapping[str, Tampering] = {
    "a bit of a weight": _bit("model/"),
    "a bit of the optimizer": _bit("optimizer/"),
    "a digit of a metric": _digit,
    "a setting": _setting,
    "a bit of a moving average": _bit("ema/"),
    "a bit of other state": _bit(
        "noise/", "window/", "totals/", "schedule/", "nonfinite/", "normalize/"
    ),
    "a line removed": _line("removed"),
    "a line doubled": _line("doubled"),
    "a line inserted": _line("inserted"),
    "a predicted class": _prediction,
    "a pixel": _data("x_train", is_careful=False),
    "a training pixel, data.json": _data("x_train", is_careful=True),
    "a validation pixel, data.json": _data("x_validation", is_careful=True),
    "a training label, data.json": _data("y_train", is_careful=True),
    "a validation label, data.json": _data("y_validation", is_careful=True),
}


def plant(
    seed: int, number: int, only: str = ""
) -> tuple[list[Tally], dict[float, list[float]]]:
    """Plants tamperings, and verifies each run in full.

    Args:
        seed: Of all choices.
        number: How many.
        only: A part of the names of the kinds to plant.

    Returns:
        A tally of each kind; and for each of `SHARES` the probabilities that it finds
        each tampering.
    """
    kinds = {name: each for name, each in KINDS.items() if only in name}
    generator = np.random.default_rng(seed)
    tallies = {name: Tally(name) for name in kinds}
    total, progress = Tally(""), Progress("tampering", number)
    by_share: dict[float, list[float]] = {share: [] for share in SHARES}
    with tempfile.TemporaryDirectory() as place:
        data, original = Path(place, "data.npz"), Path(place, "original")
        _train(write_data(data), original)
        for turn in range(number):
            kind, tamper = list(kinds.items())[turn % len(kinds)]
            folder = shutil.copytree(original, Path(place, "run"))
            detail = tamper(folder, data, generator)
            problem, chances = _verified(folder)
            tallies[kind].add(detail, problem)
            total.add(detail, problem)
            progress.show(total)
            for share, chance in chances.items():
                by_share[share].append(chance)
            shutil.rmtree(folder)
            write_data(data)
    return list(tallies.values()), by_share


def _train(data: Path, folder: Path) -> None:
    dataset = f"arrays({str(data)!r})"
    config = dataclasses.replace(CONFIG, dataset=dataset, workdir=str(folder))
    run(config, quiet=True)
    result = verify(str(folder), share=1.0, trust_run=True)
    if result.verdict != AGREES:
        raise RuntimeError(f"a false alarm: {result}")


def _verified(folder: Path) -> tuple[str | None, dict[float, float]]:
    """Returns why a tampering was not found, and how probably each share finds it."""
    try:
        result = verify(str(folder), share=1.0, trust_run=True)
    except (RunError, UsageError) as problem:
        return f"refused: {problem}", dict.fromkeys(SHARES, 1.0)
    if result.verdict == AGREES:
        return "not found", dict.fromkeys(SHARES, 0.0)
    chances = {share: _chance(folder, result, share) for share in SHARES}
    return None, chances


def _chance(folder: Path, result: Verification, share: float) -> float:
    """Returns how probably a share has one of the stretches that differ."""
    starts = {each.start for each in result.differences}
    if None in starts:
        return 1.0
    config = run_folder.read_config(folder)
    possible = stretches.between(stretches.kept(folder), config, [])
    count = 0
    for seed in range(_CHOICES):
        covered = 0
        for stretch in stretches.shuffled(possible, seed):
            covered += stretch.steps
            if stretch.start.step in starts:
                count += 1
                break
            if covered >= share * result.steps:
                break
    return count / _CHOICES


def main() -> None:
    """Runs the benchmark from the command line, and exits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--only", default="", help="only kinds with this in the name")
    given = parser.parse_args()
    tallies, by_share = plant(given.seed, given.number, given.only)
    code = report.conclude(tallies, given.seed)
    print(f"{'share':34}{'found':>10}")
    for share, chances in by_share.items():
        print(f"{share:<34.0%}{np.mean(chances):>10.0%}")
    sys.exit(code)


if __name__ == "__main__":
    main()
