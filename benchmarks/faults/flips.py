"""Flips bits of checkpoints and truncates them: each fault must be detected.

    python -m benchmarks.faults.flips

A checkpoint is read after every single flip of every bit that is not in an array (zip
and npy headers, tables, checksum), after flips of bits anywhere, after some flips at
once, and after it was cut, lengthened or written over in places. It must be refused by
the framework's own error, or give the values that were written; anything else is a
silently wrong weight or a traceback.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.faults import report
from benchmarks.faults.report import Progress, Tally
from framework.errors import RunError
from framework.system import archive

_FLIPS, _TRUNCATIONS, _OTHERS = 2000, 200, 400

# The content of a damaged file, and in what way it is damaged.
Damaged = tuple[str, Callable[[], bytes]]


def values() -> dict[str, np.ndarray]:
    """Returns arrays of all types and ranks that checkpoints have.

    One is larger than what zip reads ahead: only then is the end of a member, where its
    checksum is compared, not always reached.
    """
    generator = np.random.default_rng(0)
    return {
        "model/kernel": generator.standard_normal((5, 7), np.float32),
        "model/bias": generator.standard_normal(3, np.float32),
        "model/large": generator.standard_normal((90, 100), np.float32),
        "model/empty": np.zeros((0, 3), np.float32),
        "optimizer/iterations": np.int64(42).reshape(()),
        "optimizer/flag": np.array(True),
        "totals/correct": np.int32(7).reshape(()),
        "seed": np.array([1, 2], np.uint64),
    }


def fuzz(seed: int, number: int | None, only: str) -> list[Tally]:
    """Returns how the reader of checkpoints handled damaged ones."""
    generator = np.random.default_rng(seed)
    tallies = []
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "step-00000042.npz")
        archive.write(path, 42, values())
        content = path.read_bytes()
        kinds = {
            "every bit outside the arrays": _bits_of_headers(content),
            "random flips": _random_flips(content, generator),
            "truncations": _truncations(content, generator),
            "other damage to a checkpoint": _others(content, generator),
        }
        for kind, damages in kinds.items():
            if only in kind:
                tallies.append(_all_read(kind, list(damages), number, path))
    return tallies


def problem(path: Path) -> str | None:
    """Returns how a damaged checkpoint was mishandled; None if it was not."""
    try:
        actual = archive.read(path)
    except RunError as refusal:
        return (
            "the error does not name the file"
            if path.name not in str(refusal)
            else None
        )
    except Exception as other:
        return f"{type(other).__name__} instead of RunError"
    expected = {"step": np.int64(42), **values()}
    if actual.keys() != expected.keys():
        return "other arrays, silently"
    for name, value in expected.items():
        if actual[name].dtype != value.dtype or actual[name].shape != value.shape:
            return "another type or shape, silently"
        if actual[name].tobytes() != value.tobytes():
            return "wrong values, silently"
    return None


def _all_read(
    kind: str, damages: list[Damaged], number: int | None, path: Path
) -> Tally:
    if number is not None and number < len(damages):
        damages = [damages[index * len(damages) // number] for index in range(number)]
    tally, progress = Tally(kind), Progress(kind, len(damages))
    for name, damaged in damages:
        path.write_bytes(damaged())
        tally.add(name, problem(path))
        progress.show(tally)
    return tally


def _flipped(content: bytes, *bits: int) -> Callable[[], bytes]:
    def damaged() -> bytes:
        copy = bytearray(content)
        for bit in bits:
            copy[bit // 8] ^= 1 << bit % 8
        return bytes(copy)

    return damaged


def _bits_of_headers(content: bytes) -> Iterator[Damaged]:
    """Yields a flip of each bit outside the arrays themselves."""
    inside = np.zeros(len(content), bool)
    for value in values().values():
        data = value.tobytes()
        # Of short arrays the first place that looks alike may be in a header.
        if len(data) > 8:
            start = content.index(data)
            inside[start : start + len(data)] = True
    for bit in range(8 * len(content)):
        if not inside[bit // 8]:
            yield f"bit {bit % 8} of byte {bit // 8}", _flipped(content, bit)


def _random_flips(content: bytes, generator: np.random.Generator) -> Iterator[Damaged]:
    for place in range(_FLIPS):
        count = 1 if place % 2 else int(generator.integers(2, 9))
        bits = generator.integers(0, 8 * len(content), count).tolist()
        yield f"bits {bits}", _flipped(content, *bits)


def _truncations(content: bytes, generator: np.random.Generator) -> Iterator[Damaged]:
    sizes = [*range(40), *(len(content) - size for size in range(1, 61))]
    sizes += generator.integers(0, len(content), _TRUNCATIONS - len(sizes)).tolist()
    for size in sizes:
        yield f"cut to {size} bytes", lambda size=size: content[:size]


def _others(content: bytes, generator: np.random.Generator) -> Iterator[Damaged]:
    """Yields files with bytes overwritten, deleted, inserted or moved."""
    for _ in range(_OTHERS):
        start, end = np.sort(generator.integers(0, len(content), 2)).tolist()
        noise = generator.bytes(end - start)
        kind = str(generator.choice(["noise", "zeros", "left out", "put in", "moved"]))
        middle = {
            "noise": noise,
            "zeros": bytes(end - start),
            "left out": b"",
            "put in": content[start:end] + noise,
            "moved": content[start:end][::-1],
        }[kind]
        text = f"bytes {start} to {end}: {kind}"
        if middle != content[start:end]:
            yield text, lambda a=start, b=end, m=middle: content[:a] + m + content[b:]
    yield "twice the file", lambda: content * 2
    for size in (1, 14, 100, 70_000):
        yield f"{size} bytes before it", lambda size=size: bytes(size) + content
        yield f"{size} bytes after it", lambda size=size: content + bytes(size)


if __name__ == "__main__":
    report.main(__doc__, fuzz)
