"""All detectors of data on subjects of every form: none fails, none cries wolf."""

import numpy as np
import pytest
from framework.diagnose.data import DETECTORS
from framework.diagnose.detector import Measures, detect
from framework.diagnose.repair import Repairs

from framework.data.dataset import Split
from framework.diagnose import accuracy


def findings(made):
    measures = Measures(accuracy.measure(made))
    measures["settings"] = dict(made.settings)
    repairs = Repairs(made, 1.0, lambda name: None)
    return detect(DETECTORS, measures, repairs)


def blurred(shape, count, classes, seed=0):
    """Returns images of each class around one of its own."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = np.random.default_rng(9).uniform(0, 255, (classes, *shape))
    images = centres[labels] + generator.normal(0, 60, (count, *shape))
    return Split(np.clip(images, 0, 255), labels.astype(np.int32))


_SHAPES = [(12, 12), (12, 9, 1), (16, 16, 3), (4, 4, 1), (3, 3, 1), (30,), (2,)]


@pytest.mark.parametrize("kind", ["uint8", "float64"])
@pytest.mark.parametrize("shape", _SHAPES, ids=str)
@pytest.mark.parametrize(("counts", "classes"), [((20, 20), 2), ((300, 100), 10)])
def test_no_form_of_input_is_an_error(subject, kind, shape, counts, classes):
    splits = [
        Split(each.images.astype(kind), each.labels)
        for each in (blurred(shape, count, classes, count) for count in counts)
    ]
    for made in (subject(*splits), subject(*splits, dev=splits[1])):
        found = findings(made)
        named = {each.cause for each in found if each.status == "confirmed"}
        # Float inputs of the linear model are 0 to 255.
        assert named <= {"validation_too_small"}


def test_a_hundred_classes(subject):
    splits = [blurred((8, 8, 1), count, 100, count) for count in (400, 200)]
    assert not [each for each in findings(subject(*splits)) if each.cost]


@pytest.mark.parametrize("change", ["one image", "nan", "constant", "one class"])
def test_degenerate_data_are_no_error(subject, change):
    train, validation = (blurred((8, 8, 1), count, 3, count) for count in (60, 40))
    images, labels = train.images.copy(), train.labels
    if change == "one image":
        images[:] = images[0]
    elif change == "nan":
        images[3] = np.nan
    elif change == "constant":
        images[:] = 0
    else:
        labels = np.zeros_like(labels)
    made = subject(blurred((8, 8, 1), 60, 3), validation)
    object.__setattr__(made, "train", Split(images, labels))
    made.labels["train"] = labels
    findings(made)
