"""Tests of framework/config/guesses.py."""

import collections
import dataclasses
import re
import shlex

import pytest

from framework.config import Config, guesses

FLAGS = {field.name for field in dataclasses.fields(Config)} | {"flagfile"}
NAMES = [name for names in guesses.GUESSES for name in names.split()]


@pytest.mark.parametrize("text", guesses.GUESSES.values())
def test_answers_name_flags_that_exist(text):
    assert set(re.findall(r"--(\w+)", text)) <= FLAGS


def test_a_guess_is_no_flag_and_has_one_answer():
    assert not set(NAMES) & FLAGS
    assert max(collections.Counter(NAMES).values()) == 1


@pytest.mark.parametrize("text", guesses.GUESSES.values())
def test_a_shell_reads_the_value_as_it_was_given(text):
    name = next(names for names, each in guesses.GUESSES.items() if each == text)
    words = shlex.split(guesses.answer(name.split()[0], "it's 5", FLAGS))
    kept = any("it's 5" in word for word in words)
    assert kept == ("{value}" in text or "{folder}" in text)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("lr", ".1", "the learning rate is --learning_rate=.1"),
        ("LR", "", "the learning rate is --learning_rate=..."),
        ("epochs", "7", "the length of a run is --train_for=7ep"),
        ("num_epochs", "", "the length of a run is --train_for=20ep"),
        ("bs", "64", "images per step are --batch_size=64"),
        ("wd", "1e-4", "of the optimizer: --optimizer='adam(weight_decay=1e-4)'"),
        ("data", "a b", """are --dataset='folder("a b")'"""),
        ("data_dir", "x.npz", """are --dataset='arrays("x.npz")'"""),
        ("gpus", "2", "several GPUs are --strategy=mirrored --devices=2"),
        ("logdir", "runs/a", "the folder of a run is --workdir=runs/a"),
        ("out", "my run", "the folder of a run is --workdir='my run'"),
        ("resume", "", "the same command, with the same --workdir, resumes a run"),
        ("batch-size", "8", "did you mean --batch_size=8?"),
        ("train-for", "", "did you mean --train_for?"),
    ],
)
def test_a_guess_is_answered_with_its_value(name, value, message):
    actual = guesses.answer(name, value, FLAGS)
    assert actual.startswith(f"there is no --{name}; ")
    assert actual.endswith(message)


def test_no_answer_names_a_flag_that_a_command_lacks():
    assert guesses.answer("epochs", "7", {"learning_rate"}) == ""
    assert guesses.answer("lr", "7", {"learning_rate"})
    assert guesses.answer("nonsense", "7", FLAGS) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/path/to/photos", """--dataset='folder("/path/to/photos")'"""),
        ("photos/", """--dataset='folder("photos/")'"""),
        ("photos", """--dataset='folder("photos")'"""),
        ("~/p", """--dataset='folder("~/p")'"""),
        ("faces.npz", """--dataset='arrays("faces.npz")'"""),
        ("digits", ""),
        ("nowhere", ""),
        ("folder('a/b')", ""),
        ("my_module:flowers", ""),
    ],
)
def test_a_path_is_no_dataset(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "digits"):
        (tmp_path / name).mkdir()
    actual = guesses.path(text, ("digits", "folder"))
    assert actual.endswith(message)
    assert bool(actual) == bool(message)
