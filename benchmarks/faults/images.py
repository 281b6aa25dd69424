"""Folders of images, each with a fault."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.faults.bits import cut, flip
from benchmarks.faults.handled import REFUSED
from benchmarks.faults.inputs import ANY, SMALL, Input

_FLIPS, _CUTS = 60, 40
_FOLDER = "--dataset=folder('photos', size=6)"
_PER_CLASS = 8


def folders(seed: int) -> list[Input]:
    """Returns folders of images, each with a fault."""
    inputs = [
        _photos(name, change, codes) for name, (change, codes) in _FOLDERS.items()
    ]
    for name, content in _BAD_IMAGES.items():
        for where in ("first", "last"):
            # The first is found by the model's shape, the last in the middle of a run.
            inputs.append(_photos(f"{where} file {name}", _file(content, where)))
            inputs.append(
                _photos(
                    f"{where} file {name}, streamed",
                    _file(content, where),
                    flags=("--input=stream",),
                )
            )
        inputs.append(
            _photos(
                f"a file {name}, skipped",
                _file(content, "first"),
                ANY,
                ("--dataset=folder('photos', size=6, skip_corrupt=True)",),
            )
        )
    for place in range(_FLIPS):
        kind = ("jpg", "png")[place % 2]
        change = _damaged_image(flip, kind, [seed, place])
        inputs.append(_photos(f"{kind} with flip {place}", change, ANY))
    for place in range(_CUTS):
        kind = ("jpg", "png")[place % 2]
        change = _damaged_image(cut, kind, [seed, place])
        # Of a file cut in its last bytes all of the image may be there.
        inputs.append(_photos(f"{kind} cut {place}", change, ANY))
    for flags in _FLAGS:
        inputs.append(_photos(f"with {flags!r}", lambda photos: None, ANY, flags))
    return inputs


def _photos(
    name: str,
    change: Callable[[Path], object],
    codes: frozenset[int] = REFUSED,
    flags: tuple[str, ...] = (),
) -> Input:
    def prepare(folder: Path) -> None:
        write_photos(folder / "photos")
        change(folder / "photos")

    return Input(f"photos: {name}", (*SMALL, _FOLDER, *flags), codes, prepare)


def write_photos(folder: Path) -> None:
    """Writes two classes of eight images each, half of them JPEG and half PNG."""
    generator = np.random.default_rng(0)
    for name, light in (("dark", 60), ("light", 200)):
        (folder / name).mkdir(parents=True)
        for place in range(_PER_CLASS):
            path = folder / name / f"{place}.{('jpg', 'png')[place % 2]}"
            _picture(generator, light).save(path)


def _picture(generator: np.random.Generator, light: int = 100) -> Image.Image:
    pixels = generator.normal(light, 30, (9, 9, 3)).clip(0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


def _encoded(kind: str) -> bytes:
    file = io.BytesIO()
    _picture(np.random.default_rng(1)).save(file, {"jpg": "JPEG"}.get(kind, kind))
    return file.getvalue()


def _damaged_image(
    change: Callable, kind: str, seed: list[int]
) -> Callable[[Path], object]:
    def write(photos: Path) -> None:
        content = change(_encoded(kind), np.random.default_rng(seed))
        (photos / "dark" / f"x.{kind}").write_bytes(content)

    return write


def _file(content: bytes, where: str) -> Callable[[Path], object]:
    name = {"first": "dark/!.jpg", "last": "light/~.png"}[where]
    return lambda photos: (photos / name).write_bytes(content)


def _png(width: int, height: int) -> bytes:
    """Returns the start of a PNG file whose header declares a size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(100))
    chunks = b"".join(
        struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each))
        for each in (header, data, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


def _gif(frames: int) -> bytes:
    file = io.BytesIO()
    pictures = [_picture(np.random.default_rng(place)) for place in range(frames)]
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:])
    return file.getvalue()


_BAD_IMAGES: Mapping[str, bytes] = {
    "empty": b"",
    "of one byte": b"\xff",
    "of text": b"not an image\n",
    "of zeros": bytes(500),
    "of escapes": b"\x1b[2J" * 99,
    "with a JPEG's start only": b"\xff\xd8\xff\xe0",
    "half a JPEG": _encoded("jpg")[:300],
    "half a PNG": _encoded("png")[:100],
    "a PNG of side 0": _png(0, 5),
    "a PNG of side 2**31": _png(2**31 - 1, 2**31 - 1),
    "a PNG of 60,000 x 60,000": _png(60_000, 60_000),
    "a BMP of a negative height": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54,
                                  40, 9, -(2**31), 1, 24, 0, 0, 0, 0, 0, 0),
    "an SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "a WebP": b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(24),
    "a PDF": b"%PDF-1.4\n",
}  # fmt: skip


