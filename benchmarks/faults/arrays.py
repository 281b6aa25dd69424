"""Data sets in one .npz file, each with a fault."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from benchmarks.faults.bits import cut, flip
from benchmarks.faults.handled import REFUSED
from benchmarks.faults.inputs import ANY, SMALL, Input, write_data

_FLIPS, _CUTS = 60, 40


def npz_files(seed: int) -> list[Input]:
    """Returns data sets in one file, each with a fault."""
    inputs = [
        _npz(f"{name}: {what}", lambda path, c=changes: write_data(path, **c), codes)
        for name, cases in _arrays().items()
        for what, (changes, codes) in cases.items()
    ]
    inputs += [_npz(name, write) for name, write in _FILES.items()]
    for place in range(_FLIPS):
        inputs.append(_npz(f"flip {place}", _damaged(flip, [seed, place]), ANY))
    for place in range(_CUTS):
        inputs.append(_npz(f"cut {place}", _damaged(cut, [seed, place])))
    return inputs


def _npz(
    name: str, write: Callable[[Path], object], codes: frozenset[int] = REFUSED
) -> Input:
    def prepare(folder: Path) -> None:
        (folder / "data.npz").unlink()
        write(folder / "data.npz")

    return Input(f"npz: {name}", SMALL, codes, prepare)


def _damaged(change: Callable, seed: list[int]) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        write_data(path)
        path.write_bytes(change(path.read_bytes(), np.random.default_rng(seed)))

    return write


def _values(shape: tuple[int, ...], dtype: str = "uint8") -> np.ndarray:
    return np.zeros(shape, dtype)


def _arrays() -> Mapping[str, Mapping[str, tuple[dict, frozenset[int]]]]:
    """Returns changes of the arrays of a data set, by array and fault."""
    images, labels = _values((48, 6, 6, 1)), np.arange(48) % 3
    nan = np.where(np.arange(48) == 7, np.nan, labels.astype(float))
    bad_pixels = {
        text: np.full((48, 6, 6, 1), value, np.float32)
        for text, value in (("NaN", np.nan), ("infinite", np.inf), ("-inf", -np.inf))
    }
    odd = ("uint16", "int8", "int64", "float16", "float64", "bool", ">f4", ">u2")
    wrong = ("complex64", "U5", "S5", "datetime64[s]", "timedelta64[s]", "V3")
    shapes = {
        "no rank": (),
        "one rank": (48,),
        "two ranks": (48, 6),
        "three ranks": (48, 6, 6),
        "five ranks": (48, 6, 6, 1, 1),
        "a height of 0": (48, 0, 6, 1),
        "a width of 0": (48, 6, 0, 1),
        "no channels": (48, 6, 6, 0),
        "no images": (0, 6, 6, 1),
        "one image less": (47, 6, 6, 1),
        "another height": (48, 5, 6, 1),
        "other channels": (48, 6, 6, 3),
        "1000 channels": (48, 6, 6, 1000),
        "a side of 100,000": (1, 100_000, 1, 1),
    }
    of_images = {
        **{f"shape of {name}": ({"x_train": _values(each)}, ANY if "three" in name else
           REFUSED) for name, each in shapes.items()},
        **{f"both with {name}": ({"x_train": _values(each),
           "x_validation": _values((30, *each[1:]))}, ANY) for name, each in
           shapes.items() if len(each) > 1},
        **{f"type {each}": ({"x_train": images.astype(each),
           "x_validation": _values((30, 6, 6, 1), each)}, ANY) for each in odd},
        **{f"type {each}": ({"x_train": _values((48, 6, 6, 1), each)}, REFUSED)
           for each in wrong},
        **{f"with {text}": ({"x_train": each}, REFUSED)
           for text, each in bad_pixels.items()},
        "of two types": ({"x_train": images.astype("float32")}, REFUSED),
        "of 1e300": ({"x_train": np.full((48, 6, 6, 1), 1e300)}, REFUSED),
        "of 1e38": ({"x_train": np.full((48, 6, 6, 1), 1e38, "float32"),
                     "x_validation": _values((30, 6, 6, 1), "float32")}, ANY),
        "of objects": ({"x_train": np.full(48, None)}, REFUSED),
        "with fields": ({"x_train": _values((48,), "u1,f4")}, REFUSED),
        "all black": ({"x_train": images, "x_validation": images[:30]}, ANY),
        "missing": ({"x_train": None}, REFUSED),
    }  # fmt: skip
    text = np.array(["a", "b", "c"])
    of_labels = {
        "missing": (None, REFUSED),
        "below 0": (labels - 1, REFUSED),
        "of a great class": (np.where(labels == 2, 10**6, labels), REFUSED),
        "of 2**31": (np.where(labels == 2, 2**31, labels), REFUSED),
        "of 2**63": (np.where(labels == 2, 2**63, labels).astype("uint64"), REFUSED),
        "of halves": (labels + 0.5, REFUSED),
        "with NaN": (nan, REFUSED),
        "infinite": (np.full(48, np.inf), REFUSED),
        "of text": (text[labels], REFUSED),
        "of bytes": (text[labels].astype("S"), REFUSED),
        "of objects": (np.array([None] * 48), REFUSED),
        "of complex numbers": (labels.astype(complex), REFUSED),
        "of one class": (labels * 0, REFUSED),
        "one-hot": (np.eye(3)[labels], REFUSED),
        "in a column": (labels[:, None], ANY),
        "in two columns": (np.stack([labels, labels], 1), REFUSED),
        "of no rank": (np.array(1), REFUSED),
        "too few": (labels[:-1], REFUSED),
        "too many": (np.arange(49) % 3, REFUSED),
        "none": (labels[:0], REFUSED),
        "true and false": (labels > 0, ANY),
        "as floats": (labels.astype(float), ANY),
        "of a class that validation lacks": (np.arange(48) % 4, ANY),
        "with one of a class": (np.where(np.arange(48) == 0, 2, labels % 2), ANY),
    }
    names = {
        "too few": (np.array(["a", "b"]), REFUSED),
        "too many": (np.array(["a", "b", "c", "d"]), ANY),
        "twice the same": (np.array(["a", "a", "b"]), REFUSED),
        "empty": (np.array(["", "b", "c"]), ANY),
        "none": (np.array([], "U1"), REFUSED),
        "of escapes": (np.array(["a\x1b[2J", "b\x07", "c\r"]), ANY),
        "of lines": (np.array(["a\nb", "c\n", "\nd"]), ANY),
        "of slashes": (np.array(["a/b", "../c", "/"]), ANY),
        "not UTF-8": (np.array([b"\xff\xfe", b"b", b"c"]), ANY),
        "of surrogates": (np.array(["\ud800", "b", "c"]), ANY),
        "turned round": (np.array(["\u202ea", "b\u2066", "c"]), ANY),
        "long": (np.array(["a" * 10_000, "b", "c"]), ANY),
        "of markup": (np.array(["[red]a", "[/]", "[link=x]c"]), ANY),
        "of formats": (np.array(["%s", "{}", "{0.__class__}"]), ANY),
        "of other metrics": (np.array(["loss", "accuracy", "ece"]), ANY),
        "of NaN": (np.array([np.nan, 1, 2]), REFUSED),
        "of numbers": (np.array([1, 2, 3]), ANY),
        "of objects": (np.array(["a", None, 3], object), REFUSED),
        "of no rank": (np.array("abc"), REFUSED),
        "of two ranks": (np.array([["a"], ["b"], ["c"]]), REFUSED),
        "a hundred thousand": (np.arange(100_000).astype("U"), ANY),
    }
    return {
        "x_train": of_images,
        "x_validation": {
            f"shape of {name}": ({"x_validation": _values((30, *each[1:])[:len(each)])},
             ANY if "three" in name or "image" in name else REFUSED)
            for name, each in shapes.items()
        },
        "y_train": {name: ({"y_train": each}, codes) for name, (each, codes) in
                    of_labels.items()},
        "y_validation": {
            name: ({"y_validation": None if each is None else each[:30] if each.ndim
                    else each}, ANY if name in ("of one class", "too few", "too many",
                    "with NaN", "with one of a class") else codes)
            for name, (each, codes) in of_labels.items()
        },
        "class_names": {name: ({"class_names": each}, codes)
                        for name, (each, codes) in names.items()},
        "file": {"with further arrays": ({"more": np.zeros(3)}, ANY),
                 "with a further object": ({"more": np.array([None])}, ANY)},
    }  # fmt: skip


def _npy(header: bytes) -> bytes:
    """Returns an .npy file with the given header and few data."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64)


