"""All checks of data on contexts of every form: none fails, none cries wolf."""

import dataclasses

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.checks import CHECKS
from framework.diagnose.core.budget import Budget
from framework.diagnose.core.check import examine
from framework.diagnose.core.finding import Finding
from framework.diagnose.core.trials import Trials

_CHECKS = [
    check
    for check in CHECKS
    if check.cause.stage == "data" and check.cause_name != "label_noise"
]


def findings(context):
    """Returns the findings of all checks; no measurement may fail."""
    trials = Trials(context, Budget(), lambda line: None)
    results = [examine(check, context.measurements, trials) for check in _CHECKS]
    assert not [each for each in context.measurements.unavailable if each.is_failure]
    return [each for each in results if isinstance(each, Finding)]


def blobs(shape, count, classes, seed=0):
    """Returns images of each class around one of its own."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = np.random.default_rng(9).uniform(0, 255, (classes, *shape))
    images = centres[labels] + generator.normal(0, 60, (count, *shape))
    return Split(np.clip(images, 0, 255), labels.astype(np.int32))


_SHAPES = [(12, 12), (12, 9, 1), (16, 16, 3), (4, 4, 1), (3, 3, 1), (30,), (2,)]


@pytest.mark.extended
@pytest.mark.parametrize("kind", ["uint8", "float64"])
@pytest.mark.parametrize("shape", _SHAPES, ids=str)
@pytest.mark.parametrize(("counts", "classes"), [((20, 20), 2), ((300, 100), 10)])
def test_no_form_of_input_is_an_error(context, kind, shape, counts, classes):
    splits = [
        Split(each.images.astype(kind), each.labels)
        for each in (
            blobs(shape, count, classes, seed) for seed, count in enumerate(counts)
        )
    ]
    for case in (context(*splits), context(*splits, dev=splits[1])):
        confirmed = {
            each.cause.name for each in findings(case) if each.status == "confirmed"
        }
        # Float inputs of the linear model are 0 to 255.
        assert confirmed <= {"validation_too_small"}


def test_a_hundred_classes(context):
    splits = [blobs((8, 8, 1), count, 100, count) for count in (400, 200)]
    assert not [each for each in findings(context(*splits)) if each.cost]


@pytest.mark.parametrize("fault", ["one image", "nan", "constant", "one class"])
def test_degenerate_data_are_no_error(context, fault):
    train, validation = (blobs((8, 8, 1), count, 3, count) for count in (60, 40))
    images, labels = train.images.copy(), train.labels
    if fault == "one image":
        images[:] = images[0]
    elif fault == "nan":
        images[3] = np.nan
    elif fault == "constant":
        images[:] = 0
    else:
        labels = np.zeros_like(labels)
    healthy = context(blobs((8, 8, 1), 60, 3), validation)
    findings(
        dataclasses.replace(
            healthy,
            train=Split(images, labels),
            labels={"train": labels, "validation": validation.labels},
        )
    )
