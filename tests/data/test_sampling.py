"""Tests of framework/data/sampling.py."""

import numpy as np
import pytest

from framework.data import sampling
from framework.errors import UsageError

COUNTS = np.array([1, 10, 5000])


def test_effective_numbers_are_those_of_the_paper():
    # The effective number is the sum of beta^0, beta^1, ... beta^(n - 1).
    beta = 0.99
    numbers = np.array([np.sum(beta ** np.arange(count)) for count in COUNTS])
    actual = sampling.build("effective(.99)")(COUNTS)
    np.testing.assert_allclose(actual, COUNTS / numbers, rtol=1e-12)


def test_effective_is_between_uniform_and_balanced():
    np.testing.assert_array_equal(sampling.effective(COUNTS, 0.0), COUNTS)
    near = sampling.effective(COUNTS, 1 - 1e-9)
    np.testing.assert_allclose(near, 1.0, rtol=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("efective", "did you mean effective"),
        ("effective(1)", "from 0 to below 1, not 1"),
        ("effective(beta='x')", "effective"),
        ("balanced(2)", "balanced"),
        ("balanced + sqrt", "must be a single name"),
        ("numpy:zeros_like", "a positive number for each of 2 classes"),
        ("numpy:sum", "a positive number for each of 2 classes"),
    ],
)
def test_refuses_what_is_no_sampling(text, message):
    with pytest.raises(UsageError, match=message):
        sampling.build(text)


def test_a_users_own_function():
    own = sampling.build("numpy:log1p")
    np.testing.assert_allclose(own(COUNTS), np.log1p(COUNTS))
