"""Tests of framework/diagnose/measure/train_eval_modes.py."""

import numpy as np
import pytest

from framework.diagnose.core.measurement import NotApplicableError, UnavailableError
from framework.diagnose.measure.train_eval_modes import (
    ReestimatedStatistics,
    TrainEvalModes,
    ValidationModes,
)


class GivenProgram:
    """Is right in evaluation mode, wrong in training mode, or as it is given."""

    def __init__(self, data, reestimated=None):
        self._data = data
        self._reestimated = reestimated

    def predict(self, images, training=False):
        is_train = len(images) == len(self._data.train)
        split = self._data.train if is_train else self._data.validation
        classes = (split.labels + (1 if training else 0)) % 10
        return np.eye(10, dtype=np.float32)[classes]

    def weights(self, at_initialization):
        # One of two moving statistics has never been updated.
        return {
            "norm/gamma": np.ones(2),
            "norm/moving_mean": np.zeros(2),
            "norm/moving_variance": np.ones(2) + at_initialization,
        }

    def predict_reestimated(self, images, train_images):
        if self._reestimated is None:
            raise NotApplicableError("there is no batch norm")
        return self._reestimated


@pytest.fixture
def case(context, scans):
    """Returns a context; its outputs with new statistics are given."""

    def run(reestimated=None):
        program = GivenProgram(scans, reestimated)
        return context(scans.train, scans.validation, program=program)

    return run


def test_both_modes_are_measured(case):
    modes = case().get(TrainEvalModes)
    # In training mode all is wrong.
    assert modes.drop.value == -1.0
    assert case().get(ValidationModes).gain.value == -1.0
    assert modes.unchanged_statistics == ("norm/moving_mean",)


def test_statistics_taken_anew_are_measured(case, scans):
    wrong = np.eye(10, dtype=np.float32)[(scans.validation.labels + 1) % 10]
    assert case(wrong).get(ReestimatedStatistics).gain.value == -1.0


def test_unavailable_without_batch_norm(case):
    with pytest.raises(UnavailableError, match="there is no batch norm"):
        case().get(ReestimatedStatistics)