def _members(**members: bytes) -> Callable[[Path], object]:
    """Returns a function that writes a data set with other bytes in some members."""

    def write(path: Path) -> None:
        write_data(path)
        with zipfile.ZipFile(path) as file:
            content = {name: file.read(name) for name in file.namelist()}
        content |= {f"{name}.npy": each for name, each in members.items()}
        with zipfile.ZipFile(path, "w") as file:
            for name, each in content.items():
                file.writestr(name, each)

    return write


def _bomb(path: Path) -> None:
    """Writes a file of a megabyte that decompresses to a gigabyte."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("x_train.npy", "w") as member,
    ):
        member.write(_npy(_header("(1073741824, 1, 1, 1)"))[:-64])
        for _ in range(1024):
            member.write(bytes(1 << 20))


def _header(shape: str, kind: str = "'|u1'") -> bytes:
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}"
    return text.encode().ljust(117) + b"\n"


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


_FILES: Mapping[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "one byte": lambda path: path.write_bytes(b"P"),
    "text": lambda path: path.write_text("x_train = 5\n"),
    "zeros": lambda path: path.write_bytes(bytes(5000)),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)),
    "a single array": lambda path: path.write_bytes(_npy(_header("(64,)"))),
    "a pickle": lambda path: path.write_bytes(b"\x80\x04\x8c\x05posix\x8c\x06system."),
    "an HDF5 file": lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500)),
    "an empty zip": lambda path: zipfile.ZipFile(path, "w").close(),
    "a PNG": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500)),
    "a folder": Path.mkdir,
    "a FIFO": os.mkfifo,
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to itself": _loop,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a bomb": _bomb,
    "a great shape": _members(x_train=_npy(_header("(9223372036854775807, 1, 1, 1)"))),
    "a shape below 0": _members(x_train=_npy(_header("(-1, 6, 6, 1)"))),
    "a shape of text": _members(x_train=_npy(_header("('a',)"))),
    "a shape of a call": _members(x_train=_npy(_header("__import__('os').getpid()"))),
    "a deep header": _members(x_train=_npy(b"(" * 9000 + b"\n")),
    "a header of code": _members(x_train=_npy(b"__import__('os').system('id')\n")),
    "an empty header": _members(x_train=_npy(b"")),
    "an unknown type": _members(x_train=_npy(_header("(48, 6, 6, 1)", "'|q9'"))),
    "a type of objects": _members(x_train=_npy(_header("(48,)", "'|O'"))),
    "an empty member": _members(x_train=b""),
    "a member of text": _members(y_train=b"0 1 2"),
    "a member too short": _members(x_train=_npy(_header("(48, 6, 6, 1)"))),
    "a version of the future": _members(x_train=b"\x93NUMPY\x09\x00" + bytes(99)),
}  # fmt: skip
