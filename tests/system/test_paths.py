"""Tests of framework/system/paths.py."""

import pytest

from framework.errors import UsageError
from framework.system.paths import expand


def test_the_home_folder_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    assert expand("~/x", "--workdir") == "/home/ann/x"
    assert expand("~", "--workdir") == "/home/ann"


@pytest.mark.parametrize("path", ["", "a/~b", "./~nosuchuser", "/tmp/löwe"])
def test_other_paths_are_unchanged(path):
    assert expand(path, "--workdir") == path


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("~nosuchuser/x", "no home folder is known for '~nosuchuser'"),
        ("~nosuchuser", r"write \./~nosuchuser"),
        ("a\nb", r"no control characters: 'a\\nb'"),
        ("a\0b", "no control characters"),
        ("\x1b[31m", "no control characters"),
    ],
)
def test_refuses(path, message):
    with pytest.raises(UsageError, match=message) as caught:
        expand(path, "--workdir")
    assert str(caught.value).startswith("--workdir")
