"""Tests of benchmarks/speed/extras.py."""

from benchmarks.speed import extras


def test_shares_are_of_the_steps_of_an_epoch():
    medians = {
        "steps": 10.0,
        "step": 0.1,
        "measured step": 0.15,
        "a checkpoint": 0.2,
        "evaluating": 0.3,
    }
    first, *found, last = extras.shares(medians, 1000)
    assert first.startswith("10000.0 ms of steps an epoch of 1,000 images")
    assert [line.split()[-1] for line in found] == ["2.0%", "3.0%", "1.0%"]
    # 100 steps an epoch, two of which are measured.
    assert found[-1].startswith("measuring a step")
    assert last.split()[-1] == "6.0%"
