"""Tests of framework/augment/autoaugment.py."""

import collections

import pytest

from framework.augment.autoaugment import POLICIES


# Counts of operations in the paper's tables.
@pytest.mark.parametrize(
    ("policy", "counts"),
    [
        ("imagenet", {"equalize": 17, "posterize": 5, "rotate": 6, "invert": 3}),
        ("cifar10", {"equalize": 9, "autocontrast": 7, "translate_y": 5}),
        ("svhn", {"invert": 12, "shear_x": 6, "shear_y": 8, "translate_y": 4}),
    ],
)
def test_tables(policy, counts):
    operations = [operation for pair in POLICIES[policy] for operation in pair]
    assert len(operations) == 50
    actual = collections.Counter(name for name, _, _ in operations)
    assert {name: actual[name] for name in counts} == counts
    assert all(0 <= p <= 1 and 0 <= level <= 9 for _, p, level in operations)
