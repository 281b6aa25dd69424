"""Tests of framework/diagnose/data/unshuffled_batches.py."""

import numpy as np
import pytest
from framework.diagnose.change import Change
from framework.diagnose.data.unshuffled_batches import change, measure, rule
from framework.diagnose.detector import Measures, NotMeasuredError


@pytest.fixture
def measured(subject, scans):
    """Returns what is measured of labels fed in some order."""

    def measured(fed, batch_size=32):
        made = subject(scans.train, scans.validation, fed=fed)
        made.settings["batch_size"] = batch_size
        return Measures({"labels/illegal": False} | measure(made))

    return measured


def shuffled(labels, width):
    """Returns labels as a buffer of so many would give them."""
    places = np.arange(len(labels)) + np.random.default_rng(1).uniform(
        0, width, len(labels)
    )
    return labels[np.argsort(places)]


@pytest.mark.parametrize("width", [0, 100])
def test_fires_on_sorted_labels(measured, scans, width):
    finding = rule(measured(shuffled(np.sort(scans.train.labels), width)))
    assert (finding.cause, finding.status) == ("unshuffled_batches", "suspected")


def test_silent_on_shuffled_and_on_balanced_batches(measured, scans):
    assert rule(measured(scans.train.labels)) is None
    assert rule(measured(np.arange(1000) % 10)) is None
    # A buffer as large as the data set.
    assert rule(measured(shuffled(np.sort(scans.train.labels), 5000))) is None


def test_says_nothing_of_one_batch_or_of_an_order_that_is_not_known(measured, scans):
    for made in (measured(None), measured(scans.train.labels, 5000)):
        with pytest.raises(NotMeasuredError):
            rule(made)


def test_what_would_mend_it(measured, scans):
    assert change(measured(None)).differences() == Change(shuffle=True).differences()


def test_the_evidence(measured):
    finding = rule(measured(np.arange(1000) // 100, 20))
    assert finding.message == (
        "a batch holds 1.0 classes' worth of labels on average, and shuffled ones "
        "would hold 7.7: images are fed in an order"
    )
    entropy, z = finding.evidence
    assert entropy.value == 0
    assert entropy.threshold == "below 90% of the 2.95 of shuffled ones"
    assert z.value > 100
