"""Tests of framework/system/attempts.py."""

import contextlib

import pytest

from framework.system import attempts


def killed(path, progress):
    """Begins an attempt whose process is killed; returns whether it began."""
    attempt = attempts.counted(path, progress)
    is_allowed = attempt.__enter__()
    # A process that is killed leaves no block: the file stays as it is now.
    content = path.read_bytes()
    attempt.__exit__(None, None, None)
    path.write_bytes(content)
    return is_allowed


def test_after_three_that_came_no_further_there_is_no_other(tmp_path):
    path = tmp_path / "attempts"
    assert [killed(path, 2) for _ in range(4)] == [True, True, True, False]
    with attempts.counted(path, 2) as is_allowed:
        assert not is_allowed
    # Whoever has given up may be asked again, by a new command.
    with attempts.counted(path, 2) as is_allowed:
        assert is_allowed


def test_work_that_comes_further_goes_on(tmp_path):
    path = tmp_path / "attempts"
    assert all(killed(path, progress) for progress in range(10))
    assert [killed(path, 9) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("problem", [KeyboardInterrupt, ValueError])
def test_an_attempt_that_the_process_survives_does_not_count(tmp_path, problem):
    path = tmp_path / "attempts"
    for _ in range(5):
        with contextlib.suppress(problem), attempts.counted(path, 0) as is_allowed:
            assert is_allowed
            raise problem
    assert not path.exists()


def test_a_damaged_count_counts_nothing(tmp_path):
    path = tmp_path / "attempts"
    path.write_text("{")
    with attempts.counted(path, 0) as is_allowed:
        assert is_allowed
