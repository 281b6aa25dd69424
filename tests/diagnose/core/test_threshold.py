"""Tests of framework/diagnose/core/threshold.py."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.diagnose.core import threshold
from framework.numerics.intervals import Estimate

NUMBERS = st.floats(-1e6, 1e6, width=32)
MAKERS = {
    "above": threshold.above,
    "or more": threshold.at_least,
    "below": threshold.below,
    "or less": threshold.at_most,
}
_NUMBER = r"[-+]?[\d.]+(?:e[-+]?\d+)?|nan|-?inf"


def reads_as_met(sentence):
    """Returns whether the numbers of a sentence meet what its words say."""
    value, words = sentence.split("; ")
    numbers = [float(each) for each in re.findall(_NUMBER, value)]
    # Value, low and high; of a plain number only the first.
    part = {"the interval above": 1, "the interval below": 2}
    verdicts = []
    for condition in words.removesuffix(" (not met)").split(", and "):
        place = next((p for w, p in part.items() if condition.startswith(w)), 0)
        number = numbers[min(place, len(numbers) - 1)]
        limit = float(re.search(_NUMBER, condition).group())
        relations = {
            "above": number > limit,
            "below": number < limit,
            "or more": number >= limit,
            "or less": number <= limit,
        }
        verdicts.append(next(v for word, v in relations.items() if word in condition))
    return all(verdicts)


@given(NUMBERS, NUMBERS, st.sampled_from(sorted(MAKERS)))
def test_the_sentence_agrees_with_the_numbers(value, limit, words):
    made = MAKERS[words](limit)
    sentence = made.sentence(value)
    assert reads_as_met(sentence) == made.is_met(value)
    assert sentence.endswith("(not met)") != made.is_met(value)


@given(NUMBERS, st.integers(-3, 3), st.sampled_from(sorted(MAKERS)))
def test_numbers_that_round_to_the_same_are_written_apart(limit, ulps, words):
    value = limit + ulps * 2.0**-40 * max(abs(limit), 1.0)
    made = MAKERS[words](limit)
    assert reads_as_met(made.sentence(value)) == made.is_met(value)


@given(
    st.tuples(NUMBERS, NUMBERS, NUMBERS).map(sorted),
    st.floats(0, 1, width=32),
    st.booleans(),
)
def test_a_gain_is_met_by_what_is_written(numbers, minimum, is_difference):
    low, value, high = numbers
    if is_difference:
        # As of accuracies.
        low, value, high = (each / 2**20 for each in numbers)
    made = threshold.gain(minimum)
    estimate = Estimate(value, low, high)
    assert made.is_met(estimate) == (low > 0 and value >= minimum)
    sentence = made.sentence(estimate)
    assert reads_as_met(sentence) == made.is_met(estimate)
    assert sentence.endswith("(not met)") != made.is_met(estimate)


@pytest.mark.parametrize(
    ("made", "value", "expected"),
    [
        (threshold.below(0.05), 4.2, "4.2; below 0.05 (not met)"),
        (threshold.above(0.001), 0.0, "0; above 0.001 (not met)"),
        (threshold.above(-1.5), -2.23, "-2.23; above -1.5 (not met)"),
        (threshold.above(0.1), 0.10001, "0.10001; above 0.1"),
        (threshold.above(0.1), float("nan"), "nan; above 0.1 (not met)"),
        (
            threshold.above(0.0).note("; or 4 evaluations or fewer"),
            -0.25,
            "-0.25; above 0 (not met); or 4 evaluations or fewer",
        ),
        (
            threshold.below(0.02).note(": the schedule is at fault"),
            1.0,
            "1; below 0.02: the schedule is at fault (not met)",
        ),
        (
            threshold.gain(0.03),
            Estimate(0.05, 0.01, 0.09),
            "5 points (1 to 9); the interval above 0, and 3 points or more",
        ),
    ],
)
def test_a_number_and_its_threshold(made, value, expected):
    assert made.sentence(value) == expected
