"""Tests of framework/launch/run_names.py."""

import dataclasses
import functools
import types
from pathlib import Path

import numpy as np
import pytest

from framework.config import Config
from framework.data.given import from_arrays
from framework.errors import UsageError
from framework.launch import run_folder, run_names
from framework.launch.given import NOTHING, Given
from framework.launch.run_folder import InUseError

CHIEF = types.SimpleNamespace(
    is_chief=True, all_reduce_min=lambda number: number, all_gather=lambda x: [x]
)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def begun(config, given=NOTHING):
    """Starts a run: returns its folder, with its config."""
    choice = run_names.choose(config, given)
    with run_names.opened(choice, config, given, CHIEF) as (choice, folder):
        named = dataclasses.replace(config, workdir=choice.folder)
        run_folder.write_config(folder, named)
    return choice.folder


def files():
    return sorted(Path().rglob("*"))


def test_the_same_config_finds_its_folder_and_another_takes_the_next_number():
    one, two = Config(), Config(learning_rate=0.1)
    assert begun(one) == "runs/digits-cnn-1"
    assert begun(two) == "runs/digits-cnn-2"
    assert begun(one) == "runs/digits-cnn-1"
    assert begun(two) == "runs/digits-cnn-2"
    # What the run's numbers do not depend on.
    assert begun(dataclasses.replace(two, keep_best=2)) == "runs/digits-cnn-2"
    assert begun(Config(model="mlp")) == "runs/digits-mlp-1"


def test_choosing_writes_nothing_and_says_why():
    assert run_names.choose(Config()).why == "new"
    assert files() == []
    begun(Config())
    before = files()
    assert run_names.choose(Config()).why == "begun by the same command"
    assert run_names.choose(Config(seed=1, ema=0.9)).why == (
        "new; runs/digits-cnn-1 has another --ema, --seed"
    )
    many = Config(seed=1, ema=0.9, batch_size=64, clip_norm=1.0)
    assert run_names.choose(many).why.endswith("--clip_norm, --ema and 1 more")
    assert files() == before


def test_a_folder_that_is_named_is_kept():
    choice = run_names.choose(Config(workdir="runs/mine"))
    assert choice == run_names.Choice("runs/mine")


@pytest.mark.parametrize(
    ("dataset", "model", "name"),
    [
        ('folder("data/My Photos", size=64)', "resnet(depth=20)", "my-photos-resnet"),
        ("arrays(path='x/pets.npz')", "keras_file('a/net.keras')", "pets-net"),
        ("mine:squares(5)", "mine:net", "squares-net"),
        ("folder('.')", "applications('ResNet50')", "folder-resnet50"),
        (f"folder('{'long' * 20}')", "cnn", "longlonglonglonglonglong-cnn"),
        ("folder('ümläut!/../ö')", "cnn", "folder-cnn"),
    ],
)
def test_names_are_short_and_of_plain_characters(dataset, model, name):
    config = Config(dataset=dataset, model=model)
    assert run_names.choose(config).folder == f"runs/{name}-1"


def test_folds_have_folders_of_their_own():
    choice = run_names.choose(Config(fold="2/5"))
    assert choice.folder == "runs/digits-cnn-fold2of5-1"


def test_what_is_given_in_python_names_the_run():
    def tiny(image_shape, num_classes):
        raise NotImplementedError

    x, y = np.zeros((4, 8, 8), np.uint8), np.array([0, 1, 0, 1])
    given = Given(tiny, from_arrays(x, y, x, y))
    assert begun(Config(), given) == "runs/arrays-tiny-1"
    # The config that the run records has other texts for what is given.
    path = Path("runs/arrays-tiny-1")
    before = run_folder.read_config(path)
    texts = {"model": "given(parameters=5)", "dataset": "given('arrays', train=4)"}
    described = dataclasses.replace(before, **texts)
    run_folder.write_config(path, described)
    assert begun(Config(), given) == "runs/arrays-tiny-1"
    assert begun(Config(seed=1), given) == "runs/arrays-tiny-2"
    partial = Given(functools.partial(tiny))
    assert run_names.choose(Config(), partial).folder == "runs/digits-model-1"


