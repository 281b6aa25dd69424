"""A sample of benchmarks/faults/tampering.py."""

import numpy as np
import pytest

from benchmarks.faults import tampering
from benchmarks.faults.tampering import SHARES
from framework.report.history import History
from framework.system import archive


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(5, marks=pytest.mark.extended),
        pytest.param(100, marks=pytest.mark.slow),
    ],
)
def test_careful_tampering_is_found(number):
    tallies, by_share = tampering.plant(seed=0, number=number)
    assert sum(tally.tried for tally in tallies) == number
    assert not any(tally.mishandled for tally in tallies)
    means = [np.mean(by_share[share]) for share in SHARES]
    assert means == sorted(means)


def test_other_lines_have_a_fingerprint_that_fits(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    history = History(tmp_path / "metrics.jsonl")
    history.append(5, {"loss": 1.0})
    path = tmp_path / "checkpoints/step-00000005.npz"
    archive.write(path, 5, {"a": np.zeros(2), **history.fingerprint()})
    tampering.write_rows(tmp_path, [{"step": 5, "loss": 0.5}])
    changed = History(tmp_path / "metrics.jsonl")
    assert changed.rows == [{"step": 5, "loss": 0.5}]
    changed.check_against(archive.read(path))


def test_the_data_differ_in_one_pixel(tmp_path):
    with np.load(tampering.write_data(tmp_path / "data.npz")) as file:
        before = file["x_train"]
    first = int(before[0, 0, 0, 0])
    changed = tampering.write_data(tmp_path / "data.npz", first_pixel=first ^ 1)
    with np.load(changed) as file:
        assert (file["x_train"] != before).sum() == 1
