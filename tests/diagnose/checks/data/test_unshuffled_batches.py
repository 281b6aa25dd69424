"""Tests of framework/diagnose/checks/data/unshuffled_batches.py."""

import numpy as np
import pytest

from framework.diagnose.checks.data.unshuffled_batches import UnshuffledBatches
from framework.diagnose.core.measurement import Unavailable


@pytest.fixture
def check(examined, context, scans):
    """Returns the finding for labels that are fed in some order."""

    def run(labels, batch_size=32):
        case = context(
            scans.train,
            scans.validation,
            first_epoch_labels=labels,
            settings={"batch_size": batch_size},
        )
        return examined(UnshuffledBatches(), case)

    return run


def shuffled(labels, width):
    """Returns labels in the order of a shuffle buffer of that size."""
    places = np.arange(len(labels)) + np.random.default_rng(1).uniform(
        0, width, len(labels)
    )
    return labels[np.argsort(places)]


@pytest.mark.parametrize("width", [0, 100])
def test_sorted_labels_are_suspected(check, scans, width):
    finding = check(shuffled(np.sort(scans.train.labels), width))
    assert (finding.cause.name, finding.status) == ("unshuffled_batches", "suspected")


def test_silent_on_shuffled_and_on_balanced_batches(check, scans):
    assert check(scans.train.labels) is None
    assert check(np.arange(1000) % 10) is None
    # A buffer as large as the data set.
    assert check(shuffled(np.sort(scans.train.labels), 5000)) is None


def test_unavailable_for_one_batch_or_an_unknown_order(check, scans):
    unknown, one_batch = check(None), check(scans.train.labels, 5000)
    assert unknown == Unavailable(
        "BatchOrder", "batches are shuffled by construction", is_failure=False
    )
    assert one_batch == Unavailable(
        "BatchOrder", "there is one batch, or a batch has one image", is_failure=False
    )


def test_the_remedy_shuffles(check, scans):
    remedy = check(np.sort(scans.train.labels)).remedy
    assert remedy.intervention.differences() == {"shuffle": True}


def test_evidence_and_message(check):
    finding = check(np.arange(1000) // 100, 20)
    assert finding.message == (
        "a batch holds 1.0 classes' worth of labels on average, and shuffled ones "
        "would hold 7.7: images are fed in an order"
    )
    entropy, z = finding.evidence
    assert entropy.value == 0
    assert str(entropy.threshold) == "below 2.6568: 90% of that of shuffled ones"
    assert z.value > 100