@pytest.mark.parametrize("name", ["notes.txt", "metrics.jsonl"])
def test_the_files_of_others_are_passed_over(name):
    folder = Path("runs/digits-cnn-1")
    folder.mkdir(parents=True)
    (folder / name).write_text("mine")
    Path("runs/digits-cnn-2").write_text("a file")
    assert begun(Config()) == "runs/digits-cnn-3"
    assert [path.name for path in folder.iterdir()] == [name]
    why = run_names.choose(Config(seed=1), first=2).why
    assert why == "new; runs/digits-cnn-3 has another --seed"


def test_a_run_with_a_damaged_config_is_passed_over():
    folder = Path(begun(Config()))
    (folder / "config.json").write_text("{")
    choice = run_names.choose(Config())
    assert choice.folder == "runs/digits-cnn-2"
    assert "runs/digits-cnn-1 has no readable config.json" in choice.why


def test_what_a_process_killed_at_its_start_leaves_is_taken():
    with run_folder.opened(Config(workdir="runs/digits-cnn-1")) as folder:
        (folder / "config.json.1a2b.tmp").write_text("{")
    assert begun(Config()) == "runs/digits-cnn-1"


def test_fresh_moves_the_run_of_the_same_config_aside():
    for _ in range(2):
        assert begun(Config(seed=1, fresh=True)) == "runs/digits-cnn-1"
    assert begun(Config(fresh=True)) == "runs/digits-cnn-2"
    names = {path.name for path in Path("runs").iterdir()}
    assert names == {"digits-cnn-1", "digits-cnn-1.old-1", "digits-cnn-2"}


@pytest.mark.parametrize("name", ["allow_config_change", "allow_data_change"])
def test_a_change_needs_the_folder_of_a_run(name):
    config = Config(**{name: True})
    with pytest.raises(UsageError, match=f"--{name} needs --workdir") as caught:
        run_names.choose(config)
    assert str(caught.value).endswith("there is no run runs/digits-cnn-1")
    for seed in range(11):
        begun(Config(seed=seed))
    with pytest.raises(UsageError) as caught:
        run_names.choose(config)
    listed = str(caught.value).partition("resume: ")[2].split(", ")
    assert listed == [f"runs/digits-cnn-{number}" for number in range(1, 12)]
    named = dataclasses.replace(config, workdir="runs/digits-cnn-1")
    assert run_names.choose(named).folder == "runs/digits-cnn-1"


def test_several_workers_need_a_folder():
    with pytest.raises(UsageError, match="needs --workdir, a folder that all workers"):
        run_names.choose(Config(strategy="multi_worker"))


def test_two_commands_at_once_do_not_take_one_folder():
    one, two = Config(), Config(seed=1)
    first, second = run_names.choose(one), run_names.choose(two)
    assert first.folder == second.folder
    with run_names.opened(first, one, NOTHING, CHIEF) as (_, folder):
        # Its config is not written yet.
        with run_names.opened(second, two, NOTHING, CHIEF) as (other, _):
            assert other.folder == "runs/digits-cnn-2"
        run_folder.write_config(folder, one)
        # A process that starts now sees that it is of the same command.
        again = run_names.choose(one)
        assert again.folder == first.folder
        with (
            pytest.raises(InUseError, match="another process is running"),
            run_names.opened(again, one, NOTHING, CHIEF),
        ):
            pass


def test_a_folder_that_was_used_in_the_meantime_is_not_taken():
    two = Config(seed=1)
    choice = run_names.choose(two)
    begun(Config())
    with run_names.opened(choice, two, NOTHING, CHIEF) as (other, folder):
        assert str(folder) == other.folder == "runs/digits-cnn-2"
        with pytest.raises(InUseError), run_folder.locked(folder):
            pass
    with run_folder.locked(folder):
        pass
