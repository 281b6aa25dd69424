"""Tests of framework/commands/audit.py."""

import csv

import numpy as np
import pytest

from framework.data.drawn import drawn_flowers


@pytest.fixture
def audited(command, tmp_path):
    """Runs the command in `tmp_path`; returns its exit code and output."""
    # In a process of its own: its flags have the names of those of other commands.
    (tmp_path / "script.py").write_text("from framework.commands import main\nmain()")

    def audited(*arguments):
        done = command("script", "audit", *arguments, folder=tmp_path)
        return done.returncode, done.stdout, done.stderr

    return audited


@pytest.fixture
def arrays(tmp_path):
    """An .npz file whose first validation image is the first training image."""
    data = drawn_flowers(train=60, validation=20, size=32)
    images = data.validation.images.copy()
    images[0] = data.train.images[0]
    labels = data.validation.labels.copy()
    labels[0] = (data.train.labels[0] + 1) % 5
    np.savez(
        tmp_path / "data.npz",
        x_train=data.train.images,
        y_train=data.train.labels,
        x_validation=images,
        y_validation=labels,
    )
    return tmp_path / "data.npz"


@pytest.mark.extended
def test_prints_a_summary_and_writes_only_the_file_it_is_given(
    audited, arrays, tmp_path
):
    files = {"data.npz", "script.py"}
    code, out, _ = audited(f"--dataset=arrays({str(arrays)!r})")
    assert code == 0
    assert "exact duplicates: 1 pair, 1 across the splits, 1 with different" in out
    assert {each.name for each in tmp_path.iterdir()} == files
    code, out, _ = audited(f"--dataset=arrays({str(arrays)!r})", "--output=list.csv")
    assert (code, out.splitlines()[-1]) == (0, "the list is in list.csv")
    with open(tmp_path / "list.csv", encoding="utf-8", newline="") as file:
        (row,) = [row for row in csv.DictReader(file) if "duplicate" in row["kind"]]
    assert (row["image"], row["other_image"], row["labels_differ"]) == (
        "0",
        "0",
        "true",
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--dataset=digit"], 2),
        (["--dataset=digits", "more"], 2),
        (["--dataset=digits", "--output=nowhere/data.csv"], 2),
        (["--dataset=folder('nowhere')"], 2),
        (["--dataset=digits", "--embedding=nothing.keras"], 2),
        (["--dataset=digits", "--embedding_pixels=raw"], 2),
        (["--dataset=arrays('damaged.npz')"], 1),
    ],
)
def test_what_cannot_be_done_is_one_error(audited, tmp_path, arguments, code):
    (tmp_path / "damaged.npz").write_bytes(b"PK no more")
    actual, out, message = audited(*arguments)
    assert (actual, out) == (code, "")
    assert message.startswith("error: ")
    assert message.count("error: ") == 1
