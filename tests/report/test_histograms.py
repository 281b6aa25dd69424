"""Tests of framework/report/histograms.py."""

import numpy as np
import pytest

from framework.report import histograms


def test_all_values_are_counted_between_the_least_and_the_greatest():
    values = np.random.default_rng(0).normal(size=(100, 10))
    buckets = histograms.buckets(values)
    assert buckets[:, 2].sum() == 1000
    assert (buckets[0, 0], buckets[-1, 1]) == (values.min(), values.max())
    np.testing.assert_array_equal(buckets[1:, 0], buckets[:-1, 1])


@pytest.mark.parametrize(
    ("values", "count"),
    [([], 0), ([np.nan, np.inf], 0), ([2.0, 2.0, np.nan], 2), ([1e38, -1e38], 2)],
)
def test_unusual_values_are_no_error(values, count):
    buckets = histograms.buckets(np.array(values))
    assert buckets.shape == (30, 3)
    assert buckets[:, 2].sum() == count
    assert np.isfinite(buckets).all()


def test_a_histogram_is_named_after_its_array():
    (summary,) = histograms.summaries("weights", {"00_dense/kernel": np.ones(3)})
    (value,) = summary.value
    assert value.tag == "weights/00_dense/kernel"
    assert value.metadata.plugin_data.plugin_name == "histograms"
