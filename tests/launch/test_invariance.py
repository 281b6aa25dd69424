"""Tests of framework/launch/invariance.py, and of agreement between devices."""

import pathlib

import numpy as np
import pytest

from benchmarks.speed import cases
from benchmarks.speed.invariance import in_other_processes, two_machines
from framework.launch.invariance import difference, different

# In a step of float32, sums in another order differ by 1e-7; a tensor of small numbers
# that are differences of large ones, as those of batch norm, by more.
TOLERANCES = {
    **dict.fromkeys(cases.CASES, 1e-6),
    "batch norm": 3e-6,
    # It has batch norm, too: 1.17e-6 on an AMD EPYC without AVX-512, the same number at
    # each commit; elsewhere 1e-6 holds.
    "everything": 1e-6
    if "avx512f" in pathlib.Path("/proc/cpuinfo").read_text()
    else 3e-6,
    # These compute in eight or eleven bits.
    "bfloat16": 2e-2,
    "float16": 2e-2,
    "float16, overflow": 2e-2,
    "everything, bfloat16": 2e-2,
    "everything, float16": 2e-2,
}
# "everything" has a ragged batch in it, but mixes no images.
MARKS = {
    "mixup and CutMix": [pytest.mark.extended],
    "everything": [pytest.mark.extended],
    "float16, overflow": [pytest.mark.extended],
}
ROWS = [
    pytest.param(name, marks=MARKS.get(name, [pytest.mark.slow]))
    for name in cases.CASES
]


@pytest.fixture(scope="module")
def alone():
    """Returns the variables of a case on one device, trained only once."""
    actual = {}

    def train(name):
        if name not in actual:
            actual[name] = cases.train(name)
        return actual[name]

    return train


@pytest.mark.parametrize("name", ROWS)
def test_two_devices_train_as_one(name, alone):
    other = cases.train(name, "mirrored", 2)
    assert difference(alone(name), other) <= TOLERANCES[name]


@pytest.mark.slow
def test_four_devices_train_as_one(alone, tmp_path):
    (actual,) = in_other_processes(tmp_path, list(cases.CASES), "mirrored", 4, [{}])
    worst = {name: difference(alone(name), actual[name]) for name in cases.CASES}
    assert all(worst[name] <= TOLERANCES[name] for name in worst), worst


@pytest.mark.extended
@pytest.mark.parametrize(
    "names",
    [["everything"], pytest.param(list(cases.CASES), marks=pytest.mark.slow)],
    ids=["quick", "all"],
)
def test_two_processes_train_as_one(names, alone, tmp_path):
    first, second = in_other_processes(
        tmp_path, names, "multi_worker", 0, two_machines()
    )
    for name in names:
        # Both have the same weights to the last bit.
        assert difference(first[name], second[name]) == 0
        assert difference(alone(name), first[name]) <= TOLERANCES[name]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.extended] if quick else pytest.mark.slow)
        for name in cases.CASES
        for quick in [name.startswith("everything,")]
    ],
)
def test_shards_give_the_same_bits_on_two_devices(name):
    one = cases.train(name, shards=4)
    assert different(one, cases.train(name, "mirrored", 2, shards=4)) == []


@pytest.mark.slow
def test_shards_give_the_same_bits_on_four_devices_and_in_two_processes(tmp_path):
    names = [name for name in cases.CASES if name.startswith("everything")]
    (four,) = in_other_processes(tmp_path, names, "mirrored", 4, [{}], 4)
    first, second = in_other_processes(
        tmp_path, names, "multi_worker", 0, two_machines(), 4
    )
    (one,) = in_other_processes(tmp_path, names, "default", 0, [{}], 4)
    for name in names:
        assert different(one[name], four[name]) == []
        assert different(one[name], first[name]) == []
        assert different(one[name], second[name]) == []


@pytest.mark.extended
def test_an_overflow_on_one_replica_lowers_the_scale_on_all(alone):
    actual = alone("float16, overflow")
    assert actual["loss_scale/scale"] < 2.0**15


@pytest.mark.extended
@pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_steps_per_call_change_nothing(count, alone):
    other = cases.train("everything", steps_per_call=count)
    assert difference(alone("everything"), other) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nothing special", "dropout", "mixup and CutMix"])
def test_xla_trains_alike(name, alone):
    assert difference(alone(name), cases.train(name, jit=True)) <= 1e-5


def test_difference_is_relative_to_the_largest_of_a_tensor():
    one = {"model/0": np.array([1.0, 100.0]), "window/loss": np.array(5.0)}
    other = {"model/0": np.array([2.0, 100.0]), "window/loss": np.array(7.0)}
    assert difference(one, other) == pytest.approx(0.01)
    assert difference(one, {"model/0": np.array([np.nan, 100.0])}) == float("inf")
