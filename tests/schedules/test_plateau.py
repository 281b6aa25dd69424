"""Tests of framework/schedules/plateau.py against Keras, PyTorch, optax and timm."""

import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from framework import schedules
from framework.errors import UsageError
from framework.schedules import Clock, LearningRate, Plateau

GOLDEN = pathlib.Path(__file__).parents[1] / "golden/schedules/plateau.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text())["cases"]}
NAN, INF = float("nan"), float("inf")

SAME = [
    name
    for name, case in CASES.items()
    if case["normative"] and name.startswith(("keras", "torch", "optax"))
]


def observe_all(plateau, metrics, resume_at=None):
    """Returns the state after each metric; restores it into new variables at one."""
    state, states = plateau.new_state(), []
    for index, metric in enumerate(metrics):
        if index == resume_at:
            saved = {name: variable.numpy() for name, variable in state.items()}
            state = plateau.new_state()
            for name, variable in state.items():
                variable.assign(saved[name])
        plateau.observe(state, tf.constant(metric, tf.float32))
        states.append({name: variable.numpy() for name, variable in state.items()})
    return states


def scales(plateau, metrics):
    return [float(state["scale"]) for state in observe_all(plateau, metrics)]


def plateau_like(case):
    """Returns the controller that is equivalent to a reference's settings."""
    given_settings = dict(case["params"])
    settings = {"like": case["id"].split("_")[0], "mode": "min"}
    for name in ("factor", "patience", "cooldown"):
        if name in given_settings:
            settings[name] = given_settings.pop(name)
    if "min_delta" in given_settings:
        settings["abs"] = given_settings.pop("min_delta")
    if "threshold" in given_settings:
        measure = given_settings.pop("threshold_mode")
        settings[measure] = given_settings.pop("threshold")
    if case["id"].startswith("torch"):
        settings["eps"] = 1e-8 / case["lr0"]
    if case["id"].startswith("optax"):
        settings["rel"] = given_settings.pop("rtol", 1e-4)
        settings["abs"] = given_settings.pop("atol", 0.0)
        settings["window"] = given_settings.pop("accumulation_size", 1)
        settings["min_scale"] = given_settings.pop("min_scale", 0.0)
    if "min_lr" in given_settings:
        settings["min_scale"] = given_settings.pop("min_lr") / case["lr0"]
    settings["mode"] = given_settings.pop("mode", "min")
    assert not given_settings
    return Plateau(**settings)


def test_there_are_traces_of_all_three():
    counts = [
        sum(name.startswith(library) for name in SAME)
        for library in ("keras", "torch", "optax")
    ]
    assert min(counts) >= 6, counts


