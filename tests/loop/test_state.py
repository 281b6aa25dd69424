"""Tests of framework/loop/state.py."""

import numpy as np
import pytest

from framework.loop.train_step import Update

PLATEAU = "plateau('validation/loss', factor=.5, patience=1)"


def test_every_variable_of_a_run_is_there(build):
    parts = build(
        optimizer="adam",
        schedule=PLATEAU,
        update=Update(ema_decay=0.9),
        loss_scale=True,
    )
    actual = parts.state.variables()
    for group, count in (
        ("model", len(parts.state.model.variables)),
        ("optimizer", len(parts.state.optimizer.variables)),
        ("ema", len(parts.state.weights)),
        ("schedule", len(parts.state.learning_rate.variables)),
        ("loss_scale", 2),
        ("window", 3),
        ("totals", 3),
    ):
        names = [name for name in actual if name.startswith(f"{group}/")]
        assert len(names) == count, group
        assert count
    assert len({id(variable) for variable in actual.values()}) == len(actual)


def test_names_do_not_depend_on_what_was_built_before(build):
    first, second = build(optimizer="adam"), build(optimizer="adam")
    before, after = first.state.variables(), second.state.variables()
    assert list(before) == list(after)
    for name, variable in before.items():
        assert variable.shape == after[name].shape
        np.testing.assert_array_equal(variable.numpy(), after[name].numpy())


@pytest.mark.extended
def test_setting_the_variables_sets_all_there_is(build, normalized):
    options = {"model": normalized, "optimizer": "adam", "schedule": PLATEAU}
    first = build(**options, update=Update(ema_decay=0.9))
    first.loop(0, 2)
    first.state.learning_rate.observe(60, {"validation/loss": 1.0})
    first.state.learning_rate.observe(60, {"validation/loss": 2.0})
    second = build(**options, update=Update(ema_decay=0.9))
    for name, variable in first.state.variables().items():
        second.state.variables()[name].assign(variable.numpy())
    for parts in (first, second):
        parts.loop(2, 1)
    assert (
        first.state.learning_rate.log_values()
        == second.state.learning_rate.log_values()
    )
    for name, variable in first.state.variables().items():
        value = second.state.variables()[name].numpy()
        np.testing.assert_array_equal(value, variable.numpy(), err_msg=name)


@pytest.mark.parametrize("replicas", [1, 2])
def test_swapping_the_average_twice_is_nothing(build, replicas, request):
    strategy = request.getfixturevalue("mirrored") if replicas == 2 else None
    state = build(strategy, update=Update(ema_decay=0.9)).state
    for average in state.ema:
        average.assign(average + 1.0)
    weights = [weight.numpy() for weight in state.weights]
    state.swap_ema()
    for weight, average, old in zip(state.weights, state.ema, weights, strict=True):
        np.testing.assert_array_equal(average.numpy(), old)
        np.testing.assert_array_equal(weight.numpy(), old + 1.0)
    state.swap_ema()
    for weight, old in zip(state.weights, weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)


def test_without_an_average_there_is_nothing_to_swap(build):
    state = build().state
    before = [weight.numpy() for weight in state.weights]
    state.swap_ema()
    assert not state.ema
    for weight, old in zip(state.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)


def test_the_average_begins_at_the_weights(build):
    state = build(update=Update(ema_decay=0.9)).state
    for weight, average in zip(state.weights, state.ema, strict=True):
        np.testing.assert_array_equal(average.numpy(), weight.numpy())
