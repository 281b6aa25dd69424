"""Tests of benchmarks/zoo/pairing.py."""

import json

import numpy as np
import pytest

from benchmarks.zoo import pairing
from benchmarks.zoo.pairing import Arms

GENERATOR = np.random.default_rng(0)


def arms(first, second, name="a"):
    return Arms(name, np.asarray(first, float), np.asarray(second, float))


def drawn(count, shared):
    """Returns arms whose metrics share a part of their variance."""
    common, first, second = GENERATOR.normal(size=(3, count))
    own = np.sqrt(1 - shared)
    return arms(
        np.sqrt(shared) * common + own * first,
        np.sqrt(shared) * common + own * second + 5,
    )


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.9])
def test_the_paired_error_is_that_of_the_correlation(shared):
    both = drawn(20_000, shared)
    assert pairing.correlation([both]).value == pytest.approx(shared, abs=0.03)
    expected = np.sqrt(1 - shared)
    assert pairing.error_ratio([both]) == pytest.approx(expected, abs=0.03)


def test_differences_between_cases_do_not_count():
    many = [drawn(5, 0.0) for _ in range(400)]
    apart = [
        arms(each.remedied + 100 * place, each.unchanged + 100 * place)
        for place, each in enumerate(many)
    ]
    pooled = pairing.correlation(apart)
    assert pooled.low < 0 < pooled.high
    assert pooled.high - pooled.low < 0.1
    assert pairing.correlation(many).value == pytest.approx(pooled.value)


def test_pairing_costs_degrees_of_freedom():
    # Student's quantiles for 2 and 4 degrees of freedom.
    independent = arms([0, 1, 2], [0, 1, 0])
    assert pairing.error_ratio([independent]) == pytest.approx(1)
    assert pairing.interval_ratio(independent) == pytest.approx(4.3027 / 2.7764, 1e-3)


def test_what_does_not_vary_has_no_correlation():
    constant = arms([0.5, 0.5, 0.5], [0.1, 0.2, 0.3])
    assert pairing.correlation([constant]) is None
    assert pairing.error_ratio([constant]) == pytest.approx(1)
    assert pairing.error_ratio([arms([1, 1], [2, 2])]) is None
    # Three seeds say nothing of a correlation.
    assert pairing.correlation([arms([0, 1, 2], [0, 1, 3])]).low == -1


def test_finished_proofs_are_read_seed_by_seed(tmp_path):
    folder = tmp_path / "run--a-0" / "repair" / "diagnosis" / "proof"
    folder.mkdir(parents=True)
    comparison = {"cause": "overfitting", "remedy": "overfitting"}
    comparison |= {"unchanged": "unchanged-4ep", "placebo": "placebo"}
    (folder / "plan.json").write_text(json.dumps({"comparisons": [comparison]}))
    values = {"overfitting": [0.5, 0.6, 0.8], "unchanged-4ep": [0.1, 0.2, 0.4]}
    listed = [
        {"name": name, "seed": seed, "value": value}
        for name, each in values.items()
        for seed, value in enumerate(each)
    ]
    remedies = [{"cause": "overfitting", "arms": listed[::-1]}]
    (folder / "proof.json").write_text(json.dumps({"remedies": remedies}))
    (one,) = pairing.proofs(tmp_path)
    assert one.name == "run--a-0 repair: overfitting"
    assert one.remedied.tolist() == values["overfitting"]
    assert one.unchanged.tolist() == values["unchanged-4ep"]
    assert not [*pairing.proofs(tmp_path, ["sham"])]
    rows = pairing.page([one]).splitlines()
    assert "| +1.00 (-1.00 to +1.00) | 0.00 x | 0.00 x |" in rows[2]
    assert pairing.page([]) == "no finished proof with two seeds or more"