@pytest.mark.parametrize("case", SAME)
@pytest.mark.parametrize("interrupted", [False, True])
def test_golden_trace(case, interrupted):
    golden = CASES[case]
    plateau = plateau_like(golden)
    metrics = [float(value) for value in golden["metrics"]]
    # Within a window too, where there are any.
    resume_at = golden.get("resume_at", len(metrics) // 2) if interrupted else None
    states = observe_all(plateau, metrics, resume_at)
    rates = [golden["lr0"] * state["scale"] for state in states]
    np.testing.assert_allclose(rates, golden["lr"], rtol=golden["rtol"])
    for index, state in enumerate(states):
        best, bad, cooling = (float(value) for value in golden["state"][index])
        np.testing.assert_allclose(plateau.sign * state["best"], best, rtol=1e-6)
        if case.startswith("keras"):
            # Keras stops counting at the lower bound.
            if golden["lr"][index] <= golden["params"].get("min_lr", 0.0):
                continue
            # Keras counts one evaluation of the cool-down in advance.
            cooling = max(cooling - 1, 0)
        assert (state["bad"], state["cooling"]) == (bad, cooling), index


def test_minus_infinity_is_best_for_torch_and_bad_by_default():
    metrics = [1.0, -INF, 0.9, 0.8, 0.7]
    settings = {"factor": 0.5, "patience": 1}
    assert scales(Plateau(**settings), metrics) == [1.0, 0.5, 0.5, 0.5, 0.5]
    as_torch = scales(Plateau(**settings, like="torch"), metrics)
    assert as_torch == [1.0, 1.0, 1.0, 0.5, 0.5]


def test_warmup_evaluations_are_not_observed_as_in_timm():
    golden = CASES["timm_warmup3"]
    schedule = schedules.build(
        "(warmup(3, start=.1) + constant)"
        " * plateau(factor=.5, patience=1, like='torch')"
    )
    rate = LearningRate(golden["lr0"], schedule, Clock(14, 1))
    rates = []
    for epoch, metric in enumerate(golden["metrics"]):
        # An evaluation at the end of an epoch has the step of its start, as in timm.
        rate.observe(epoch, {"validation/loss": metric})
        rates.append(float(rate(tf.constant(epoch + 1, tf.int64))))
    np.testing.assert_allclose(rates, golden["lr"], rtol=golden["rtol"])


def test_start_overrides_the_end_of_the_warmup():
    schedule = schedules.build(
        "(warmup(50%) + constant) * plateau(factor=.5, patience=1, start=10%)"
    )
    rate = LearningRate(1.0, schedule, Clock(100, 10))
    for step in (5, 10, 20):
        rate.observe(step, {"validation/loss": 1.0})
    assert rate.log_values()["schedule/scale"] == 0.5


def test_max_reductions_limits_the_reductions():
    plateau = Plateau(factor=0.5, patience=1, max_reductions=2)
    assert scales(plateau, [1.0] * 6) == [1.0, 0.5, 0.25, 0.25, 0.25, 0.25]


def test_a_nan_can_be_skipped():
    settings = {"factor": 0.5, "patience": 2}
    metrics = [NAN, 1.0, NAN, 1.0, NAN, 1.0]
    assert scales(Plateau(**settings, nan="skip"), metrics)[-2:] == [1.0, 0.5]
    assert scales(Plateau(**settings), metrics) == [1.0, 1.0, 1.0, 0.5, 0.5, 0.25]


def test_asks_to_restore_at_each_reduction_only():
    schedule = schedules.build("plateau(factor=.5, patience=1, restore_best=True)")
    rate = LearningRate(1.0, schedule, Clock(100, 10))
    restores = [
        rate.observe(step, {"validation/loss": value})
        for step, value in enumerate([1.0, 0.9, 0.9, 0.8])
    ]
    assert restores == [False, False, True, False]


@pytest.mark.parametrize(
    ("settings", "metrics", "expected"),
    [
        # The first evaluation is always the best.
        ({"patience": 1}, [0.5], [1.0]),
        ({"patience": 2}, [0.5, 0.5, 0.5], [1.0, 1.0, 0.5]),
        # An improvement resets the count.
        ({"patience": 2}, [0.5, 0.5, 0.4, 0.4], [1.0, 1.0, 1.0, 1.0]),
        # ... but not one smaller than `abs` or `rel`.
        ({"patience": 1, "abs": 0.1}, [0.5, 0.45], [1.0, 0.5]),
        ({"patience": 1, "abs": 0.1}, [0.5, 0.35], [1.0, 1.0]),
        ({"patience": 1, "abs": 0.0, "rel": 0.2}, [0.5, 0.45], [1.0, 0.5]),
        ({"patience": 1, "abs": 0.0, "rel": 0.2}, [0.5, 0.35], [1.0, 1.0]),
        # Small improvements add up.
        ({"patience": 2, "abs": 0.1}, [0.5, 0.44, 0.38, 0.38], [1, 1, 1, 1]),
        ({"patience": 1, "cooldown": 2}, [0.5] * 6, [1, 0.5, 0.5, 0.5, 0.25, 0.25]),
        # An improvement during the cool-down counts.
        ({"patience": 1, "cooldown": 1}, [5, 5, 3, 4], [1, 0.5, 0.5, 0.25]),
        ({"patience": 1, "min_scale": 0.4}, [0.5] * 4, [1.0, 0.5, 0.4, 0.4]),
        ({"patience": 1, "mode": "max"}, [0.5, 0.6, 0.6], [1.0, 1.0, 0.5]),
        ({"patience": 1, "window": 2}, [4, 6, 4, 4, 5, 3], [1, 1, 1, 1, 1, 0.5]),
        # For negative metrics `rel` is a fraction of the absolute value.
        ({"patience": 1, "abs": 0.0, "rel": 0.1}, [-1.0, -1.0], [1.0, 0.5]),
        ({"patience": 1, "abs": 0.0, "rel": 0.1}, [-1.0, -0.95], [1.0, 0.5]),
        ({"patience": 1, "abs": 0.0, "rel": 0.1}, [-1.0, -1.05], [1.0, 0.5]),
        ({"patience": 1, "abs": 0.0, "rel": 0.1}, [-1.0, -1.2], [1.0, 1.0]),
        (
            {"patience": 1, "abs": 0.0, "rel": 0.1, "mode": "max"},
            [-1.0, -0.95, -0.85],
            [1.0, 0.5, 0.5],
        ),
        # NaN and infinity are bad, and never the best.
        ({"patience": 2}, [NAN, NAN, 0.5, 0.4], [1.0, 0.5, 0.5, 0.5]),
        ({"patience": 2}, [NAN, 0.5, 0.4, 0.3], [1.0, 1.0, 1.0, 1.0]),
        ({"patience": 2}, [0.5, NAN, 0.4, NAN, NAN], [1.0, 1.0, 1.0, 1.0, 0.5]),
        ({"patience": 1, "rel": 0.1}, [INF, 0.5, 0.4], [0.5, 0.5, 0.5]),
        ({"patience": 1, "rel": 0.1}, [NAN, 0.5, 0.4], [0.5, 0.5, 0.5]),
        ({"patience": 1, "rel": 0.1}, [-INF, 0.5, 0.4], [0.5, 0.5, 0.5]),
        ({"patience": 1, "mode": "max"}, [INF, 0.5, 0.6], [0.5, 0.5, 0.5]),
        ({"patience": 1, "mode": "max", "rel": 0.1}, [0.5, INF, 0.6], [1, 0.5, 0.5]),
        # They affect their own window only.
        ({"patience": 1, "window": 2}, [5, 5, NAN, 1, 3, 3], [1, 1, 1, 0.5, 0.5, 0.5]),
    ],
)
def test_scales(settings, metrics, expected):
    plateau = Plateau(factor=0.5, **settings)
    np.testing.assert_allclose(scales(plateau, metrics), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("monitor", "sign"),
    [
        ("validation/loss", -1),
        ("train/loss", -1),
        ("validation/ece", -1),
        ("validation/accuracy", 1),
        ("validation/recall/floss", 1),
    ],
)
def test_auto_takes_the_direction_from_the_metric_name(monitor, sign):
    assert Plateau(monitor).sign == sign
    assert Plateau(monitor, mode="min").sign == -1
    assert Plateau(monitor, mode="max").sign == 1


class _Model:
    def __init__(self):
        self.optimizer = keras.optimizers.SGD(1.0)


def keras_scales(metrics, **settings):
    callback = keras.callbacks.ReduceLROnPlateau("loss", verbose=0, **settings)
    model = _Model()
    callback.set_model(model)
    callback.on_train_begin()
    scales = []
    for epoch, metric in enumerate(metrics):
        callback.on_epoch_end(epoch, {"loss": float(np.float32(metric))})
        scales.append(float(model.optimizer.learning_rate.numpy()))
    return scales


@pytest.mark.extended
@pytest.mark.parametrize("seed", range(12))
def test_reduces_when_keras_does(seed):
    generator = np.random.default_rng(seed)
    patience, cooldown = int(generator.integers(1, 5)), int(generator.integers(0, 4))
    mode = ("min", "max")[seed % 2]
    # Multiples of 1/8 are exact in float32.
    metrics = generator.integers(0, 24, size=40) / 8 + 4 * np.exp2(-np.arange(40) // 8)
    expected = keras_scales(
        metrics,
        factor=0.5,
        patience=patience,
        cooldown=cooldown,
        min_delta=0.25,
        min_lr=2.0**-6,
        mode=mode,
    )
    plateau = Plateau(
        mode=mode,
        factor=0.5,
        patience=patience,
        cooldown=max(cooldown - 1, 0),
        abs=0.25,
        min_scale=2.0**-6,
    )
    assert scales(plateau, metrics) == expected
    assert expected[-1] < 1.0


@pytest.mark.parametrize("case", ["keras_long", "torch_nan_first", "optax_accum3"])
@pytest.mark.parametrize("compiled", [False, True])
def test_graph_and_xla_agree_with_eager(case, compiled):
    plateau = plateau_like(CASES[case])
    metrics = [float(value) for value in CASES[case]["metrics"]]
    state = plateau.new_state()

    @tf.function(jit_compile=compiled)
    def observe(metric):
        plateau.observe(state, metric)

    for metric, expected in zip(metrics, observe_all(plateau, metrics), strict=True):
        observe(tf.constant(metric, tf.float32))
        for name, variable in state.items():
            np.testing.assert_allclose(variable.numpy(), expected[name], rtol=1e-6)


@given(
    st.lists(st.floats(width=32), max_size=12),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.1]),
    st.integers(0, 12),
)
def test_invariants_hold_for_any_metrics(
    metrics, patience, cooldown, window, rel, resume_at
):
    plateau = Plateau(
        factor=0.5,
        patience=patience,
        cooldown=cooldown,
        window=window,
        rel=rel,
        min_scale=0.1,
    )
    states = observe_all(plateau, metrics)
    values = [float(state["scale"]) for state in states]
    assert all(0.1 <= scale <= 1.0 for scale in np.float32(values) + np.float32(1e-8))
    assert values == sorted(values, reverse=True)
    bests = [float(state["best"]) for state in states]
    assert bests == sorted(bests)
    # A restart at any evaluation changes nothing.
    for state, other in zip(
        states, observe_all(plateau, metrics, resume_at), strict=True
    ):
        np.testing.assert_array_equal(list(state.values()), list(other.values()))


def test_equal_controllers_have_separate_states():
    first, second = Plateau(patience=1), Plateau(patience=1)
    assert first != second
    states = first.new_state(), second.new_state()
    for _ in range(2):
        first.observe(states[0], tf.constant(1.0))
    assert [float(state["scale"]) for state in states] == [pytest.approx(0.1), 1.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "least"}, "mode must be auto, min or max, not 'least'"),
        ({"factor": 1.0}, "factor must be between 0 and 1, not 1.0"),
        ({"factor": 0.0}, "factor must be between 0 and 1"),
        ({"factor": NAN}, "factor must be between 0 and 1"),
        ({"patience": 0}, "patience must be at least 1, not 0"),
        ({"rel": -0.1}, "rel must be 0 or more"),
        ({"abs": NAN}, "abs must be 0 or more"),
        ({"cooldown": -1}, "cooldown must be 0 or more"),
        ({"min_scale": 1.5}, "min_scale must be from 0 to 1"),
        ({"window": 0}, "window must be at least 1"),
    ],
)
def test_refuses_settings_out_of_range(settings, message):
    with pytest.raises(UsageError, match=message):
        Plateau(**settings)
