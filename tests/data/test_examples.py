"""Tests of framework/data/examples.py."""

import numpy as np
import pytest

from framework.data.dataset import Dataset
from framework.data.examples import divide
from framework.data.split import Split
from framework.errors import UsageError


def test_images_of_weight_0_alone_cannot_be_trained_on():
    labels = np.array([0, 1, 0, 1], np.int32)
    weights = np.array([0, 0, 1, 1], np.float32)
    split = Split(np.zeros((4, 2, 2, 1), np.uint8), labels, weights)
    dataset = Dataset("pets", split, split, ("cat", "dog"))
    assert divide(dataset, 0, 0, excluded=np.array([2])).train.tolist() == [0, 1, 3]
    with pytest.raises(UsageError, match="have weight 0"):
        divide(dataset, 0, 0, excluded=np.array([2, 3]))
