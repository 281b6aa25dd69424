"""Tests of framework/system/atomic.py."""

import errno
import os
import pathlib

import pytest

from framework.system import atomic


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_write_text_replaces_a_file(tmp_path):
    path = tmp_path / "a.json"
    for text in ("first", "zweite Zeile: ü"):
        atomic.write_text(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert names(tmp_path) == ["a.json"]


def test_an_error_leaves_only_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    atomic.write_bytes(path, b"old")

    def fail():
        with atomic.replacing(path) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_only_regular_files_are_replaced(tmp_path, kind):
    path = tmp_path / "a.json"
    if kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(FileExistsError, match="not a regular file"):
        atomic.write_text(path, "text")
    assert not path.is_file()
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("write", [atomic.write_text, atomic.append_line])
def test_a_planted_link_is_not_followed(tmp_path, write):
    victim, path = tmp_path / "victim", tmp_path / "a.json"
    victim.write_text("precious")
    path.symlink_to(victim)
    if write is atomic.append_line:
        with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
            write(path, "mine")
    else:
        write(path, "mine")
        assert not path.is_symlink()
    assert victim.read_text() == "precious"


def test_the_temporary_name_cannot_be_planted(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    monkeypatch.setattr(atomic.secrets, "token_hex", lambda size: "guessed")
    (tmp_path / "a.json.guessed.tmp").symlink_to(victim)
    with pytest.raises(FileExistsError):
        atomic.write_text(tmp_path / "a.json", "mine")
    assert victim.read_text() == "precious"


def test_append_line_adds_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    for line in ("{}", '{"ü": 1}'):
        atomic.append_line(path, line)
    assert path.read_text(encoding="utf-8") == '{}\n{"ü": 1}\n'


def test_a_partial_line_is_removed(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    atomic.append_line(path, "whole")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic.append_line(path, "half")
    assert path.read_text() == "whole\n"


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "link to a pipe"])
def test_only_regular_files_are_read(tmp_path, kind):
    path = tmp_path / "config.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "device":
        path = pathlib.Path("/dev/zero")
    else:
        os.mkfifo(tmp_path / "pipe")
        path = tmp_path / "pipe"
    if kind == "link to a pipe":
        path = tmp_path / "link"
        path.symlink_to(tmp_path / "pipe")
    message = "Is a directory" if kind == "folder" else "Not a regular file"
    with pytest.raises(OSError, match=message):
        atomic.read_bytes(path)


def test_a_link_to_a_file_is_read(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert atomic.read_bytes(tmp_path / "link") == b"content"
