"""Tests of framework/config/keywords.py."""

import copy
import dataclasses
import inspect
import pickle

import pytest

import framework
from framework.config import Config
from framework.errors import UsageError


def replaced(**changes):
    return dataclasses.replace(Config(), **changes)


@pytest.mark.parametrize("function", [Config, replaced])
@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("lr", 0.1, "the learning rate is --learning_rate=0.1"),
        ("epochs", 10, "the length of a run is --train_for=10ep"),
        ("dropout", 0.5, r"--model='cnn\(dropout=0.5\)'"),
        ("amp", True, "it is --precision=bfloat16, or --precision=float16"),
        ("callbacks", [print], "a class that looks at a run is --hooks="),
        ("learning_rat", 0.1, r"did you mean learning_rate\?"),
        ("Seed", 3, r"did you mean --seed=3\?"),
        ("nothing", 0, "the fields are the flags of `whyflat train --help`"),
    ],
)
def test_an_unknown_field_is_an_error_of_usage_with_a_suggestion(
    function, name, value, hint
):
    with pytest.raises(UsageError, match=f"Config has no field '{name}'; .*{hint}"):
        function(**{name: value})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lr", "the learning rate is --learning_rate=0.5"),
        ("learning_rate", r"it is a field of the config, Config\(learning_rate=0.5\)"),
        ("report", r"did you mean reports\?"),
        ("data", r"did you mean dataset\?"),
        ("nothing", "it takes config, model, dataset, quiet"),
    ],
)
def test_an_unknown_argument_of_run_is_one_as_well(name, hint):
    with pytest.raises(UsageError, match=rf"run\(\) has no argument '{name}'; {hint}"):
        framework.run(Config(), **{name: 0.5})


def test_the_first_unknown_name_is_told_before_values_are_checked():
    with pytest.raises(UsageError, match="no field 'lr'"):
        Config(batch_size=0, lr=0.1, epochs=3)


def test_a_config_is_a_dataclass_as_before():
    config = Config("digits", seed=3)
    assert (config.dataset, config.seed) == ("digits", 3)
    names = [field.name for field in dataclasses.fields(Config)]
    assert list(inspect.signature(Config).parameters) == names
    for copied in (
        copy.deepcopy(config),
        pickle.loads(pickle.dumps(config)),
        dataclasses.replace(config),
    ):
        assert copied == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seed = 4
    with pytest.raises(TypeError, match="positional"):
        Config(*range(100))
