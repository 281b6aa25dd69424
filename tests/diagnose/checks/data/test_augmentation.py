"""Tests of framework/diagnose/checks/data/augmentation.py."""

import pytest

from framework.diagnose.checks.data.augmentation import with_present


@pytest.mark.parametrize(
    ("present", "spec", "expected"),
    [
        ("", "flip", "flip"),
        ("rotate(20)", "flip", "rotate(20) + flip"),
        ("rotate(20)", "", "rotate(20)"),
        ("", "", ""),
    ],
)
def test_what_is_in_place_comes_first(settings, present, spec, expected):
    assert with_present(settings(augment=present), spec) == expected
