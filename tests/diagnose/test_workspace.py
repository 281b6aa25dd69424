"""Tests of framework/diagnose/workspace.py."""

import errno
import os
import pathlib

import pytest

from framework.diagnose import workspace
from framework.errors import UsageError


def test_it_is_the_folder_of_the_run(tmp_path):
    with workspace.opened(tmp_path) as place:
        assert place == workspace.Workspace(tmp_path / "diagnosis")
        assert place.trials.parent == place.folder
    assert (tmp_path / "diagnosis").is_dir()


def test_two_diagnoses_do_not_mix(tmp_path):
    with (
        workspace.opened(tmp_path),
        pytest.raises(UsageError, match="another process is diagnosing the run"),
        workspace.opened(tmp_path),
    ):
        pass
    with workspace.opened(tmp_path):
        pass


def test_proofs_share_it_but_no_diagnosis_does(tmp_path):
    shared = {"run": tmp_path, "is_shared": True}
    with (
        workspace.opened(**shared),
        workspace.opened(**shared),
        pytest.raises(UsageError, match="proves its remedy"),
        workspace.opened(tmp_path),
    ):
        pass
    with (
        workspace.opened(tmp_path),
        pytest.raises(UsageError, match="another process"),
        workspace.opened(**shared),
    ):
        pass


def test_where_nothing_can_be_written_a_temporary_folder_serves(tmp_path, monkeypatch):
    mkdir = pathlib.Path.mkdir

    def refused(self, *args, **kwargs):
        if self.name == "diagnosis":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        mkdir(self, *args, **kwargs)

    monkeypatch.setattr(pathlib.Path, "mkdir", refused)
    with workspace.opened(tmp_path) as place:
        assert place.problem == "Read-only file system"
        assert place.folder.is_dir()
    assert not place.folder.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["diagnosis", "diagnosis/trials"])
def test_a_planted_link_is_not_followed(tmp_path, name):
    victim = tmp_path / "victim"
    victim.mkdir()
    (tmp_path / "run").mkdir()
    link = tmp_path / "run" / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(victim)
    with workspace.opened(tmp_path / "run") as place:
        place.trials.mkdir()
        (place.trials / "weights").write_text("mine")
    assert list(victim.iterdir()) == []
