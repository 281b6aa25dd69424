"""A sample of benchmarks/faults/flips.py."""

import pytest

from benchmarks.faults import flips
from framework.system import archive


def test_damaged_checkpoints_are_found_out():
    for tally in flips.fuzz(seed=0, number=150, only=""):
        assert tally.tried == 150
        assert not tally.mishandled, tally.details()


@pytest.fixture
def path(tmp_path):
    archive.write(tmp_path / "step-00000042.npz", 42, flips.values())
    return tmp_path / "step-00000042.npz"


def test_a_whole_checkpoint_is_handled(path):
    assert flips.problem(path) is None


def test_other_values_are_found_to_be_silently_wrong(path, monkeypatch):
    values = archive.read(path)
    values["model/bias"] = values["model/bias"] + 1
    monkeypatch.setattr(archive, "read", lambda path: values)
    assert flips.problem(path) == "wrong values, silently"
