"""Tests of framework/probes.py."""

import pytest
import tensorflow as tf

from framework import probes


def test_norms_are_over_all_weights_together():
    found = probes.norms(
        gradients=[tf.constant([3.0]), tf.constant([[0.0, 4.0]])],
        before=[tf.constant([1.0]), tf.constant([[1.0, 1.0]])],
        after=[tf.constant([2.0]), tf.constant([[3.0, 6.0]])],
    )
    assert {name: float(value) for name, value in found.items()} == pytest.approx(
        {
            "gradient_norm": 5.0,
            "weight_norm": 7.0,
            # Moved by 1, 2 and 5.
            "update_norm": 30**0.5,
        }
    )


def test_a_gradient_that_is_not_finite_shows():
    ones = [tf.ones([2])]
    found = probes.norms([tf.constant([1.0, float("inf")])], ones, ones)
    assert not float(found["gradient_norm"]) < float("inf")
    assert float(found["update_norm"]) == 0
