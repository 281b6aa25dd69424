"""Tests of the cases of public reports: their format, and how they were admitted."""

import collections
import inspect
import json

import numpy as np
import pytest

from benchmarks.zoo import admission
from benchmarks.zoo.cases import HALVES, calibration, public, report
from benchmarks.zoo.cases.data import Data, digits, rng
from benchmarks.zoo.cases.public import images, inputs, labels

CASES = public.CASES
EARLIER = calibration.CASES + report.CASES


def test_some_have_a_fault_and_some_have_none():
    counts = collections.Counter(each.healthy for each in CASES)
    assert min(counts.values()) >= 4


def test_halves_are_of_about_the_same_size():
    counts = collections.Counter(each.half for each in CASES)
    assert set(counts) == set(HALVES)
    assert max(counts.values()) - min(counts.values()) <= 4


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
