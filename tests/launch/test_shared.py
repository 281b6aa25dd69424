"""Tests of framework/launch/shared.py."""

import dataclasses

import pytest

from framework.config import Config
from framework.errors import UsageError
from framework.launch import components, shared
from framework.launch.run import run
from framework.loop.nonfinite import DivergedError

# All that has a state: dropout, a moving average, a controller of the schedule.
CONFIG = Config(
    dataset="noise(train=40, validation=12, size=8)",
    model="cnn(filters=(4,), dense=8, dropout=.5)",
    batch_size=16,
    train_for="2ep",
    schedule="constant * plateau('validation/loss', factor=.5, patience=1)",
    ema=0.9,
)


@pytest.fixture
def builds(monkeypatch):
    """Collects the configs that components are built from."""
    configs, build = [], components.build

    def counted(config, *arguments):
        configs.append(config)
        return build(config, *arguments)

    monkeypatch.setattr(components, "build", counted)
    return configs


def metrics(tmp_path, name, **changes):
    """Trains, and returns the metrics of the run, as text."""
    folder = tmp_path / name
    config = dataclasses.replace(CONFIG, workdir=str(folder), **changes)
    run(config, quiet=True)
    return (folder / "metrics.jsonl").read_text()


def test_a_run_has_the_numbers_that_it_has_alone(tmp_path, builds):
    alone = metrics(tmp_path, "alone", learning_rate=0.02)
    with shared.programs():
        first = metrics(tmp_path, "first", learning_rate=0.003)
        second = metrics(tmp_path, "second", learning_rate=0.02)
    assert len(builds) == 2
    assert second == alone
    assert first != alone


def test_a_run_after_one_that_diverged_has_its_own_numbers(tmp_path, builds):
    alone = metrics(tmp_path, "alone")
    with shared.programs():
        with pytest.raises(DivergedError):
            metrics(tmp_path, "first", learning_rate=1e30)
        assert metrics(tmp_path, "second") == alone
    assert len(builds) == 2


def test_what_graphs_depend_on_is_built_again(tmp_path, builds):
    with shared.programs():
        metrics(tmp_path, "first")
        metrics(tmp_path, "second", seed=1)
        metrics(tmp_path, "third", batch_size=8)
        metrics(tmp_path, "fourth", seed=1, learning_rate=0.01)
    assert len(builds) == 3


def test_nothing_is_shared_outside_of_the_block(tmp_path, builds):
    with shared.programs():
        metrics(tmp_path, "first")
    metrics(tmp_path, "second")
    assert len(builds) == 2


def test_a_wrong_learning_rate_is_refused(tmp_path):
    with shared.programs():
        metrics(tmp_path, "first")
        with pytest.raises(UsageError, match="learning_rate"):
            metrics(tmp_path, "second", learning_rate=-1.0)


def test_programs_that_take_much_memory_are_not_kept(tmp_path, builds, monkeypatch):
    monkeypatch.setattr(shared, "_MOST_BYTES", 1000)
    with shared.programs():
        metrics(tmp_path, "first")
        metrics(tmp_path, "second")
    assert len(builds) == 2
