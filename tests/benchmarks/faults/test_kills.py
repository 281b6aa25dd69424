"""A sample of benchmarks/faults/kills.py; more are in tests/test_faults.py."""

import numpy as np
import pytest

from benchmarks.faults import kills, same_run


@pytest.fixture(scope="module")
def unbroken(nursery, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    return kills.unbroken(nursery, folder, same_run.SMALL)


def test_a_run_survives_random_kills(nursery, unbroken, tmp_path):
    generator = np.random.default_rng(5)
    results = kills.until_it_ends(nursery, unbroken, tmp_path / "run", generator)
    assert not [each for each in results if each[2]]


@pytest.mark.parametrize(
    "sent",
    [
        # The evaluation is broken off, made good, and then forgotten once more.
        [("SIGTERM", "evaluate", 1), ("SIGKILL", "draw", 1)],
        [("SIGTERM", "evaluate", 1), ("SIGKILL", "save", 1)],
    ],
)
def test_a_run_survives_kills_one_after_the_other(nursery, unbroken, tmp_path, sent):
    folder = tmp_path / "run"
    for name, moment, place in [*sent, ("SIGKILL", "any", 0)]:
        arguments = [name, "1", moment, str(place), *unbroken.flags]
        arguments.append(f"--workdir={folder}")
        nursery.run("benchmarks.faults.moments", arguments, tmp_path, 100)
    assert same_run.difference(folder, unbroken.folder) is None


@pytest.mark.slow
def test_runs_and_diagnoses_survive_kills():
    for tally in kills.fuzz(seed=0, number=60):
        assert not tally.mishandled, tally.details()
