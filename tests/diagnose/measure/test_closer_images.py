"""Tests of framework/diagnose/measure/closer_images.py."""

import numpy as np
import pytest

from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.measure.closer_images import CloserImages
from framework.diagnose.measure.near_duplicates import Copies


class Given:
    """A context with the similarities that are given."""

    def __init__(self, details, within):
        none = np.zeros(len(details), bool)
        self.copies = Copies(
            (0.95, 0.99), none, none, none, none, none, details, within
        )

    def get(self, kind):
        return self.copies


@pytest.fixture(scope="module")
def unrelated():
    """Similarities of unrelated images."""
    return np.random.default_rng(0).normal(0.7, 0.1, (2, 600))


def test_images_of_one_kind_are_as_close_in_either_split(unrelated):
    assert CloserImages.measure(Given(*unrelated)).excess.low < 0.05


def test_copies_are_closer_though_none_can_be_told_from_others(unrelated):
    validation, within = unrelated
    validation = np.where(np.arange(600) % 2, validation, validation + 0.12)
    measured = CloserImages.measure(Given(validation, within))
    assert measured.excess.low > 0.15
    # Not half of them exceed what others do.
    assert measured.within.value >= 0.05
    assert measured.rate.value - measured.within.value == measured.excess.value


def test_fewer_similar_images_are_no_evidence(unrelated):
    validation, within = unrelated
    assert CloserImages.measure(Given(validation - 0.2, within)).excess.low < 0


def test_not_applicable_without_images():
    with pytest.raises(NotApplicableError, match="there are no images"):
        CloserImages.measure(Given(np.zeros(9), np.zeros(9)))
