"""A sample of benchmarks/faults/folders.py and damages.py."""

import shutil

import numpy as np
import pytest

from benchmarks.faults import damages, folders, handled
from benchmarks.faults.inputs import own_folder
from framework.system import archive

SAMPLE = 12


@pytest.fixture(scope="module")
def run(fork_server):
    with folders.undamaged(fork_server) as run:
        yield run


@pytest.mark.extended
def test_damaged_folders_are_handled(fork_server, run):
    every = folders.cases(run.home / "run", seed=0)
    assert len(every) >= 800
    problems = {
        case.name: problem
        for case in every[:: len(every) // SAMPLE]
        if (problem := folders.tried(case, run, fork_server.run))
    }
    assert not problems


@pytest.mark.extended
def test_an_undamaged_folder_is_found_to_be_so(fork_server, run):
    for module in (folders.TRAIN, folders.DIAGNOSE):
        case = folders.Case("nothing", module, lambda path: None)
        assert folders.tried(case, run, fork_server.run) is None


@pytest.mark.extended
def test_each_damage_changes_the_folder(run):
    for case in folders.cases(run.home / "run", seed=0)[::2]:
        with own_folder() as folder:
            shutil.copytree(run.home, folder, dirs_exist_ok=True)
            before = handled.listing(folder)
            case.damage(folder / "run")
            assert handled.listing(folder) != before, case.name


def test_a_forged_file_has_the_checksum_of_a_real_one(tmp_path):
    path = tmp_path / "step-00000007.npz"
    damages.forge(path, 7, {"model/w": np.arange(3.0)})
    values = archive.read(path)
    assert values["step"] == 7
    np.testing.assert_array_equal(values["model/w"], [0, 1, 2])
