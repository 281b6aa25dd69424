"""Tests of framework/schedules/plateau.py, against traces of others and Keras."""

import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import UsageError
from framework.schedules import Plateau

GOLDEN = pathlib.Path(__file__).parents[1] / "golden/schedules/plateau.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text())["cases"]}
NAN, INF = float("nan"), float("inf")

# Where we mean to be different from a reference, though it is no defect of theirs.
DIFFERENT = {
    "torch_eps": "cuts below 1e-8 are made as well",
    "torch_inf": "minus infinity is a bad value, not the best for ever",
}
SAME = [
    name
    for name, case in CASES.items()
    if case["normative"]
    and name.startswith(("keras", "torch", "optax"))
    and name not in DIFFERENT
]


def observed(plateau, metrics, resume_at=None):
    """Returns the state after each metric; at one it goes on in new variables."""
    state, states = plateau.start(), []
    for index, metric in enumerate(metrics):
        if index == resume_at:
            saved = {name: variable.numpy() for name, variable in state.items()}
            state = plateau.start()
            for name, variable in state.items():
                variable.assign(saved[name])
        plateau.observe(state, tf.constant(metric, tf.float32))
        states.append({name: variable.numpy() for name, variable in state.items()})
    return states


def scales(plateau, metrics):
    return [float(state["scale"]) for state in observed(plateau, metrics)]


