"""Tests of the count of false alarms."""

import json

import pytest

from benchmarks.zoo import alarm_counts


def unsound(name, accuracy, seed=0):
    return {"case": name, "seed": seed, "accuracy": accuracy, "probe": 0.9}


def diagnosed(name, *causes, seed=0):
    findings = [{"cause": cause, "status": "confirmed"} for cause in causes]
    findings.append({"cause": "overfitting", "status": "suspected"})
    line = unsound(name, 0.95, seed)
    return line | {"findings": findings, "seconds": 3.0}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            [diagnosed("digits: a")],
            ["confirmed: 0 of 1 runs", "0 of 1 programs", "digits: 0 of 1 runs"],
        ),
        # Several seeds of one program are several runs.
        (
            [
                diagnosed("digits: a", "label_noise"),
                diagnosed("digits: a", seed=1),
                diagnosed("clothes: b"),
            ],
            [
                "confirmed: 1 of 3 runs",
                "1 of 2 programs",
                "label_noise: 1",
                "clothes: 0 of 1 runs",
                "digits: 1 of 2 runs",
            ],
        ),
        (
            [unsound("digits: c", 0.5)],
            ["0 of 0 runs", "left out: digits: c, seed 0: 0.500, probe 0.900"],
        ),
        (
            [{"case": "digits: a", "seed": 0, "error": "OSError"}],
            ["0 of 0 runs", "left out: digits: a, seed 0: OSError"],
        ),
    ],
)
def test_the_page(lines, expected):
    text = alarm_counts.page(lines)
    for part in expected:
        assert part in text


def test_the_interval_is_that_of_wilson():
    lines = [diagnosed("digits: a", seed=seed) for seed in range(300)]
    assert "0 of 300 runs, 0 (0 to 0.0126)" in alarm_counts.page(lines)


def test_a_run_is_one_line():
    text = alarm_counts.text(diagnosed("digits: a", "label_noise"))
    assert text == "digits: a, seed 0: 0.950, probe 0.900, 3 s, confirmed: label_noise"
    assert alarm_counts.text(diagnosed("digits: a")).endswith("confirmed: nothing")


def test_completed_runs_are_read_again(tmp_path):
    path = tmp_path / "alarms.jsonl"
    done, failed = diagnosed("a"), {"case": "b", "seed": 0, "error": "OSError"}
    path.write_text(f'{json.dumps(done)}\n{json.dumps(failed)}\n{{"case": "c')
    assert alarm_counts.read(path) == {("a", 0): done}
    assert alarm_counts.read(tmp_path / "none") == {}
