"""Tests of framework/launch/run_folder.py."""

import dataclasses
import errno
import json
import os

import pytest
from absl import flags as absl_flags

from framework.config import Config, flags
from framework.errors import RunError, UsageError
from framework.launch import checksums, run_folder, stretches
from framework.report import tensorboard
from framework.system import atomic


@pytest.fixture
def config(tmp_path):
    return Config(workdir=str(tmp_path / "runs" / "one"), learning_rate=0.1 / 3)


def prepared(config):
    """Returns the folder of a new run."""
    with run_folder.opened(config) as folder:
        run_folder.write_config(folder, config)
    return folder


def trained(config):
    """Creates the folder of a run with its first checkpoint."""
    folder = prepared(config)
    (folder / "checkpoints" / "step-00000010.npz").write_bytes(b"weights")
    return folder


def changed(config, **changes):
    return dataclasses.replace(config, **changes)


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_prepare_makes_a_folder(config):
    folder = prepared(config)
    assert str(folder) == config.workdir
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {
        *tensorboard.FOLDERS, "predictions", "checkpoints", "best",
    }  # fmt: skip
    assert run_folder.read_config(folder) == config


class Killed(BaseException):
    """Ends a process where it is, as SIGKILL does."""


@pytest.mark.parametrize("writes", [0, 1])
def test_a_kill_while_the_config_is_changed_leaves_no_other_flags(
    config, monkeypatch, writes
):
    folder = trained(config)
    longer = changed(config, train_for="40ep")
    write, written = atomic.write_text, []

    def killed(path, text):
        if len(written) == writes:
            raise Killed
        written.append(path.name)
        write(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "write_text", killed)
        with pytest.raises(Killed):
            run_folder.write_config(folder, longer)
    assert run_folder.read_config(folder) == (longer if writes else config)
    assert not (folder / "flags.txt").exists()
    kept = stretches.kept(folder)
    _, differences = checksums.check(folder, run_folder.read_config(folder), kept)
    assert [each for each in differences if each.file == "flags.txt"] == []
    run_folder.write_config(folder, longer)
    assert "--train_for=40ep" in (folder / "flags.txt").read_text().splitlines()


def test_a_full_disk_leaves_the_flags_of_an_unchanged_config(config, monkeypatch):
    folder = trained(config)
    before = contents(folder)

    def full(path, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        run_folder.write_config(folder, config)
    assert contents(folder) == before


def test_flags_txt_is_the_same_run(config):
    config = changed(
        config, augment="fill('#fff') + flip", schedule='warmup(5%)*plateau("a")'
    )
    folder = prepared(config)
    values = absl_flags.FlagValues()
    flags.define(Config(seed=5), values)
    flags.parse(["program", f"--flagfile={folder / 'flags.txt'}"], values)
    assert flags.read(values) == config


def test_the_same_config_goes_on(config):
    folder = trained(config)
    assert prepared(config) == folder
    assert (folder / "checkpoints" / "step-00000010.npz").read_bytes() == b"weights"


def test_an_empty_folder_is_taken(config, tmp_path):
    (tmp_path / "runs" / "one").mkdir(parents=True)
    assert run_folder.read_config(prepared(config)) == config


def test_fresh_moves_aside_and_never_deletes(config):
    before = contents(trained(config))
    for number in (1, 2):
        folder = prepared(changed(config, fresh=True, seed=number))
        assert run_folder.read_config(folder).seed == number
        assert not any(folder.glob("checkpoints/*"))
        (folder / "mine.txt").write_text(str(number))
    runs = folder.parent
    assert {path.name for path in runs.iterdir()} == {"one", "one.old-1", "one.old-2"}
    assert contents(runs / "one.old-1") == before
    assert (runs / "one.old-2" / "mine.txt").read_text() == "1"


def test_fresh_is_free_where_nothing_is(config):
    folder = prepared(changed(config, fresh=True))
    assert [path.name for path in folder.parent.iterdir()] == ["one"]


def test_fresh_moves_anything_aside(config, tmp_path):
    foreign = tmp_path / "runs" / "one"
    foreign.mkdir(parents=True)
    (foreign / "thesis.tex").write_text("years of work")
    prepared(changed(config, fresh=True))
    assert contents(tmp_path / "runs" / "one.old-1") == {"thesis.tex": b"years of work"}


def test_a_folder_of_something_else_is_refused(config, tmp_path):
    foreign = tmp_path / "runs" / "one"
    foreign.mkdir(parents=True)
    (foreign / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="is not empty, and not a run of this program"):
        prepared(config)
    assert contents(foreign) == {"thesis.tex": b"years of work"}


@pytest.mark.parametrize("inside", ["", "/run", "/deep/run"])
@pytest.mark.parametrize("fresh", [False, True])
def test_a_file_in_the_way(tmp_path, inside, fresh):
    blocking = tmp_path / "file"
    blocking.write_text("content")
    config = Config(workdir=f"{blocking}{inside}", fresh=fresh)
    if fresh and not inside:
        prepared(config)
        blocking = tmp_path / "file.old-1"
    else:
        with pytest.raises(RunError, match=r"workdir .*file.* cannot be written to: "):
            prepared(config)
    assert blocking.read_text() == "content"


def test_a_folder_that_is_not_writable(config, monkeypatch):
    folder = trained(config)
    before = sorted(folder.rglob("*"))
    make_file = run_folder.tempfile.TemporaryFile

    # Not by its mode, which does not hold for root.
    def refused(dir):
        if dir.name == "checkpoints":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return make_file(dir=dir)

    monkeypatch.setattr(run_folder.tempfile, "TemporaryFile", refused)
    message = "to: Permission denied; use another --workdir$"
    with pytest.raises(RunError, match=message), run_folder.opened(config):
        pass
    assert sorted(folder.rglob("*")) == before


def test_a_full_disk(config, monkeypatch):
    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_folder.atomic, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        prepared(config)


def test_read_config_of_an_older_version_has_defaults(config):
    folder = prepared(config)
    fields = json.loads((folder / "config.json").read_text())
    del fields["seed"]
    (folder / "config.json").write_text(json.dumps(fields))
    assert run_folder.read_config(folder) == config


def test_read_config_refuses_fields_of_a_newer_version_by_name(config):
    folder = prepared(config)
    fields = json.loads((folder / "config.json").read_text())
    fields |= {"a_field": "b", "one_more": "c"}
    (folder / "config.json").write_text(json.dumps(fields))
    with pytest.raises(
        UsageError, match="does not know: a_field, one_more; use the version"
    ):
        run_folder.read_config(folder)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        "3",
        '{"batch_size": 0}',
        '{"batch_size": "32"}',
        b"\xff\xfe",
        "[" * 100_000,
        "null",
    ],
)
def test_read_config_refuses_what_is_none(tmp_path, text):
    path = tmp_path / "config.json"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    message = r"config\.json is not the config of a run: "
    if text is None:
        message = "there is no run in .*: it has no config.json; give the folder of a"
    with pytest.raises(UsageError, match=message):
        run_folder.read_config(tmp_path)


