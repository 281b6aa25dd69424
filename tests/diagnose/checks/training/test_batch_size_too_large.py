"""Tests of framework/diagnose/checks/training/batch_size_too_large.py."""

import pytest

from framework.diagnose.checks.training.batch_size_too_large import BatchSizeTooLarge


@pytest.mark.parametrize(
    ("settings", "count", "clean", "is_suspected"),
    [
        ({}, 2000, 700, False),
        ({"batch_size": 500}, 100, 700, True),
        ({"batch_size": 250}, 300, 700, True),
        ({"batch_size": 240}, 100, 700, False),
        ({"batch_size": 512, "train_images": 50_000}, 100, 700, True),
        # Keras's default is large for nobody.
        ({"batch_size": 32, "train_images": 60}, 100, 700, False),
        # Trap H24: large batches, but steps enough.
        ({"batch_size": 500}, 400, 700, False),
        ({"batch_size": 500}, 100, 990, False),
    ],
)
def test_batches_so_large_that_steps_are_few(
    measured, accuracy, steps, settings, count, clean, is_suspected
):
    made = measured(accuracy(clean), steps(steps=count), **settings)
    assert (BatchSizeTooLarge().suspect(made) is not None) is is_suspected


def test_evidence_and_remedy(measured, accuracy, steps):
    made = measured(accuracy(), steps(steps=128), batch_size=500, epochs=64)
    suspicion = BatchSizeTooLarge().suspect(made)
    assert not suspicion.is_certain
    assert suspicion.message == (
        "a batch has 500 images, 50% of all: in 64 epochs there are 128 steps only"
    )
    assert [(e.value, str(e.threshold)) for e in suspicion.evidence] == [
        (128.0, "300 or less"),
        (0.5, "0.25 or more; or 512 images or more; and more than 32 images"),
    ]
    assert suspicion.intervention.differences() == {"batch_size_factor": 1 / 8}
