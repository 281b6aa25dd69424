"""Measurements that several checks of data need, with defaults."""

import pytest

from framework.diagnose.measure.accuracy import Accuracy, SplitAccuracy
from framework.diagnose.measure.label_signal import LabelSignal
from framework.diagnose.measure.labels import LabelValidity, SplitLabels
from framework.diagnose.measure.preprocessing import PreprocessingDifference
from framework.diagnose.measure.probe import Signal
from framework.numerics.intervals import Estimate, difference, proportion

NO_GAIN = Estimate(0.0, 0.0, 0.0)


def make_validity(outside=0):
    """Returns labels with this number of illegal ones."""
    legal, train = (SplitLabels(1000, 0, 0, n, 0, "", 10) for n in (0, outside))
    return LabelValidity(10, train, legal)


def make_split_accuracy(correct, total=1000, majority=0.1):
    """Returns the accuracy of a split with this number of correct predictions."""
    return SplitAccuracy(total, proportion(correct, total), 1.0, 0.1, majority)


def make_accuracy(clean=900, validation=700, **changes):
    """Returns accuracies of 1,000 images each; `changes` replace fields."""
    splits = [make_split_accuracy(correct) for correct in (clean, validation)]
    fields = {
        "classes": 10,
        "train_clean": splits[0],
        "train_dev": None,
        "validation": splits[1],
        "training_mode": splits[0].accuracy,
        "gap": difference(splits[0].accuracy, splits[1].accuracy),
        "gap_to_dev": None,
        "gap_from_dev": None,
    }
    return Accuracy(**{**fields, **changes})


def make_label_signal(train=50.0, validation=50.0):
    """Returns signals that many standard deviations from chance."""
    signals = {
        name: Signal(proportion(900, 1000), 0.1, z, "linear probe")
        for name, z in (("train", train), ("validation", validation))
    }
    return LabelSignal(signals, {}, {})


def make_preprocessing(gain=NO_GAIN, transform="", scale_ratio=1.0):
    """Returns a comparison of the preprocessing; without a difference by default."""
    return PreprocessingDifference(scale_ratio, transform, gain)


@pytest.fixture(scope="session")
def validity():
    """Makes `LabelValidity`: `validity(outside=0)`."""
    return make_validity


@pytest.fixture(scope="session")
def split_accuracy():
    """Makes `SplitAccuracy`: `split_accuracy(correct, total=1000)`."""
    return make_split_accuracy


@pytest.fixture(scope="session")
def accuracy():
    """Makes `Accuracy`: `accuracy(clean=900, validation=700, **fields)`."""
    return make_accuracy


@pytest.fixture(scope="session")
def label_signal():
    """Makes `LabelSignal`: `label_signal(train=50.0, validation=50.0)`."""
    return make_label_signal


@pytest.fixture(scope="session")
def preprocessing():
    """Makes `PreprocessingDifference`: `preprocessing(gain, transform, ...)`."""
    return make_preprocessing
