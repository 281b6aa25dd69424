"""A sample of benchmarks/faults/kills.py; more are in tests/test_faults.py."""

import numpy as np
import pytest

from benchmarks.faults import kills, same_run


@pytest.fixture(scope="module")
def uninterrupted(fork_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    return kills.uninterrupted(fork_server, folder, same_run.SMALL)


@pytest.mark.extended
def test_a_run_survives_random_kills(fork_server, uninterrupted, tmp_path):
    generator = np.random.default_rng(5)
    results = kills.until_it_ends(
        fork_server, uninterrupted, tmp_path / "run", generator
    )
    assert not [each for each in results if each[2]]


@pytest.mark.extended
@pytest.mark.parametrize(
    "sent",
    [
        # The evaluation is broken off, made good, and then forgotten once more.
        [("SIGTERM", "evaluate", 1), ("SIGKILL", "draw", 1)],
        [("SIGTERM", "evaluate", 1), ("SIGKILL", "save", 1)],
    ],
)
def test_a_run_survives_kills_one_after_the_other(
    fork_server, uninterrupted, tmp_path, sent
):
    folder = tmp_path / "run"
    for name, moment, place in [*sent, ("SIGKILL", "any", 0)]:
        arguments = [name, "1", moment, str(place), *uninterrupted.flags]
        arguments.append(f"--workdir={folder}")
        fork_server.run("benchmarks.faults.moments", arguments, tmp_path, 100)
    assert same_run.difference(folder, uninterrupted.folder) is None


@pytest.mark.slow
def test_runs_and_diagnoses_survive_kills():
    for tally in kills.fuzz(seed=0, number=60):
        assert not tally.mishandled, tally.details()
