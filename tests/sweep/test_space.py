"""Tests of framework/sweep/space.py."""

import pytest

from framework.config import Config
from framework.errors import UsageError
from framework.sweep import space
from framework.sweep.space import Choices, Range


def test_a_space_has_lists_ranges_and_seeds():
    text = (
        'learning_rate=log(1e-4, 1), schedule=["constant", "warmup(5%) + cosine"], '
        "batch_size=uniform(16, 64), seed=3, train_for=(5ep, 10ep)"
    )
    parsed = space.parse(text, Config(seed=7))
    assert parsed.seeds == (7, 8, 9)
    assert parsed.parameters == {
        "learning_rate": Range(1e-4, 1.0, is_log=True),
        "schedule": Choices(("constant", "warmup(5%) + cosine")),
        "batch_size": Range(16, 64, is_log=False),
        "train_for": Choices(("5ep", "10ep")),
    }
    assert isinstance(parsed.parameters["learning_rate"].high, float)
    assert parsed.parameters["batch_size"].is_integer


@pytest.mark.parametrize(
    ("text", "seeds"), [("", (5,)), (", seed=1", (5,)), (", seed=[9, 2]", (9, 2))]
)
def test_the_seeds_of_a_trial(text, seeds):
    assert space.parse(f"jit=[True, False]{text}", Config(seed=5)).seeds == seeds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "names no flag"),
        ("seed=3", "names no flag"),
        ("learning_rate", "expected name=value"),
        ("learning_rate=0.1", "must be a list"),
        ("learning_rate=[]", "must be a list"),
        ("learning_rate=[.1, .1]", "0.1 twice"),
        ("learning_rate=[.1, -1]", "learning_rate must be positive"),
        ("learning_rate=log(1, .1)", "must be below"),
        ("learning_rate=log(0, 1)", "must be positive"),
        ("learning_rate=lag(.1, 1)", "did you mean log?"),
        ("learning_rate=log(.1)", "missing a required argument"),
        ("learning_rate=log(.1, 1, points=1)", "points must be 2 or more"),
        ("learning_rate=log(.1, 1), learning_rate=[1]", "is given twice"),
        ("batch_size=log(1, 1.5)", "between integers"),
        ("batch_size=[32, 0]", "batch_size must be at least 1"),
        ("schedule=log(1, 2)", "is no number"),
        ("schedule=[cosine]", "an argument must be"),
        ("workdir=['a', 'b']", "is no flag"),
        ("rate=[1, 2]", "is no flag"),
        ("learning_rat=log(.1, 1)", "did you mean learning_rate?"),
        ("lr=[.1, 1]", "the learning rate is --learning_rate=..."),
        ("dropout=[.1, .5]", "; it is an argument of the model: --model='cnn("),
        ("dropout=[.1, .5]", "a sweep lists such texts, as in model=['...', '...']"),
        ("jit=[True], seed=0", "seed must be a number of seeds"),
        ("jit=[True], seed=[-1]", "seed must be from 0"),
        ("jit=[True]) + (2", "expected name=value"),
        ("jit=[__import__('os')]", "an argument must be"),
        ("jit=[True", "cannot be read"),
    ],
)
def test_what_is_no_space_is_refused(text, problem):
    with pytest.raises(UsageError, match="--sweep") as error:
        space.parse(text, Config())
    assert problem in str(error.value)


def test_a_grid_has_all_combinations_and_the_last_parameter_varies_fastest():
    text = "batch_size=log(8, 32, points=3), ema=uniform(0, .5, points=2)"
    assert space.parse(text, Config()).grid() == [
        {"batch_size": size, "ema": ema} for size in (8, 16, 32) for ema in (0.0, 0.5)
    ]


def test_a_grid_of_integers_has_each_once():
    assert Range(1, 3, is_log=False, points=9).grid() == (1, 2, 3)


def test_a_grid_of_a_range_needs_points():
    with pytest.raises(UsageError, match=r"ema: .*uniform\(0\.0, 0\.5, points=4\)"):
        space.parse("ema=uniform(0, .5)", Config()).grid()


def test_a_space_is_written_as_it_is_read():
    text = "learning_rate=log(0.1, 1.0, points=3), schedule=['constant', 'cosine']"
    parsed = space.parse(text, Config())
    written = parsed.as_json()["parameters"]
    again = ", ".join(f"{name}={value}" for name, value in written.items())
    assert again == text
    assert space.parse(again, Config()) == parsed
