"""Ways to damage a file of a run's folder, and the run's folder itself."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from framework.system import archive

# Damages the file or the run's folder at a path.
Damage = Callable[[Path], object]

_DEEP = 100_000
_HUGE = 64 << 30


def flipped(seed: Sequence[int]) -> Damage:
    """Returns a function that flips one bit of a file, chosen by the seed."""

    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        generator = np.random.default_rng([*seed, len(path.name)])
        content[generator.integers(len(content))] ^= 1 << generator.integers(8)
        path.write_bytes(content)

    return damage


def _cut(part: Callable[[bytes], bytes]) -> Damage:
    return lambda path: path.write_bytes(part(path.read_bytes()))


def _holding(content: bytes) -> Damage:
    return lambda path: path.write_bytes(content)


def _replaced(make: Damage) -> Damage:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


def _link_outside(path: Path) -> None:
    """Moves a file out of the run, and leaves a symbolic link to it."""
    target = path.parents[len(path.parts) - 1 - path.parts.index("here")]
    target = target / f"outside-{path.name}"
    path.rename(target)
    path.symlink_to(target)


ANY_FILE: Mapping[str, Damage] = {
    "missing": Path.unlink,
    "empty": _holding(b""),
    "one byte": _cut(lambda content: content[:1]),
    "half": _cut(lambda content: content[: len(content) // 2]),
    "without its last byte": _cut(lambda content: content[:-1]),
    "without its last 20 bytes": _cut(lambda content: content[:-20]),
    "without its first byte": _cut(lambda content: content[1:]),
    "doubled": _cut(lambda content: content * 2),
    "with a tail": _cut(lambda content: content + b"tail\n"),
    "with a tail of NUL": _cut(lambda content: content + bytes(512)),
    "zeros": _cut(lambda content: bytes(len(content))),
    "not UTF-8": _holding(b"\xff\xfe\xfa\n"),
    "deep JSON": _holding(b"[" * _DEEP),
    "closed deep JSON": _holding(b'{"a":' * _DEEP + b"1" + b"}" * _DEEP),
    "null": _holding(b"null\n"),
    "an object": _holding(b"{}\n"),
    "a list": _holding(b"[]\n"),
    "a number": _holding(b"5\n"),
    "a long number": _holding(b'{"step": ' + b"9" * 10_000 + b"}\n"),
    "NaN": _holding(b"NaN\n"),
    "escapes": _holding(b"\x1b[2J\x07\n"),
    "huge": lambda path: os.truncate(path, _HUGE),
    "a folder": _replaced(Path.mkdir),
    "a link to nothing": _replaced(lambda path: path.symlink_to("nowhere")),
    "a link to itself": _replaced(lambda path: path.symlink_to(path.name)),
    "a link outside": _link_outside,
    "a FIFO": _replaced(os.mkfifo),
}


def _config(**changes: object) -> Damage:
    def damage(run: Path) -> None:
        path = run / "config.json"
        fields = json.loads(path.read_text()) | changes
        path.write_text(json.dumps(fields, indent=2) + "\n")

    return damage


def _rows(name: str, change: Callable[[list[dict]], object]) -> Damage:
    """Returns a function that changes the rows of a file of JSON lines."""

    def damage(run: Path) -> None:
        path = run / name
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        rows = change(rows) or rows
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    return damage


def _row(name: str, row: object) -> Damage:
    return _rows(name, lambda rows: [rows[0], row, *rows[1:]])


def _line(name: str, line: bytes) -> Damage:
    def damage(run: Path) -> None:
        path = run / name
        first, *rest = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([first, line + b"\n", *rest]))

    return damage


def _latest(run: Path, folder: str = "checkpoints") -> Path:
    return max((run / folder).glob("step-*.npz"))


def forge(path: Path, step: int, values: Mapping[str, np.ndarray]) -> None:
    """Writes a file of arrays that the framework would not write, with its checksum."""
    buffer = io.BytesIO()
    np.savez(buffer, step=np.int64(step), **values)
    # The zip format's last two bytes say how long a comment follows.
    content = buffer.getvalue()[:-2] + (7 + 64).to_bytes(2, "little")
    path.write_bytes(
        content + b"sha256:" + hashlib.sha256(content).hexdigest().encode()
    )


def _archive(change: Callable[[dict], object], folder: str = "checkpoints") -> Damage:
    """Returns a function that rewrites the latest checkpoint with other arrays."""

    def damage(run: Path) -> None:
        path = _latest(run, folder)
        values = dict(archive.read(path))
        step = int(values.pop("step"))
        change(values)
        forge(path, step, values)

    return damage


def _of_step(step: int, folder: str = "checkpoints") -> Damage:
    """Returns a function that rewrites the latest checkpoint with another step."""

    def damage(run: Path) -> None:
        path = _latest(run, folder)
        values = dict(archive.read(path))
        del values["step"]
        forge(path, step, values)

    return damage


def _plain(**arrays: object) -> Damage:
    """Returns a function that rewrites the latest checkpoint without a checksum."""
    return lambda run: np.savez(_latest(run), **arrays)


def _first(values: Mapping[str, np.ndarray]) -> str:
    return next(name for name in values if name.startswith("model/"))


def _with(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict], None]:
    def changed(values: dict) -> None:
        name = _first(values)
        values[name] = change(values[name])

    return changed


def _copied(folder: str, name: str | bytes) -> Damage:
    """Returns a function that copies the latest file of a folder to another name."""

    def damage(run: Path) -> None:
        content = _latest(run, folder).read_bytes()
        target = os.path.join(os.fsencode(run / folder), os.fsencode(name))
        with open(target, "wb") as file:
            file.write(content)

    return damage


def _planted(name: str) -> Damage:
    """Returns a function that replaces a file of the run by a link to one outside."""

    def damage(run: Path) -> None:
        precious = run.parent / "precious.txt"
        precious.write_text("not the run's\n")
        path = run / name
        path.unlink(missing_ok=True)
        path.symlink_to(precious)

    return damage


def _without(*names: str) -> Damage:
    def damage(run: Path) -> None:
        for name in names:
            path = run / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def _only(*names: str) -> Damage:
    def damage(run: Path) -> None:
        _without(*{path.name for path in run.iterdir()} - set(names))(run)

    return damage


def _file_for(name: str) -> Damage:
    def damage(run: Path) -> None:
        _without(name)(run)
        (run / name).write_text("a file\n")

    return damage


def _moved_outside(name: str) -> Damage:
    def damage(run: Path) -> None:
        target = run.parent / f"outside-{name}"
        (run / name).rename(target)
        (run / name).symlink_to(target)

    return damage


def _renamed(run: Path) -> None:
    """Gives the latest checkpoint the name of another step."""
    path = _latest(run)
    path.rename(path.with_name("step-00000999.npz"))


def _odd_member(run: Path) -> None:
    with zipfile.ZipFile(_latest(run), "a") as file:
        file.writestr("../../../escaped.npy", b"x")


def _predictions(**changes: object) -> Damage:
    def damage(run: Path) -> None:
        path = _latest(run, "predictions")
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        arrays |= changes
        arrays = {name: value for name, value in arrays.items() if value is not None}
        np.savez(path, **arrays)

    return damage


_BAD_CONFIGS: Mapping[str, Mapping[str, object]] = {
    "of a future version": {"no_such_field": 1},
    "with a future format": {"format": 99, "version": "99.0"},
    "with a number for the model": {"model": 5},
    "with null": {"model": None},
    "with a list": {"seed": [1]},
    "with text for the seed": {"seed": "0"},
    "with a bad rate": {"learning_rate": -1.0},
    "with an infinite rate": {"learning_rate": float("inf")},
    "with an unknown model": {"model": "resnett"},
    "with a bad spec": {"schedule": "((("},
    "with a deep spec": {"schedule": "(" * 1000 + "constant" + ")" * 1000},
    "with lines": {"service": "x\n--fresh"},
    "with escapes": {"model": "\x1b[2Jmlp"},
    "with a surrogate": {"model": "\ud800"},
    "of data that are gone": {"dataset": "arrays('nowhere.npz')"},
    "of a foreign module": {"model": "antigravity:fly"},
    "of a given model": {"model": "given(parameters=5)"},
    "with another model": {"model": "mlp(units=(5,))"},
    "with another length": {"train_for": "1ep"},
    "with a huge batch": {"batch_size": 10**30},
}
_BAD_ROWS: Mapping[str, bytes] = {
    "{}": b"{}",
    "null": b"null",
    "a number": b"5",
    "a list": b"[1]",
    "a text": b'"x"',
    "nothing": b"",
    "not UTF-8": b"\xff\xfe",
    "a deep list": b"[" * _DEEP,
    "a NUL": b"\x00" * 64,
    "half a row": b'{"step": 1',
    "a step of text": b'{"step": "6"}',
    "a step of null": b'{"step": null}',
    "a step that is true": b'{"step": true}',
    "a step that is no whole number": b'{"step": 1.5}',
    "a step of NaN": b'{"step": NaN}',
    "a negative step": b'{"step": -6, "epoch": -1.0}',
    "a great step": b'{"step": ' + b"9" * 400 + b"}",
    "a step only": b'{"step": 7}',
    "a step twice": b'{"step": 6}',
    "metrics of text": b'{"step": 7, "epoch": 1.2, "validation/accuracy": "x"}',
    "metrics of null": b'{"step": 7, "epoch": 1.2, "validation/accuracy": null}',
    "metrics of NaN": b'{"step": 7, "epoch": NaN, "validation/accuracy": NaN}',
    "metrics of lists": b'{"step": 7, "epoch": [1], "validation/accuracy": [1]}',
    "another name": b'{"step": 7, "\\u001b[2J": 1}',
}
_NAMES = (
    "step-00000002 (copy).npz",
    "step-foo.npz",
    "step--0000001.npz",
    "step-.npz",
    "step-99999999999999999999.npz",
    "step-00000002.npz~",
    ".step-00000002.npz",
    "step-2.npz",
    "step-00000099.npz",
    "step-\u0661.npz",
    "step-00000002.NPZ",
    "\x1b[2J.npz",
    "a\nb.npz",
    "x.tmp",
    "step-00000003.npz.tmp",
    b"step-\xff.npz",
    "step-+0000002.npz",
    "step-1e3.npz",
    "step- 1.npz",
    "._step-00000024.npz",
)

# Nobody can know that these are wrong: of logits that overflow there is no confidence.
CAN_BE_TRUE = ("predictions of NaN",)
WHOLE_RUN: Mapping[str, Damage] = {
    **{f"config.json {name}": _config(**each) for name, each in _BAD_CONFIGS.items()},
    **{
        f"{file}: {name}": _line(file, line)
        for file in ("metrics.jsonl", "timing.jsonl")
        for name, line in _BAD_ROWS.items()
    },
    **{
        f"{folder}/ with a copy named {name!r}": _copied(folder, name)
        for folder in ("checkpoints", "best", "predictions")
        for name in _NAMES
    },
    "metrics.jsonl backwards": _rows("metrics.jsonl", lambda rows: rows[::-1]),
    "metrics.jsonl without its first row": _rows("metrics.jsonl", lambda r: r[1:]),
    "metrics.jsonl without its last row": _rows("metrics.jsonl", lambda r: r[:-1]),
    "checkpoint with texts": _archive(_with(lambda value: value.astype("U9"))),
    "checkpoint with bytes": _archive(_with(lambda value: value.astype("S9"))),
    "checkpoint in float64": _archive(_with(lambda value: value.astype(float))),
    "checkpoint in int8": _archive(_with(lambda value: value.astype(np.int8))),
    "checkpoint in complex": _archive(_with(lambda value: value.astype(complex))),
    "checkpoint of NaN": _archive(_with(lambda value: value * np.nan)),
    "checkpoint with another shape": _archive(_with(lambda value: value[:-1])),
    "checkpoint with no rank": _archive(_with(lambda value: value.sum())),
    "checkpoint with a further array": _archive(
        lambda values: values.update({"model/more": np.zeros(3)})
    ),
    "checkpoint of something else": _archive(
        lambda values: values.update({"future/x": np.zeros(3)})
    ),
    "checkpoint without an array": _archive(lambda values: values.pop(_first(values))),
    "checkpoint without its optimizer": _archive(
        lambda values: [values.pop(name) for name in [*values] if "optimizer" in name]
    ),
    "checkpoint of a negative step": _of_step(-5),
    "checkpoint of a later step": _of_step(10**6),
    "checkpoint of a great step": _of_step(2**62),
    "checkpoint of step 0": _of_step(0),
    "checkpoint renamed": _renamed,
    "checkpoint with no checksum": _plain(step=np.int64(24)),
    "checkpoint that is empty": _plain(),
    "checkpoint with a step of text": _plain(step="x"),
    "checkpoint with Python objects": _plain(step=np.array([{}], object)),
    "checkpoint with a member outside": _odd_member,
    "best of NaN": _archive(_with(lambda value: value * np.nan), "best"),
    "best of a negative step": _of_step(-5, "best"),
    "best with another shape": _archive(_with(lambda value: value[:-1]), "best"),
    "predictions with few labels": _predictions(labels=np.zeros(3, np.int32)),
    "predictions with no labels": _predictions(labels=None),
    "predictions with texts": _predictions(predicted=np.array(["x"] * 30)),
    "predictions out of range": _predictions(predicted=np.full(30, 99, np.int32)),
    "predictions below 0": _predictions(predicted=np.full(30, -1, np.int32)),
    "labels out of range": _predictions(labels=np.full(30, 10**9, np.int32)),
    "predictions of NaN": _predictions(confidence=np.full(30, np.nan, np.float32)),
    "predictions of objects": _predictions(losses=np.array([None] * 30, object)),
    "predictions of nothing": _predictions(
        **{name: np.zeros(0, np.int32) for name in ("labels", "predicted")}
    ),
    **{f"{name} missing": _without(name) for name in ("checkpoints", "best", "train")},
    "predictions missing": _without("predictions"),
    "checkpoints and best missing": _without("checkpoints", "best"),
    "checkpoints and metrics missing": _without("checkpoints", "metrics.jsonl"),
    "config and checkpoints missing": _without("config.json", "checkpoints"),
    "config and flags missing": _without("config.json", "flags.txt"),
    "all but best missing": _only("best"),
    "all but metrics missing": _only("metrics.jsonl"),
    "all but config missing": _only("config.json"),
    "all but checkpoints missing": _only("checkpoints"),
    "all but predictions missing": _only("predictions"),
    **{
        f"{name}/ is a file": _file_for(name)
        for name in ("checkpoints", "best", "predictions", "train", "validation")
    },
    **{
        f"{name}/ is a link outside": _moved_outside(name)
        for name in ("checkpoints", "best", "predictions", "train", "validation")
    },
    **{
        f"{name} is a planted link": _planted(name)
        for name in (
            "config.json.tmp",
            "metrics.jsonl.tmp",
            "flags.txt.tmp",
            "environment.json.tmp",
            "timing.jsonl.tmp",
            "flags.txt",
            "environment.json",
            "timing.jsonl",
            "data.json",
            "changes.jsonl",
            "checkpoints/step-00000024.npz.tmp",
            "best/step-00000024.npz.tmp",
            "predictions/step-00000024.tmp",
            "diagnosis",
        )
    },
}
