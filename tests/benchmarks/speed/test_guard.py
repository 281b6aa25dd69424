"""Tests of benchmarks/speed/guard.py."""

import pytest

from benchmarks.speed import guard


@pytest.mark.parametrize(
    ("ratios", "remark"),
    [
        ([1.1, 1.2, 1.05, 1.1], "MORE in every round"),
        ([0.9, 0.8, 0.95, 0.9], "less in every round"),
        # Not in every round.
        ([1.1, 1.2, 0.99, 1.1], ""),
        ([0.9, 0.8, 1.01, 0.9], ""),
        # Hardly.
        ([1.01, 1.02, 1.01, 1.01], ""),
        ([1.1, 1.2, 1.05], "(too few rounds to tell)"),
    ],
)
def test_remarks_on_what_is_clear_only(ratios, remark):
    line = guard.report("seconds", ratios)
    assert line.split(")", 1)[1].strip() == remark


def test_an_unknown_commit_is_refused(tmp_path):
    root = guard.pathlib.Path(guard.__file__).parents[2]
    with pytest.raises(SystemExit, match="--base=no-such-commit"):
        guard.check_out(root, "no-such-commit", tmp_path)