def _named(name: bytes, folder: bytes = b"dark") -> Callable[[Path], object]:
    """Returns a function that writes a valid image under the given name."""

    def change(photos: Path) -> None:
        place = os.path.join(os.fsencode(photos), folder)
        os.makedirs(place, exist_ok=True)
        for start in range(2):
            with open(os.path.join(place, b"%d" % start + name), "wb") as file:
                file.write(_encoded("png"))

    return change


def _linked(link: str, target: str) -> Callable[[Path], object]:
    def change(photos: Path) -> None:
        (photos / link).unlink(missing_ok=True)
        (photos / link).symlink_to(target)

    return change


def _emptied(photos: Path) -> None:
    for path in (photos / "dark").iterdir():
        path.unlink()


def _gone(photos: Path) -> None:
    for place in ("dark", "light"):
        _all_gone(photos / place)


def _all_gone(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def _split(*names: str) -> Callable[[Path], object]:
    """Returns a function that moves the classes into `train` and adds folders."""

    def change(photos: Path) -> None:
        (photos / "train").mkdir()
        for name in ("dark", "light"):
            (photos / name).rename(photos / "train" / name)
        for name in names:
            (photos / name).mkdir(parents=True)

    return change


_BAD_NAMES: Mapping[str, bytes] = {
    "not UTF-8": b"\xff\xfe",
    "of escapes": b"\x1b[2J\x07",
    "of lines": b"a\nb\r",
    "turned round": "\u202eabc\u2066".encode(),
    "of markup": b"[red]x[b]",
    "of formats": b"%s{}{0}",
    "of quotes": b"'\"`$(id)",
    "long": b"a" * 240,
    "of blanks": b"  ",
    "of a comma": b"a,b",
    "a metric": b"loss",
}
_FOLDERS: Mapping[str, tuple[Callable[[Path], object], frozenset[int]]] = {
    **{f"a class named {name}": (_named(b".png", each), ANY)
       for name, each in _BAD_NAMES.items()},
    **{f"a file named {name}": (_named(each[:200] + b".png"), ANY)
       for name, each in _BAD_NAMES.items()},
    "no images": (lambda photos: [_emptied(photos), _gone_light(photos)], REFUSED),
    "no classes": (_gone, REFUSED),
    "one class": (lambda photos: _all_gone(photos / "light"), REFUSED),
    "an empty class": (_emptied, REFUSED),
    "a further empty class": (lambda photos: (photos / "none").mkdir(), REFUSED),
    "a class that is a file": (lambda photos: (photos / "x.jpg").write_text("x"), ANY),
    "a class in a class": (lambda photos: (photos / "dark/in").mkdir(), ANY),
    "a folder named as an image": (lambda photos: (photos / "dark/x.jpg").mkdir(), ANY),
    "a link to nothing": (_linked("dark/x.jpg", "nowhere"), ANY),
    "a link to itself": (_linked("dark/x.jpg", "x.jpg"), ANY),
    "a link to a device": (_linked("dark/x.jpg", "/dev/zero"), ANY),
    "a link to its own folder": (_linked("dark/x", "."), ANY),
    "a class that is a link up": (_linked("up", ".."), ANY),
    "a class that is a loop": (_linked("loop", "loop"), ANY),
    "a class that is a link to nothing": (_linked("none", "nowhere"), ANY),
    "a FIFO": (lambda photos: os.mkfifo(photos / "dark/x.jpg"), ANY),
    "train without validation": (_split(), REFUSED),
    "validation that is empty": (_split("validation"), REFUSED),
    "validation of other classes": (_split("validation/x", "validation/y"), REFUSED),
    "validation without images": (_split("val/dark", "val/light"), REFUSED),
    "a GIF of many frames": (_file(_gif(3), "first"), ANY),
    "a permission that is missing": (
        lambda photos: (photos / "dark/0.jpg").chmod(0), ANY),
    "a folder without permission": (lambda photos: (photos / "dark").chmod(0), ANY),
}  # fmt: skip
_FLAGS: tuple[tuple[str, ...], ...] = (
    ("--dataset=folder('photos', size=1)",),
    ("--dataset=folder('photos', size=(1, 9000))",),
    ("--dataset=folder('photos', size=6, channels=1)",),
    ("--dataset=folder('photos', size=6, channels=2)",),
    ("--dataset=folder('photos', size=100000)",),
    ("--dataset=folder('photos', size=(6,))",),
    ("--dataset=folder('photos', size=True)",),
    ("--dataset=folder('photos', size=6, validation=.001)",),
    ("--dataset=folder('photos', size=6, validation=.999)",),
    ("--dataset=folder('photos/dark', size=6)",),
    ("--dataset=folder('photos/dark/0.jpg', size=6)",),
    ("--dataset=folder('photos', size=6, seed=-1)",),
    ("--batch_size=99",),
    ("--train_dev=.99",),
    ("--normalize=zca",),
)


def _gone_light(photos: Path) -> None:
    for path in (photos / "light").iterdir():
        path.unlink()
