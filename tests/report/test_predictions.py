"""Tests of framework/report/predictions.py."""

import numpy as np
import pytest

from framework.numerics.metrics import Predictions, summarize
from framework.report import predictions as lib
from framework.system import archive
from framework.system.archive import DamagedError

INTEGERS = np.array([0, 1, 2, 7], np.int32)
FLOATS = np.array([0.5, 0.25, np.nan, 1.0], np.float32)
GOOD = {
    "labels": INTEGERS,
    "predicted": INTEGERS[::-1],
    "rank": np.array([7, 1, 2, 7], np.int32),
    "confidence": FLOATS,
    "losses": np.array([1.0, np.inf, np.nan, 0.0], np.float32),
}


def write(folder, step, **changes):
    lib.write(folder, step, Predictions(**{**GOOD, **changes}))
    return folder / f"step-{step:08d}.npz"


def test_what_is_written_is_read(tmp_path):
    actual = lib.read(write(tmp_path, 7))
    for name, value in GOOD.items():
        np.testing.assert_array_equal(getattr(actual, name), value)
        assert getattr(actual, name).dtype == value.dtype


def earlier(path):
    """Writes a file in the format without ranks and checksums."""
    np.savez(path, **{name: GOOD[name] for name in GOOD if name != "rank"})
    return path


def test_without_ranks_there_is_no_top5_accuracy(tmp_path):
    names = [str(index) for index in range(8)]
    actual = lib.read(earlier(tmp_path / "step-00000010.npz"))
    assert actual.rank is None
    assert "top5_accuracy" not in summarize(actual, names)
    again = lib.read(write(tmp_path, 20))
    assert summarize(again, names)["top5_accuracy"] == 0.5
    assert lib.read(write(tmp_path, 30, rank=None)).rank is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"labels": None}, "it has no labels"),
        ({"losses": None}, "it has no losses"),
        ({"labels": FLOATS}, r"labels is float32 \[4\]"),
        ({"labels": INTEGERS > 0}, r"labels is bool \[4\]"),
        ({"labels": np.int32(3)}, r"labels is int32 \[\]"),
        ({"labels": INTEGERS - 1}, "labels is out of range"),
        (
            {"labels": INTEGERS.astype(np.int64) << 40},
            "labels is out of range",
        ),
        ({"predicted": INTEGERS - 1}, "predicted is out of range"),
        ({"predicted": INTEGERS[:3]}, "predicted has 3 entries"),
        ({"rank": INTEGERS - 1}, "rank is out of range"),
        ({"rank": FLOATS}, r"rank is float32 \[4\]"),
        ({"confidence": INTEGERS}, r"confidence is int32 \[4\]"),
        ({"losses": FLOATS[:, None]}, r"losses is float32 \[4, 1\]"),
        (dict.fromkeys(GOOD, INTEGERS[:0]), "labels has 0 entries"),
    ],
)
def test_other_arrays_are_refused(tmp_path, changes, why):
    path = tmp_path / "step-00000007.npz"
    arrays = {**GOOD, **changes}
    known = {
        name: np.asarray(arrays[name]) for name in arrays if arrays[name] is not None
    }
    archive.write(path, 7, known)
    with pytest.raises(DamagedError, match=f"is not a file of predictions: {why}"):
        lib.read(path)
    assert lib.read_all(tmp_path) == {}


def test_all_are_read_in_their_order_however_many_digits(tmp_path, caplog):
    steps = [9, 80, 99_999_999, 100_000_000]
    for step in steps[::-1]:
        write(tmp_path, step)
    assert list(lib.read_all(tmp_path)) == steps
    assert not caplog.records


def test_what_is_no_folder_has_none(tmp_path):
    assert lib.read_all(tmp_path / "nowhere") == {}


STRANGE = [
    "step-foo.npz",
    "step-00000002 (copy).npz",
    "step-2.npz",
    "step-000000002.npz",
    "step-99999999999999999999.npz",
    "step-\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0662.npz",
    "step-00000002.npz.bak",
    "notes.txt",
]


def test_files_of_other_names_are_left_alone_with_one_warning(tmp_path, caplog):
    content = write(tmp_path, 10).read_bytes()
    for name in STRANGE:
        (tmp_path / name).write_bytes(content)
    (tmp_path / "step-00000020.npz.1234.tmp").write_bytes(b"half")
    assert list(lib.read_all(tmp_path)) == [10]
    (record,) = caplog.records
    assert "; and 5 more" in record.getMessage()
    lib.truncate(tmp_path, 0)
    assert {path.name for path in tmp_path.glob("*[!p]")} == set(STRANGE)


def test_damaged_and_foreign_files_are_left_out_with_one_warning(tmp_path, caplog):
    for step in (10, 20, 30, 40):
        write(tmp_path, step)
    write(tmp_path, 15, labels=INTEGERS[::-1])
    path = tmp_path / "step-00000020.npz"
    path.write_bytes(path.read_bytes()[:-1])
    (tmp_path / "step-00000050.npz").mkdir()
    assert list(lib.read_all(tmp_path)) == [10, 30, 40]
    (record,) = caplog.records
    for part in ("50.npz cannot be read", "20.npz cannot be read", "of other examples"):
        assert part in record.getMessage()


def test_those_of_given_labels_are_kept(tmp_path):
    write(tmp_path, 10)
    write(tmp_path, 20, labels=INTEGERS[::-1])
    assert list(lib.read_all(tmp_path)) == [20]
    assert list(lib.read_all(tmp_path, INTEGERS)) == [10]


def test_cutting_back_deletes_what_came_after(tmp_path):
    for step in (10, 20, 100_000_000):
        write(tmp_path, step)
    (tmp_path / "step-00000030.npz").mkdir()
    lib.truncate(tmp_path, 10)
    assert list(lib.read_all(tmp_path)) == [10]


def test_several_labels_come_back(tmp_path):
    labels = np.array([[1, 0, 1], [0, 0, 0]], np.int32)
    weights = np.array([1, 2], np.float32)
    confidence = np.full((2, 3), 0.75, np.float32)
    losses = np.zeros(2, np.float32)
    written = Predictions(labels, labels, None, confidence, losses, weights)
    lib.write(tmp_path, 3, written)
    (actual,) = lib.read_all(tmp_path).values()
    for name in ("labels", "predicted", "confidence", "losses", "weights"):
        np.testing.assert_array_equal(getattr(actual, name), getattr(written, name))
    assert actual.is_correct.tolist() == [True, True]
