"""Tests of the programs of published questions."""

import numpy as np
import pytest

from benchmarks.zoo.cases.calibration import questions


@pytest.mark.parametrize(
    ("source", "shape", "classes"),
    [
        (questions.irises, (60, 4), 3),
        (questions.tumours, (250, 30), 2),
        (questions.texts, (600, 300), 8),
        (questions.two_digits, (896, 8, 8, 1), 2),
    ],
)
def test_data_are_divided_into_three(source, shape, classes):
    data, again, other = source(0), source(0), source(1)
    assert data.x.shape == shape
    assert data.classes == classes
    for labels in (data.y, data.vy, data.ty):
        assert set(labels) == set(range(classes))
    np.testing.assert_array_equal(data.x, again.x)
    assert not np.array_equal(data.x, other.x)


def test_a_standardized_table_has_mean_zero_and_deviation_one():
    data = questions.standardized(questions.tumours(0))
    np.testing.assert_allclose(data.x.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(data.x.std(axis=0), 1, atol=1e-3)


@pytest.mark.filterwarnings("ignore:You are using a softmax")
def test_a_softmax_over_one_unit_is_one():
    program = questions.softmax_over_one(0, broken=True)
    outputs = program.model(program.test[0][:5])
    np.testing.assert_array_equal(outputs, 1)


def test_one_hot_labels_name_the_same_classes():
    program = questions.one_hot_irises(0, broken=True)
    for inputs, labels in (program.train, program.validation):
        assert labels.shape == (len(inputs), 3)
        np.testing.assert_array_equal(labels.sum(axis=1), 1)
