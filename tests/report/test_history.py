"""Tests of framework/report/history.py."""

import errno
import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import RunError
from framework.report.history import History

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def filled(path, name, values):
    """Returns a history of a metric after 10, 20, ... steps; None omits it."""
    history = History(path)
    for index, value in enumerate(values, start=1):
        history.append(10 * index, {} if value is None else {name: value})
    return history


def steps(history):
    return [row["step"] for row in history.rows]


def test_a_new_history_is_empty(path):
    history = History(path)
    assert len(history) == 0
    assert history["validation/loss"].shape == (0,)
    assert history.best("validation/loss") is None
    assert history.ranked("validation/loss") == []
    assert history.last_step is None
    assert not path.exists()


def test_rows_are_read_back(path):
    history = History(path)
    history.append(10, {"epoch": 0.5, "validation/loss": 0.1 + 0.2})
    history.append(20, {"epoch": 1.0, "validation/recall/löwe": 1e-300})
    again = History(path)
    assert again.rows == history.rows
    assert again.rows[0] == {"step": 10, "epoch": 0.5, "validation/loss": 0.1 + 0.2}
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [
        10,
        20,
    ]


def test_a_metric_over_all_evaluations(path):
    history = filled(path, "train/loss", [3.0, None, NAN, -INF])
    np.testing.assert_array_equal(history["train/loss"], [3.0, NAN, NAN, -INF])
    np.testing.assert_array_equal(history["step"], [10, 20, 30, 40])
    assert history["train/loss"].dtype == np.float64
    np.testing.assert_array_equal(History(path)["train/loss"], history["train/loss"])


@given(st.lists(st.floats(), max_size=5))
def test_any_number_is_read_back(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.unlink(missing_ok=True)
    filled(path, "a", values)
    np.testing.assert_array_equal(History(path)["a"], np.array(values, np.float64))


@pytest.mark.parametrize(
    ("step", "left"), [(0, []), (5, []), (10, [10]), (25, [10, 20]), (99, [10, 20, 30])]
)
def test_cut_back(path, step, left):
    history = filled(path, "a", [1.0, 2.0, 3.0])
    history.truncate(step)
    assert steps(history) == left
    assert steps(History(path)) == left
    history.append(100, {"a": 4.0})
    assert steps(History(path)) == [*left, 100]


@pytest.mark.parametrize("lost", range(1, 20))
def test_half_a_last_line_is_left_out(path, lost):
    filled(path, "a", [1.0, 2.0, 3.0])
    path.write_bytes(path.read_bytes()[:-lost])
    history = History(path)
    # Of the last row, only the line end may be missing.
    assert steps(history) == ([10, 20, 30] if lost == 1 else [10, 20])
    history.truncate(20)
    history.append(30, {"a": 3.5})
    assert [row["a"] for row in History(path).rows] == [1.0, 2.0, 3.5]


def test_what_a_crash_left_behind_is_left_out(path):
    filled(path, "a", [1.0, 2.0])
    with path.open("ab") as file:
        file.write(bytes(100))
    assert steps(History(path)) == [10, 20]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "Expecting value"),
        (b"null", "not a JSON object"),
        (b"{}", "its step is not a non-negative integer"),
        (b'{"step": 20', "delimiter"),
        (b'{"step": true}', "its step is not a non-negative integer"),
        (b'{"step": -20}', "its step is not a non-negative integer"),
        (b'{"step": 20.0}', "its step is not a non-negative integer"),
        (b'{"step": 10}', "step 10 does not increase"),
        (b'{"step": 5}', "step 5 does not increase"),
        (b'{"step": 20, "a": "0.5"}', "its 'a' is not a number"),
        (b'{"step": 20, "a": [0.5]}', "its 'a' is not a number"),
        (b'{"step": 20, "a": null}', "its 'a' is not a number"),
        (b'{"step": 20, "a": ' + b"9" * 400 + b"}", "its 'a' is not a number"),
        (b'{"step": 20, "a": ' + b"[" * 100_000, "too deeply"),
        (b'{"step": 20, "\xff": 1}', "not UTF-8"),
    ],
)
@pytest.mark.parametrize("rest", [b"\n", b'\n{"step": 30}\n'])
def test_a_damaged_line_is_told_by_its_place(path, line, why, rest):
    content = b'{"step": 10}\n' + line + rest
    path.write_bytes(content)
    with pytest.raises(RunError, match=why) as messages:
        History(path)
    assert str(messages.value).startswith(f"{path}, line 2 is damaged (")
    assert "--fresh" in str(messages.value)
    assert "\n" not in str(messages.value)
    assert path.read_bytes() == content


def test_a_folder_in_its_place_is_told(path):
    path.mkdir()
    with pytest.raises(RunError, match="cannot be read: Is a directory"):
        History(path)


