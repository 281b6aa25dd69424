"""Tests of framework/launch/preflight.py."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from framework.config import Config
from framework.errors import RunError, UsageError
from framework.launch import preflight, run_folder
from framework.launch.dry_run import dry_run
from framework.launch.run import run

X, Y = np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 1, 0, 1])


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_folder_is_chosen_and_nothing_written():
    request = preflight.check(Config(), dataset=(X, Y, X, Y))
    assert request.config == Config(workdir=request.choice.folder)
    assert request.choice.folder == "runs/arrays-cnn-1"
    assert request.given.dataset.image_shape == (8, 8, 3)
    assert not list(Path().iterdir())


# The data set does not exist: the errors come before it is looked for.
REFUSED = [
    ({"metrics": "nothing"}, "nothing"),
    ({"hooks": "nowhere:Watch"}, "there is no module 'nowhere'"),
    ({"report": "framework:Config"}, "a subclass of framework.report.Report"),
    ({"seed": 1}, "another configuration"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
@pytest.mark.parametrize("function", [preflight.check, run, dry_run])
def test_refused_by_a_run_and_by_a_dry_run_before_images_are_read(
    function, changes, message
):
    config = Config(workdir="a", dataset="folder('nowhere')")
    Path("a").mkdir()
    run_folder.write_config(Path("a"), config)
    with pytest.raises(UsageError, match=message):
        function(dataclasses.replace(config, **changes))


@pytest.mark.parametrize("function", [preflight.check, run, dry_run])
def test_arrays_that_do_not_fit_are_refused(function):
    with pytest.raises(RunError, match="labels of shape"):
        function(Config(workdir="a"), dataset=(X, Y[:3], X, Y))
    assert not Path("a").exists()
