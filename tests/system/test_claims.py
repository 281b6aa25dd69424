"""Tests of framework/system/claims.py."""

import subprocess
import sys

import pytest

from framework.system import claims

# Holds a claim until its input ends.
HOLDER = """
import pathlib, sys
sys.path.insert(0, sys.argv[2])
from framework.system import claims
with claims.claimed(pathlib.Path(sys.argv[1])) as is_held:
    print(is_held, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path, request):
    """Another process that holds a claim."""
    root = request.config.rootpath
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "work.lock", root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


def test_what_nobody_holds_can_be_claimed_again_and_again(tmp_path):
    for _ in range(2):
        with claims.claimed(tmp_path / "work.lock") as is_held:
            assert is_held


def test_what_another_process_holds_is_free_once_it_is_killed(holder, tmp_path):
    with claims.claimed(tmp_path / "work.lock") as is_held:
        assert not is_held
    holder.kill()
    # Waits for its end, in which the system releases the lock.
    with claims.exclusive(tmp_path / "work.lock"):
        pass
    with claims.claimed(tmp_path / "work.lock") as is_held:
        assert is_held


def test_other_work_is_not_held(holder, tmp_path):
    with claims.claimed(tmp_path / "other.lock") as is_held:
        assert is_held


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "work.lock").symlink_to(tmp_path / "precious")
    with (
        pytest.raises(OSError, match=r"work\.lock"),
        claims.claimed(tmp_path / "work.lock"),
    ):
        pass
    assert not (tmp_path / "precious").exists()
