"""Tests of framework/data/formats.py."""

import pathlib

import pytest
from PIL import Image

from framework.data import formats
from framework.errors import RunError

KINDS = {"JPEG": "jpg", "PNG": "png", "WebP": "webp", "GIF": "gif", "TIFF": "tif"}


@pytest.mark.parametrize(
    ("kind", "suffix"), [*KINDS.items(), ("BMP", "bmp")], ids=lambda each: each
)
def test_name_and_content_agree(tmp_path, kind, suffix):
    path = tmp_path / f"image.{suffix.upper()}"
    Image.new("RGB", (3, 2)).save(path, kind)
    assert formats.is_image(path)
    assert formats.of_name(path) == formats.of_content(formats.head(path)) == kind


@pytest.mark.parametrize(
    "content", [b"", b"BM", b"BM is a text", b"GIF", b"<html>", b"RIFF    WAVE"]
)
def test_other_content_is_no_image(content):
    assert formats.of_content(content) == ""


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.heic", b"", r"a.heic is an image of a format that is not read; convert it"),
        ("a.TGA", b"", r"a.TGA is an image of a format that is not read"),
        ("scan", b"\xff\xd8\xff\xe0", r"scan is a JPEG image whose name does not say"),
        ("a.txt", b"\x89PNG", r"a.txt is a PNG image"),
        ("a.bin", b"\0\0\0\x20ftypavif", r"a.bin is a AVIF image"),
    ],
)
def test_ignoring_an_image_is_an_error(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError, match=message):
        formats.check_ignored(tmp_path / name)


@pytest.mark.parametrize("name", ["notes.txt", "._a.jpg", ".a.heic", "Thumbs.db"])
def test_other_files_may_be_ignored(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xff\xd8\xff" if name[0] == "." else b"text")
    formats.check_ignored(tmp_path / name)


def test_counts_kinds(tmp_path):
    (tmp_path / "inner").mkdir()
    paths = [tmp_path / "inner", *(pathlib.Path(f"{n}.TXT") for n in range(3))]
    paths += [pathlib.Path("README"), pathlib.Path(".x")]
    assert formats.count_kinds(paths) == "3 .txt, 1 folder, 1 hidden, 1 without suffix"
    many = [pathlib.Path(f"a.{n:02}") for n in range(12)]
    assert formats.count_kinds(many).endswith("1 .07, 4 of other kinds")
