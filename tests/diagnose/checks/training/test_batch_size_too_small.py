"""Tests of framework/diagnose/checks/training/batch_size_too_small.py."""

import pytest

from framework.diagnose.checks.training.batch_size_too_small import BatchSizeTooSmall


@pytest.mark.parametrize(
    ("size", "clean", "is_suspected"),
    [
        (32, 700, False),
        (1, 700, True),
        (7, 700, True),
        (8, 700, False),
        (1, 990, False),
    ],
)
def test_batches_of_single_images(measured, accuracy, size, clean, is_suspected):
    made = measured(accuracy(clean), batch_size=size)
    assert (BatchSizeTooSmall().suspect(made) is not None) is is_suspected


def test_evidence_and_remedy(measured, accuracy):
    suspicion = BatchSizeTooSmall().suspect(measured(accuracy(), batch_size=2))
    assert not suspicion.is_certain
    assert suspicion.message == "a batch has 2 image(s): steps are mostly noise"
    (evidence,) = suspicion.evidence
    assert (evidence.value, str(evidence.threshold)) == (2.0, "below 8")
    assert suspicion.intervention.differences() == {"batch_size_factor": 16.0}