def mapped(case):
    """Returns our settings for those of a reference, which count in other ways."""
    given_settings = dict(case["params"])
    settings = {"factor": given_settings.pop("factor", 0.1), "mode": "min"}
    patience = given_settings.pop("patience", 10)
    cooldown = given_settings.pop("cooldown", 0)
    if case["id"].startswith("keras"):
        settings |= {"patience": max(patience, 1), "cooldown": max(cooldown - 1, 0)}
        settings |= {"abs": given_settings.pop("min_delta", 1e-4), "rel": 0.0}
    elif case["id"].startswith("torch"):
        settings |= {"patience": patience + 1, "cooldown": cooldown}
        measure = given_settings.pop("threshold_mode", "rel")
        settings |= {"rel": 0.0, "abs": 0.0}
        settings[measure] = given_settings.pop("threshold", 1e-4)
    else:
        settings |= {"patience": patience, "cooldown": cooldown}
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
    plateau = mapped(golden)
    metrics = [float(value) for value in golden["metrics"]]
    # Within a window too, where there are any.
    resume_at = golden.get("resume_at", len(metrics) // 2) if interrupted else None
    states = observed(plateau, metrics, resume_at)
    found = [golden["lr0"] * state["scale"] for state in states]
    np.testing.assert_allclose(found, golden["lr"], rtol=golden["rtol"])
    for index, state in enumerate(states):
        best, bad, cooling = (float(value) for value in golden["state"][index])
        np.testing.assert_allclose(plateau.sign * state["best"], best, rtol=1e-6)
        if case.startswith("keras"):
            # It stops counting when it comes to the floor.
            if golden["lr"][index] <= golden["params"].get("min_lr", 0.0):
                continue
            # And counts an evaluation of its cool-down before it begins.
            cooling = max(cooling - 1, 0)
        assert (state["bad"], state["cooling"]) == (bad, cooling), index


def test_minus_infinity_is_bad_and_not_the_best():
    golden = CASES["torch_inf"]
    metrics = [float(value) for value in golden["metrics"]]
    same_until = metrics.index(-INF)
    found = scales(mapped(golden), metrics)
    np.testing.assert_allclose(
        0.1 * np.array(found[:same_until]), golden["lr"][:same_until]
    )
    assert found[same_until:] == [0.25] * (len(metrics) - same_until)


def test_small_scales_are_cut_as_well():
    golden = CASES["torch_eps"]
    found = scales(mapped(golden), [float(value) for value in golden["metrics"]])
    np.testing.assert_allclose(found, 0.1 ** np.arange(len(found)), rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "metrics", "expected"),
    [
        # The first evaluation is always the best so far.
        ({"patience": 1}, [0.5], [1.0]),
        ({"patience": 2}, [0.5, 0.5, 0.5], [1.0, 1.0, 0.5]),
        # An improvement starts the count again.
        ({"patience": 2}, [0.5, 0.5, 0.4, 0.4], [1.0, 1.0, 1.0, 1.0]),
        # ... but not one smaller than `abs` or `rel`.
        ({"patience": 1, "abs": 0.1}, [0.5, 0.45], [1.0, 0.5]),
        ({"patience": 1, "abs": 0.1}, [0.5, 0.35], [1.0, 1.0]),
        ({"patience": 1, "abs": 0.0, "rel": 0.2}, [0.5, 0.45], [1.0, 0.5]),
        ({"patience": 1, "abs": 0.0, "rel": 0.2}, [0.5, 0.35], [1.0, 1.0]),
        # Small improvements add up.
        ({"patience": 2, "abs": 0.1}, [0.5, 0.44, 0.38, 0.38], [1, 1, 1, 1]),
        ({"patience": 1, "cooldown": 2}, [0.5] * 6, [1, 0.5, 0.5, 0.5, 0.25, 0.25]),
        # An improvement while cooling is taken note of.
        ({"patience": 1, "cooldown": 1}, [5, 5, 3, 4], [1, 0.5, 0.5, 0.25]),
        ({"patience": 1, "min_scale": 0.4}, [0.5] * 4, [1.0, 0.5, 0.4, 0.4]),
        ({"patience": 1, "mode": "max"}, [0.5, 0.6, 0.6], [1.0, 1.0, 0.5]),
        ({"patience": 1, "window": 2}, [4, 6, 4, 4, 5, 3], [1, 1, 1, 1, 1, 0.5]),
        # Of a metric below 0 the share is measured from its size.
        ({"patience": 1, "abs": 0.0, "rel": 0.1}, [-1.0, -1.0], [1.0, 0.5]),
        ({"patience": 1, "abs": 0.0, "rel": 0.1}, [-1.0, -0.95], [1.0, 0.5]),
        ({"patience": 1, "abs": 0.0, "rel": 0.1}, [-1.0, -1.05], [1.0, 0.5]),
        ({"patience": 1, "abs": 0.0, "rel": 0.1}, [-1.0, -1.2], [1.0, 1.0]),
        (
            {"patience": 1, "abs": 0.0, "rel": 0.1, "mode": "max"},
            [-1.0, -0.95, -0.85],
            [1.0, 0.5, 0.5],
        ),
        # What is no number is bad, and never the best.
        ({"patience": 2}, [NAN, NAN, 0.5, 0.4], [1.0, 0.5, 0.5, 0.5]),
        ({"patience": 2}, [NAN, 0.5, 0.4, 0.3], [1.0, 1.0, 1.0, 1.0]),
        ({"patience": 2}, [0.5, NAN, 0.4, NAN, NAN], [1.0, 1.0, 1.0, 1.0, 0.5]),
        ({"patience": 1, "rel": 0.1}, [INF, 0.5, 0.4], [0.5, 0.5, 0.5]),
        ({"patience": 1, "rel": 0.1}, [NAN, 0.5, 0.4], [0.5, 0.5, 0.5]),
        ({"patience": 1, "rel": 0.1}, [-INF, 0.5, 0.4], [0.5, 0.5, 0.5]),
        ({"patience": 1, "mode": "max"}, [INF, 0.5, 0.6], [0.5, 0.5, 0.5]),
        ({"patience": 1, "mode": "max", "rel": 0.1}, [0.5, INF, 0.6], [1, 0.5, 0.5]),
        # It spoils its own window only.
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
def test_auto_knows_which_way_is_better(monitor, sign):
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
    found = []
    for epoch, metric in enumerate(metrics):
        callback.on_epoch_end(epoch, {"loss": float(np.float32(metric))})
        found.append(float(model.optimizer.learning_rate.numpy()))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_cuts_when_keras_does(seed):
    generator = np.random.default_rng(seed)
    patience, cooldown = int(generator.integers(1, 5)), int(generator.integers(0, 4))
    mode = ("min", "max")[seed % 2]
    # Of eighths, so that nothing is rounded.
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
    plateau = mapped(CASES[case])
    metrics = [float(value) for value in CASES[case]["metrics"]]
    state = plateau.start()

    @tf.function(jit_compile=compiled)
    def observe(metric):
        plateau.observe(state, metric)

    for metric, expected in zip(metrics, observed(plateau, metrics), strict=True):
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
def test_whatever_it_is_told(metrics, patience, cooldown, window, rel, resume_at):
    plateau = Plateau(
        factor=0.5,
        patience=patience,
        cooldown=cooldown,
        window=window,
        rel=rel,
        min_scale=0.1,
    )
    states = observed(plateau, metrics)
    found = [float(state["scale"]) for state in states]
    assert all(0.1 <= scale <= 1.0 for scale in np.float32(found) + np.float32(1e-8))
    assert found == sorted(found, reverse=True)
    bests = [float(state["best"]) for state in states]
    assert bests == sorted(bests)
    # A restart at any place changes nothing.
    for state, other in zip(states, observed(plateau, metrics, resume_at), strict=True):
        np.testing.assert_array_equal(list(state.values()), list(other.values()))


def test_two_of_the_same_settings_have_states_of_their_own():
    first, second = Plateau(patience=1), Plateau(patience=1)
    assert first != second
    states = first.start(), second.start()
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
def test_refuses_settings_that_make_no_sense(settings, message):
    with pytest.raises(UsageError, match=message):
        Plateau(**settings)
