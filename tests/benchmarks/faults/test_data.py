"""A sample of benchmarks/faults/data.py, arrays.py and images.py."""

import pytest

from benchmarks.faults import arrays, images
from benchmarks.faults.inputs import chosen, own_folder, try_all


@pytest.mark.extended
@pytest.mark.parametrize(
    ("inputs", "number"),
    [(arrays.npz_files(0), 8), (images.folders(0), 6)],
    ids=["npz", "folders"],
)
def test_bad_data_are_handled(fork_server, inputs, number):
    tally = try_all("sample", chosen(inputs, number, ""), fork_server=fork_server)
    assert tally.tried == number
    assert not tally.mishandled, tally.details()


def test_there_are_many_and_their_names_differ():
    inputs = [*arrays.npz_files(0), *images.folders(0)]
    assert len({each.name for each in inputs}) == len(inputs) >= 300


@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param(arrays.npz_files(0), id="npz"),
        pytest.param(images.folders(0), id="folders", marks=pytest.mark.extended),
    ],
)
def test_all_can_be_prepared(inputs):
    for each in inputs:
        # A bomb takes seconds to write.
        if each.name != "npz: a bomb":
            with own_folder() as folder:
                (folder / "data.npz").touch()
                each.prepare(folder)