@pytest.mark.parametrize("problem", [UsageError, RunError])
def test_a_run_that_is_refused_leaves_no_folders(config, problem):
    folder = trained(config)
    (folder / "best").rmdir()
    before = sorted(folder.rglob("*"))
    with pytest.raises(problem), run_folder.opened(config):
        raise problem("refused")
    assert sorted(folder.rglob("*")) == before


def test_a_run_that_died_at_once_can_be_started_again(config):
    with run_folder.opened(config) as folder:
        (folder / "config.json.1a2b.tmp").write_text("{")
        (folder / "best" / "step-00000001.npz.1a2b.tmp").write_text("half")
    assert prepared(config) == folder
    assert not list(folder.rglob("*.tmp"))


@pytest.mark.parametrize(
    "name",
    [
        "metrics.jsonl",
        "timing.jsonl",
        "best/step-00000010.npz",
        "checkpoints/step-00000010.npz",
        "predictions/step-00000010.npz",
    ],
)
def test_results_without_a_config_are_refused(config, name):
    folder = prepared(config)
    (folder / "config.json").unlink()
    (folder / "flags.txt").unlink()
    (folder / name).write_bytes(b"results")
    before = contents(folder)
    with pytest.raises(UsageError, match=r"no config\.json; restore it"):
        prepared(config)
    assert contents(folder) == before


def test_nothing_is_written_without_the_lock(config):
    folder = prepared(config)
    (folder / "best" / "step-00000001.npz.1a2b.tmp").write_text("under way")
    before = contents(folder)
    with (
        run_folder.locked(folder),
        pytest.raises(UsageError, match="another process is running"),
        run_folder.opened(config),
    ):
        pass
    assert contents(folder) == before


def test_a_second_process_is_refused(config):
    folder = prepared(config)
    with (
        run_folder.locked(folder),
        pytest.raises(UsageError, match="; wait for it, stop it, or use another"),
        run_folder.locked(folder),
    ):
        pass
    with run_folder.locked(folder):
        pass


@pytest.mark.parametrize("is_own", [True, False])
def test_a_folder_that_is_a_link(config, tmp_path, monkeypatch, is_own):
    folder = prepared(config)
    victim = tmp_path / "elsewhere"
    victim.mkdir()
    (victim / "step-00000001.npz.1a2b.tmp").write_text("precious")
    (folder / "checkpoints").rmdir()
    (folder / "checkpoints").symlink_to(victim)
    if is_own:
        prepared(config)
        return
    monkeypatch.setattr(run_folder.os, "geteuid", lambda: 12345)
    with pytest.raises(UsageError, match="is a symbolic link of another user"):
        prepared(config)
    assert (victim / "step-00000001.npz.1a2b.tmp").read_text() == "precious"
