"""Tests of framework/diagnose/report/data_problems.py."""

import csv

from framework.diagnose.report.data_problems import (
    EXACT,
    LABEL,
    NEAR,
    ODD,
    DataProblem,
    Place,
    ordered,
    summary,
    write,
)

ROSE = Place("train", "data/rose/1.jpg", "rose")
TULIP = Place("validation", "data/tulip/2.jpg", "tulip")
OTHER = Place("train", "7", "rose")


def test_conflicting_labels_come_first():
    same = DataProblem(EXACT, ROSE, OTHER, 1.0)
    conflict = DataProblem(EXACT, ROSE, TULIP, 1.0)
    close = DataProblem(NEAR, ROSE, OTHER, 0.9)
    unlikely, likely = (DataProblem(LABEL, ROSE, score=each) for each in (0.01, 0.2))
    odd = DataProblem(ODD, ROSE, note="all pixels are equal")
    problems = [likely, close, same, conflict, unlikely, odd]
    wanted = (odd, conflict, same, close, unlikely, likely)
    assert ordered(problems) == wanted


def test_file_has_one_line_a_problem(tmp_path):
    problems = [
        DataProblem(EXACT, ROSE, TULIP, 1.0),
        DataProblem(LABEL, ROSE, score=0.012345, note='like "tulip", rather'),
    ]
    write(problems, tmp_path / "data.csv")
    with open(tmp_path / "data.csv", encoding="utf-8", newline="") as file:
        pair, label = csv.DictReader(file)
    assert pair["kind"] == "exact duplicate"
    assert (pair["image"], pair["other_image"]) == (ROSE.image, TULIP.image)
    assert (pair["is_across_splits"], pair["labels_differ"]) == ("true", "true")
    assert (pair["score"], label["score"]) == ("1", "0.01235")
    assert (label["other_image"], label["labels_differ"]) == ("", "")
    assert label["note"] == 'like "tulip", rather'


def test_terminal_codes_in_names_are_escaped(tmp_path):
    problem = DataProblem(ODD, Place("train", "a/\x1b[31m.jpg", "a"), note="odd")
    write([problem], tmp_path / "data.csv")
    assert "\x1b" not in (tmp_path / "data.csv").read_text() + summary([problem])


def test_summary_counts_and_shows_the_first():
    assert summary([]) == ""
    problems = [DataProblem(EXACT, ROSE, TULIP, 1.0)]
    problems += [DataProblem(EXACT, ROSE, OTHER, 1.0)] * 8
    lines = summary(problems).splitlines()
    assert lines[0] == (
        "exact duplicates: 9 pairs, 1 across the splits, 1 with different labels (1 of "
        "these across the splits)"
    )
    assert lines[1] == (
        "  train data/rose/1.jpg (rose) = validation data/tulip/2.jpg (tulip)"
    )
    assert lines[-1] == "  and 3 more"
    assert len(lines) == 8
