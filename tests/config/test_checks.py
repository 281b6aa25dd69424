"""Tests of framework/config/checks.py."""

import dataclasses

import pytest

from framework.config.config import Config
from framework.errors import UsageError

FLOATS = [field.name for field in dataclasses.fields(Config) if field.type == "float"]
INTS = [field.name for field in dataclasses.fields(Config) if field.type == "int"]
STRINGS = [field.name for field in dataclasses.fields(Config) if field.type == "str"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("learning_rate", 0.0, "positive"),
        ("learning_rate", -1e-3, "positive"),
        ("batch_size", 0, "at least 1"),
        ("batch_size", -32, "at least 1"),
        ("accumulate", 0, "at least 1"),
        ("accumulate", 5, "a divisor of --batch_size=32"),
        ("accumulate", 64, "a divisor of --batch_size=32"),
        ("shards", 1, "0, or a power of two from 2"),
        ("shards", 6, "0, or a power of two from 2"),
        ("shards", -2, "0, or a power of two from 2"),
        ("shards", 64, "a divisor of --batch_size=32"),
        ("threads", -1, "from 0 to 1024"),
        ("threads", 99999, "from 0 to 1024"),
        ("keep_checkpoints", 0, "at least 1"),
        ("clip_norm", -1.0, "0 or more"),
        ("early_stopping", -1, "0 or more"),
        ("devices", -1, "0 or more"),
        ("steps_per_call", -1, "0 or more"),
        ("label_smoothing", 1.0, "from 0 to below 1"),
        ("label_smoothing", -0.1, "from 0 to below 1"),
        ("ema", 1.0, "from 0 to below 1"),
        ("train_dev", 1.0, "from 0 to below 1"),
        ("train_dev", -0.05, "from 0 to below 1"),
        ("seed", -1, r"from 0 to 2\*\*32 - 1"),
        ("seed", 2**32, r"from 0 to 2\*\*32 - 1"),
        ("input", "disk", "one of auto, memory, stream, service"),
        ("normalize", "", r"a name\(\.\.\.\)"),
        ("precision", "float64", "one of float32, bfloat16, float16"),
        ("strategy", "gpu", "one of default, one_device, mirrored, multi_worker, tpu"),
        ("cluster", "borg", "one of env, slurm, kubernetes"),
        ("workdir", "", "the path of a folder"),
        ("train_for", "0", "longer than 0"),
        ("train_for", "0ep", "longer than 0"),
        ("train_for", "50%", "in steps or epochs"),
        ("evaluate_every", "0%", "longer than 0"),
        ("checkpoint_every", "0", "longer than 0"),
        ("log_every", "0ep", "longer than 0"),
        ("dataset", "", r"a name\(...\)"),
        ("schedule", "  ", r"a name\(...\)"),
        ("optimizer", "", r"a name\(...\)"),
    ],
)
def test_refuses_a_value_that_no_run_could_use(field, value, message):
    with pytest.raises(
        UsageError, match=f"^--{field} must be {message}, not "
    ) as caught:
        Config(**{field: value})
    assert str(caught.value).endswith(repr(value))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("field", FLOATS)
def test_refuses_numbers_that_are_not_finite(field, value):
    with pytest.raises(
        UsageError, match=f"^--{field} must be a finite number, not {value}"
    ):
        Config(**{field: value})


@pytest.mark.parametrize(
    "field", dataclasses.fields(Config), ids=lambda field: field.name
)
def test_refuses_values_of_another_type(field):
    for value in (1 if field.type == "str" else "1", None, [1]):
        with pytest.raises(UsageError, match=f"^--{field.name} must be of type"):
            Config(**{field.name: value})


def test_a_length_that_is_a_number_shows_how_it_is_written():
    with pytest.raises(UsageError, match=r"not 5\.5; 5\.5 epochs are '5\.5ep'$"):
        Config(train_for=5.5)


@pytest.mark.parametrize("field", INTS + FLOATS)
def test_true_is_not_a_number(field):
    with pytest.raises(UsageError, match=f"{field} must be of type"):
        Config(**{field: True})


@pytest.mark.parametrize("text", ["x\n--fresh", "x\r--fresh", "x\x1b[31m", "x\0"])
@pytest.mark.parametrize("field", STRINGS)
def test_text_is_one_line(field, text):
    # It would become another flag in flags.txt.
    with pytest.raises(
        UsageError, match=f"^--{field} must be one line of text, not 'x"
    ):
        Config(**{field: text})


def test_workdir_is_where_the_user_means(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    assert Config(workdir="~/x").workdir == "/home/ann/x"
    with pytest.raises(UsageError, match="--workdir: no home folder is known for"):
        Config(workdir="~nosuchuser/x")


def test_a_whole_number_is_a_float_too():
    assert Config(learning_rate=1, clip_norm=0).learning_rate == 1


@pytest.mark.parametrize(
    "field", ["train_for", "evaluate_every", "checkpoint_every", "log_every"]
)
@pytest.mark.parametrize("value", ["soon", "-5", "", "1.5"])
def test_a_bad_length_is_named(field, value):
    with pytest.raises(UsageError, match=f"^--{field}: a (length|number of steps) "):
        Config(**{field: value})


@pytest.mark.parametrize("field", ["dataset", "augment", "optimizer", "schedule"])
def test_a_spec_that_cannot_be_read_is_named_and_marked(field):
    with pytest.raises(UsageError, match=rf"(?s)^--{field}: .*\n    a\(x\)\n      \^$"):
        Config(**{field: "a(x)"})


def test_no_augmentation_is_an_empty_text():
    assert Config(augment="").augment == ""


@pytest.mark.parametrize("portion", ["0%", "100%", "x", "-3", "  "])
def test_refuses_a_test_part_that_is_none(portion):
    with pytest.raises(
        UsageError, match=r"^--test: must be a percentage between 0 and"
    ):
        Config(test=portion)
    assert Config(test="10%").difference(Config(test="50")) == {"test": ("10%", "50")}
