"""Tests of framework/launch/comparison.py."""

import numpy as np
import pytest

from framework.config import Config
from framework.launch.comparison import Comparison
from framework.launch.stretches import Kept, Stretch
from framework.numerics.metrics import Predictions
from framework.report import predictions as predictions_lib


def predictions(loss=1.0):
    zeros = np.zeros(2, np.int32)
    losses = np.full(2, loss, np.float32)
    return Predictions(zeros, zeros, zeros, losses, losses)


def rows(*steps):
    return [{"step": step, "loss": step / 10} for step in steps]


EVALUATED = {20: predictions(), 30: predictions()}


@pytest.fixture
def comparison(tmp_path):
    (tmp_path / "predictions").mkdir()
    stretch = Stretch(Kept(10), Kept(30), Config())
    return lambda is_pending=False: Comparison(tmp_path, stretch, is_pending)


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (rows(10, 20, 30, 40), []),
        # Those before the stretch are not compared.
        ([{"step": 10, "loss": 9.0}, *rows(20, 30)], []),
        (rows(10, 30), ["metrics.jsonl, step 20: the line is missing"]),
        (
            rows(10, 15, 20, 30),
            ["metrics.jsonl, step 15: there is no evaluation at this step"],
        ),
        (
            [*rows(10, 20), {"step": 30, "loss": 5.0}],
            ["metrics.jsonl, step 30: loss: 5.0, recomputed 3.0"],
        ),
    ],
)
def test_lines(comparison, kept, expected):
    recomputed = rows(10, 20, 30)
    differences = comparison().of_evaluations(kept, recomputed, EVALUATED)
    assert list(map(str, differences)) == expected


def test_the_last_evaluation_may_be_pending(comparison):
    recomputed = rows(10, 20, 30)
    pending = comparison(is_pending=True)
    assert pending.of_evaluations(rows(10, 20), recomputed, EVALUATED) == []
    # A later line shows that the pending evaluation was rerun.
    differences = pending.of_evaluations(rows(10, 20, 40), recomputed, EVALUATED)
    assert [each.step for each in differences] == [30]


def test_predictions(comparison, tmp_path):
    for step, loss in ((20, 1.0), (30, 2.0)):
        predictions_lib.write(tmp_path / "predictions", step, predictions(loss))
    (difference,) = comparison().of_predictions(EVALUATED)
    assert (difference.step, difference.name) == (30, "confidence")
    path = tmp_path / "predictions/step-00000020.npz"
    path.write_bytes(b"x")
    assert "cannot be read" in comparison().of_predictions(EVALUATED)[0].detail
    path.unlink()
    compared = comparison()
    compared.of_predictions(EVALUATED)
    assert compared.missing == 1


def test_checkpoints(comparison, tmp_path):
    path = tmp_path / "checkpoints/step-00000030.npz"
    zero, one = {"a": np.zeros(1)}, {"a": np.ones(1)}
    assert comparison().of_checkpoints({path: zero}, {path: zero}) == []
    (difference,) = comparison().of_checkpoints({path: zero}, {path: one})
    assert difference.file == "checkpoints/step-00000030.npz"