@pytest.mark.parametrize("before", [0, 2])
def test_a_full_disk_leaves_the_file_as_it_was(path, before, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    history = filled(path, "a", [1.0, 2.0][:before])
    content = path.read_bytes() if before else b""
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            history.append(30, {"a": 3.0})
    assert path.read_bytes() == content
    assert len(history) == before
    history.append(30, {"a": 3.0})
    assert steps(history) == steps(History(path)) == [*[10, 20][:before], 30]


@pytest.mark.parametrize(
    ("name", "values", "best"),
    [
        ("validation/accuracy", [0.5, 0.7, 0.6], 20),
        ("validation/loss", [0.5, 0.7, 0.6], 10),
        ("validation/ece", [0.5, 0.3, 0.6], 20),
        ("validation/top1_error", [0.5, 0.3, 0.6], 20),
        # Ties: the first.
        ("validation/accuracy", [0.5, 0.7, 0.7], 20),
        ("validation/loss", [0.5, 0.5], 10),
        # NaN and missing values are never the best.
        ("validation/accuracy", [NAN, 0.5, NAN, 0.4], 20),
        ("validation/accuracy", [INF, 0.5], 20),
        ("validation/loss", [-INF, NAN, 0.5], 30),
        ("validation/loss", [None, 3.0], 20),
        ("validation/accuracy", [NAN, None, INF], None),
        # A negative metric.
        ("validation/margin", [-3.0, -1.0, -2.0], 20),
        # The recall of a class named like a loss is maximized all the same.
        ("validation/recall/floss", [0.2, 0.9], 20),
        ("validation/precision/error", [0.2, 0.9], 20),
    ],
)
def test_best(path, name, values, best):
    history = filled(path, name, values)
    actual = history.best(name)
    assert (actual and actual["step"]) == best
    assert history.ranked(name)[:1] == ([best] if best else [])


@pytest.mark.parametrize(
    ("name", "until", "expected"),
    [
        ("validation/accuracy", None, [40, 20, 30, 60]),
        ("validation/accuracy", 30, [20, 30]),
        ("validation/loss", None, [60, 20, 30, 40]),
    ],
)
def test_ranked_has_the_best_first_and_of_equals_the_first(path, name, until, expected):
    history = filled(path, name, [NAN, 0.5, 0.5, 0.6, INF, 0.1])
    assert history.last_step == 60
    assert history.ranked(name, until) == expected


def changed(row):
    return lambda rows: [*rows[:1], row, *rows[2:]]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda rows: rows, None),
        # Evaluations after the checkpoint.
        (lambda rows: [*rows, {"step": 40, "loss": 1.0}], None),
        (lambda rows: rows[:2], "has 2 of 3 evaluations"),
        (lambda rows: [], "has 0 of 3 evaluations"),
        (lambda rows: [*rows[:1], *rows[2:]], "has 2 of 3 evaluations"),
        (changed({"step": 20, "loss": 0.25}), "has other numbers in its first 3 lines"),
        (changed({"step": 21, "loss": 0.5}), "has other numbers in its first 3 lines"),
        (changed({"step": 20}), "has other numbers in its first 3 lines"),
    ],
)
def test_rows_that_a_checkpoint_knows_are_neither_lost_nor_changed(
    path, damage, problem
):
    history = filled(path, "loss", [NAN, 0.5, 0.1 + 0.2])
    fingerprint = history.fingerprint()
    lines = [json.dumps(row) + "\n" for row in damage(history.rows)]
    path.write_text("".join(lines))
    again = History(path)
    if problem is None:
        again.check_against(fingerprint)
        return
    with pytest.raises(RunError, match=f"{problem}.*--fresh"):
        again.check_against(fingerprint)


def test_a_fingerprint_follows_rows_that_are_removed_and_added(path):
    history = filled(path, "loss", [3.0, 2.0, 1.0])
    history.truncate(10)
    history.append(20, {"loss": 2.0})
    fresh = filled(path.with_name("fresh.jsonl"), "loss", [3.0, 2.0])
    np.testing.assert_equal(history.fingerprint(), fresh.fingerprint())


def test_an_older_checkpoint_has_no_fingerprint(path):
    filled(path, "loss", [3.0]).check_against({"model/0": np.zeros(3)})


def test_a_table_of_pandas(path):
    history = filled(path, "validation/loss", [3.0, None, 2.0])
    frame = history.to_pandas()
    assert list(frame.index) == [10, 20, 30]
    np.testing.assert_array_equal(frame["validation/loss"], [3.0, NAN, 2.0])
    assert len(History(path.with_name("none.jsonl")).to_pandas()) == 0


def test_it_says_its_best_and_last_values(path):
    history = filled(path, "validation/accuracy", [0.5, 0.75, 0.625])
    assert "0.75 at its best (step 20), 0.625 at the last of 3" in repr(history)
    assert "<svg" in history._repr_html_()
    assert repr(History(path.with_name("none.jsonl"))).endswith("0 evaluations)")
