"""Image formats: which are read, and what a file is by its name and first bytes."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from pathlib import Path

from framework.errors import RunError
from framework.system.printable import printable

# The formats that are read, by suffix in lower case.
SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".webp": "WebP",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
# Those that TensorFlow decodes, in graphs that also run in other processes.
OF_TENSORFLOW = ("JPEG", "PNG")
# Images that are not read. Leaving them out silently would lose a part of the data.
_UNREADABLE_SUFFIXES = (
    ".arw",
    ".avif",
    ".cr2",
    ".cr3",
    ".dcm",
    ".dng",
    ".exr",
    ".hdr",
    ".heic",
    ".heif",
    ".ico",
    ".j2k",
    ".jp2",
    ".jxl",
    ".nef",
    ".orf",
    ".pbm",
    ".pcx",
    ".pgm",
    ".pnm",
    ".ppm",
    ".psd",
    ".raf",
    ".svg",
    ".svgz",
    ".tga",
    ".wdp",
)
# Bytes at a position that identify a format.
_SIGNATURES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG", "PNG"),
    (8, b"WEBP", "WebP"),
    (0, b"GIF8", "GIF"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftyphei", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"jP  ", "JPEG 2000"),
    (4, b"JXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"8BPS", "PSD"),
)
# The number of bytes that `of_content` looks at.
HEAD = 16
# The maximum number of kinds that a notice names.
_MAX_KINDS = 8


def of_name(path: Path) -> str:
    """Returns the format that a file's suffix stands for, or "" if it is not read.

    >>> of_name(Path("rose.JPG"))
    'JPEG'
    """
    return SUFFIXES.get(path.suffix.lower(), "")


def of_content(head: bytes) -> str:
    r"""Returns the format that a file's first bytes stand for, or "" if unknown.

    >>> of_content(b"\x89PNG\r\n")
    'PNG'

    Args:
        head: The first `HEAD` bytes, or fewer of a shorter file.
    """
    for start, signature, name in _SIGNATURES:
        if head[start:].startswith(signature):
            return name
    # Two letters alone could be text; the reserved bytes are 0.
    return "BMP" if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" else ""


def head(path: Path) -> bytes:
    """Returns the first bytes of a file; b"" if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def is_image(path: Path) -> bool:
    """Returns whether a path is a file with the suffix of a format that is read."""
    return path.name[0] != "." and bool(of_name(path)) and path.is_file()


def check_ignored(path: Path) -> None:
    """Checks that a file which is not read is no image.

    Args:
        path: A path for which `is_image` is false.

    Raises:
        RunError: It is an image of a format that is not read, or without the suffix of
            its format.
    """
    if path.name[0] == "." or not path.is_file():
        return
    check_suffix(path)
    if kind := of_content(head(path)):
        raise RunError(
            f"{printable(str(path))} is a {kind} image whose name does not say so; "
            f"rename it if it is one of {', '.join(SUFFIXES)}, convert it to PNG, or "
            f"move it elsewhere"
        )


def check_suffix(path: Path) -> None:
    """Checks that a file is no image of a format that is not read, by its suffix.

    Raises:
        RunError: It is.
    """
    if path.suffix.lower() in _UNREADABLE_SUFFIXES:
        raise RunError(
            f"{printable(str(path))} is an image of a format that is not read; convert "
            f"it to PNG, or move it elsewhere (read are {', '.join(SUFFIXES)})"
        )


def count_kinds(paths: Iterable[Path]) -> str:
    """Returns how many of some paths are of each kind, the most frequent first.

    >>> count_kinds([Path("a.txt"), Path("b.TXT"), Path(".hidden")])
    '2 .txt, 1 hidden'
    """
    counts = collections.Counter(map(_kind, paths))
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    shown = [f"{count:,} {kind}" for kind, count in ordered[:_MAX_KINDS]]
    if rest := sum(count for _, count in ordered[_MAX_KINDS:]):
        shown.append(f"{rest:,} of other kinds")
    return ", ".join(shown)


def _kind(path: Path) -> str:
    if path.name.startswith("."):
        return "hidden"
    if path.is_dir():
        return "folder"
    return path.suffix.lower() or "without suffix"
