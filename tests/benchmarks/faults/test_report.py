"""Tests of benchmarks/faults/report.py."""

from benchmarks.faults.report import Tally, conclude


def test_prints_what_was_mishandled_and_one_table(capsys):
    good, bad = Tally("good"), Tally("bad")
    good.add("a", None)
    for name, problem in (("b", "hangs"), ("c", None), ("d", "hangs")):
        bad.add(name, problem)
    assert conclude([good], seed=3) == 0
    assert conclude([good, bad], seed=3) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["kind", "(seed", "3)", "tried", "mishandled"],
        ["good", "1", "0"],
        ["all", "1", "0"],
    ]
    assert lines[3:6] == ["bad: 2 x hangs", "    b", "    d"]
    assert [line.split() for line in lines[7:]] == [
        ["good", "1", "0"],
        ["bad", "3", "2"],
        ["all", "4", "2"],
    ]
