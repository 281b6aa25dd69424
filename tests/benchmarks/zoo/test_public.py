"""Tests of the cases of public reports: their format, and how they were admitted."""

import collections
import inspect
import json

import keras
import numpy as np
import pytest

from benchmarks.zoo import admission
from benchmarks.zoo.cases import calibration, public, report
from benchmarks.zoo.cases.case import ANSWERS
from benchmarks.zoo.cases.data import Data, digits, rng
from benchmarks.zoo.cases.public import images, inputs, labels, photos, sound, steps

CASES = public.CASES
EARLIER = calibration.CASES + report.CASES


def test_there_are_thirty_and_ten_have_no_fault():
    assert len(CASES) >= 30
    assert sum(each.healthy for each in CASES) >= 10


def test_two_draws_are_for_calibration_and_the_third_is_for_the_report():
    counts = collections.Counter((each.half, each.healthy) for each in CASES)
    assert counts == {
        ("calibration", False): 38,
        ("calibration", True): 16,
        ("report", False): 11,
        ("report", True): 4,
    }


@pytest.mark.parametrize("half", sorted({each.half for each in CASES}))
def test_each_answer_is_that_of_some_report(half):
    cases = [each for each in CASES if each.half == half]
    assert {each.answer for each in cases if each.healthy} == set(ANSWERS)


@pytest.mark.parametrize("half", sorted({each.half for each in CASES}))
def test_faults_are_of_many_kinds(half):
    faulty = [each for each in CASES if each.half == half and not each.healthy]
    assert len({cause for each in faulty for cause, *_ in each.causes}) >= 9


def test_sources_are_public_addresses_and_unique():
    sources = [each.source for each in CASES]
    assert len(set(sources)) == len(sources)
    assert all(source.startswith("https://") for source in sources)
    # Short names of the other cases' sources, such as "keras #1597".
    numbers = {
        f"{kind} #{source.rsplit('/', 1)[1]}"
        for source in sources
        for kind, repository in (("keras", "keras-team/keras/"), ("tf", "tensorflow/"))
        if repository in source
    }
    used = {part.strip() for each in EARLIER for part in each.source.split(",")}
    assert not numbers & used


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_names_its_group_and_its_program_takes_seed_and_fault(case):
    assert case.group == "public"
    assert case.name.startswith("public: ")
    assert len(inspect.signature(case.make).parameters) == 2


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_two_seeds_or_more_admit_a_case(case):
    measured = json.loads(admission.ADMITTED.read_text())[case.name]
    assert measured["admitted"]
    assert measured["seeds"] >= 2
    if case.healthy:
        assert measured["fix"]
        assert measured["gain"] < admission.LEAST_DIFFERENCE


@pytest.fixture
def data():
    return digits(0, train=300, validation=200)


def test_only_some_classes_are_numbered_anew(data):
    found = images.only(data, (3, 8))
    assert found.classes == 2
    assert set(found.y) == set(found.ty) == {0, 1}
    assert len(found.x) == np.isin(data.y, (3, 8)).sum()
    np.testing.assert_array_equal(found.x[found.y == 1], data.x[data.y == 8])


def test_few_images_of_each_class(data):
    found = images.few(data, 4)
    assert collections.Counter(found.y.tolist()) == dict.fromkeys(range(10), 4)
    np.testing.assert_array_equal(found.vy, data.vy)


def test_only_photographs_can_be_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(images, "FLOWERS", tmp_path / "none")
    assert images.are_missing("photographs")
    assert not images.are_missing("digits")
    monkeypatch.setattr(images, "FLOWERS", tmp_path)
    assert not images.are_missing("photographs")


@pytest.mark.extended
@pytest.mark.photographs
def test_photographs_are_divided_into_three():
    found, other = images.photographs(0), images.photographs(1)
    assert found.x.shape == (1200, 24, 24, 3)
    assert set(found.y) == set(found.vy) == set(found.ty) == set(range(5))
    assert not np.array_equal(found.x, other.x)
    # The test images are those of another folder, for any seed.
    np.testing.assert_array_equal(found.tx, other.tx)


def test_smaller_images_are_means():
    pixels = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    label = np.zeros(1, np.int32)
    whole = Data(pixels, label, pixels, label, pixels, label, classes=1)
    np.testing.assert_array_equal(
        images.smaller(whole, 2).x[0, :, :, 0], [[2.5, 4.5], [10.5, 12.5]]
    )


def test_columns_taken_for_channels(data):
    found = inputs.first_columns(data)
    assert abs(found.x[:, :, :3]).max() < 3
    np.testing.assert_array_equal(found.x[:, :, 3:], data.x[:, :, 3:])


def test_integers_are_divided_to_zero(data):
    assert not inputs.divided_as_integers(data, rng(0)).x.any()


def test_the_first_batch_is_all_there_is(data):
    batches = labels.FirstBatch((data.x, data.y), 32, shuffle=False)
    assert len(batches) == 10
    np.testing.assert_array_equal(batches[7][1], data.y[:32])


def test_a_missing_folder_shifts_the_classes_after_it(data):
    found = labels.without_a_folder(data, rng(0))
    assert set(found.vy) == set(range(9))
    assert len(found.vy) == sum(data.vy != 3)


def test_standardized_training_images_alone(data):
    found = photos.standardized(data, validation=False)
    assert found.x.mean() == pytest.approx(0, abs=1e-3)
    assert found.vx.max() == 1
    both = photos.standardized(data, validation=True)
    np.testing.assert_allclose(both.x, found.x)
    assert both.vx.mean() == pytest.approx(0, abs=0.1)


def test_labels_of_another_shape_are_subtracted_from_all_outputs():
    labels = np.array([0.0, 1.0], np.float32)
    network = keras.Sequential([keras.Input((1,)), keras.layers.Flatten()])
    by_row = steps.SquaredByRow(network).prepared(labels) - network(labels[:, None])
    assert by_row.shape == (2, 1)
    assert not np.any(by_row)
    by_all = steps.Squared(network).prepared(labels) - network(labels[:, None])
    assert by_all.shape == (2, 2)
    assert np.mean(np.square(by_all)) == 0.5


def test_categorical_accuracy_of_class_numbers_counts_the_first_class():
    metric = keras.metrics.CategoricalAccuracy()
    metric.update_state([[2], [1], [0]], [[0.9, 0.1, 0], [0, 1, 0], [0.8, 0, 0.2]])
    assert float(metric.result()) == pytest.approx(2 / 3)


def test_random_numbers_say_nothing_of_their_labels():
    numbers, classes = sound.random_numbers(0, broken=True).train
    correlations = [np.corrcoef(each, classes)[0, 1] for each in np.transpose(numbers)]
    assert max(np.abs(correlations)) < 0.15


@pytest.mark.photographs
def test_a_better_version_of_too_few_images_has_more():
    case = next(each for each in CASES if "too small a data set" in each.name)
    assert case.has_twin
    few, many = (case.make(0, broken).train[1] for broken in (True, False))
    assert len(few) == 5 * 30
    assert len(many) == 1200
