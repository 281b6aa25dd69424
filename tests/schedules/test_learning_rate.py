"""Tests of framework/schedules/learning_rate.py."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from framework import schedules
from framework.errors import UsageError
from framework.schedules import Clock, LearningRate

GOLDEN = pathlib.Path(__file__).parents[1] / "golden/schedules/composed.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text())["cases"]}
SPECS = {
    "warmup_cosine_x_plateau": "(warmup(5) + cosine(35)) * "
    "plateau('loss', factor=.5, patience=4, cooldown=2, like='optax', start=0)",
    "constant_x_plateau": "constant * "
    "plateau('loss', factor=.5, patience=3, like='optax')",
    "exp_x_plateau_accum5": "exponential(decay_steps=20, decay_rate=.5) * "
    "plateau('loss', factor=.2, rel=.05, abs=0, patience=1, "
    "cooldown=1, window=5, min_scale=.01)",
}


def build(text, total=60, peak=1.0):
    return LearningRate(peak, schedules.build(text), Clock(total, 10))


def at(rate, step):
    return float(rate(tf.constant(step, tf.int64)))


def snapshot(rate):
    return {name: variable.numpy() for name, variable in rate.variables.items()}


@pytest.mark.parametrize("case", sorted(CASES))
@pytest.mark.parametrize("interrupted", [False, True])
def test_golden(case, interrupted):
    golden, rate = CASES[case], build(SPECS[case], peak=0.1)
    rates, scales = [], []
    for step, metric in enumerate(golden["metrics"]):
        if interrupted and step == len(golden["metrics"]) // 2:
            saved = snapshot(rate)
            rate = build(SPECS[case], peak=0.1)
            for name, variable in rate.variables.items():
                variable.assign(saved[name])
        # optax scales the update that carries a metric, we the one after it.
        rate.observe(step, {"loss": metric})
        rates.append(at(rate, step))
        scales.append(float(rate.variables["0/scale"].numpy()))
    np.testing.assert_allclose(scales, golden["scale"], rtol=golden["rtol"])
    np.testing.assert_allclose(rates, golden["lr"], rtol=1e-6, atol=1e-8)


def test_is_the_peak_times_the_schedule():
    rate = build("warmup(10) + linear", peak=0.5)
    assert [at(rate, step) for step in (0, 5, 10, 35, 60)] == [
        0.0,
        0.25,
        0.5,
        0.25,
        0.0,
    ]
    assert rate(tf.constant(5, tf.int64)).dtype == tf.float32
    # int32 steps and Python integers are accepted, too.
    assert float(rate(tf.constant(5))) == float(rate(5)) == 0.25


@pytest.mark.parametrize("compiled", [False, True])
def test_a_compiled_function_sees_a_reduction(compiled):
    rate = build("linear * plateau('loss', patience=1, factor=.5)")
    called = tf.function(rate, jit_compile=compiled)
    step = tf.Variable(30, dtype=tf.int64)
    assert float(called(step)) == 0.5
    for _ in range(2):
        rate.observe(60, {"loss": 1.0})
    assert float(called(step)) == 0.25
    step.assign_add(30)
    assert float(called(step)) == 0.0


def test_without_a_controller_metrics_have_no_effect():
    rate = build("cosine")
    rate.check_monitors([])
    rate.observe(60, {"validation/loss": 1.0})
    assert rate.variables == {}
    assert rate.log_values() == {}


def test_each_controller_observes_its_own_metric():
    rate = build(
        "plateau('validation/accuracy', patience=1, factor=.5)"
        " * plateau('train/loss', patience=1, factor=.1)"
    )
    for accuracy, loss in [(0.5, 1.0), (0.5, 0.5), (0.6, 0.5)]:
        metrics = {"validation/accuracy": accuracy, "train/loss": loss, "other": 3.0}
        rate.observe(60, metrics)
    state = snapshot(rate)
    assert state["0/scale"] == pytest.approx(0.5)
    assert state["1/scale"] == pytest.approx(0.1)
    assert at(rate, 0) == pytest.approx(0.05)


def test_a_controller_in_a_part_acts_within_that_part():
    rate = build("warmup(10) + linear(20) * plateau('loss', patience=1, factor=.5)", 30)
    for _ in range(2):
        rate.observe(60, {"loss": 1.0})
    assert at(rate, 5) == pytest.approx(0.5)
    assert at(rate, 20) == pytest.approx(0.25)


def test_an_unknown_metric_is_refused_and_the_known_are_listed():
    rate = build("cosine * plateau('val_loss')")
    measured = ["train/loss", "validation/loss", "validation/accuracy"]
    message = (
        "the schedule watches 'val_loss', which is not measured; there are "
        "train/loss, validation/loss, validation/accuracy"
    )
    with pytest.raises(UsageError, match=message):
        rate.check_monitors(measured)
    build("cosine * plateau('validation/loss')").check_monitors(measured)


@pytest.mark.parametrize(
    ("metric", "best"), [("validation/accuracy", 0.75), ("validation/loss", 0.25)]
)
def test_logs_scale_best_and_bad(metric, best):
    rate = build(f"cosine * plateau('{metric}', patience=3)")
    for value in (0.75, 0.25, 0.5):
        rate.observe(60, {metric: value})
    bad = 1.0 if best == 0.25 else 2.0
    assert rate.log_values() == {
        "schedule/scale": 1.0,
        "schedule/best": best,
        "schedule/bad": bad,
    }


def test_logs_the_values_of_two_controllers():
    rate = build("plateau('a', mode='max', patience=1, factor=.5) * plateau('b')")
    for _ in range(2):
        rate.observe(60, {"a": 0.5, "b": 3.0})
    values = rate.log_values()
    assert (values["schedule/0/scale"], values["schedule/1/scale"]) == (0.5, 1.0)
    assert (values["schedule/0/best"], values["schedule/1/best"]) == (0.5, 3.0)


def test_replicas_stay_equal(mirrored):
    text = "(warmup(5) + cosine) * plateau('loss', patience=1, factor=.5, window=2)"
    alone = build(text)
    with mirrored.scope():
        shared = build(text)
    called = tf.function(lambda step: mirrored.run(shared, (step,)))
    assert shared.variables.keys() == alone.variables.keys()
    for step, metric in enumerate([3.0, 1.0, 2.0, 2.0, float("nan"), 1.0, 1.0]):
        for rate in (shared, alone):
            rate.observe(60, {"loss": metric})
        for name, variable in shared.variables.items():
            copies = [
                copy.numpy() for copy in mirrored.experimental_local_results(variable)
            ]
            assert len(copies) == 2
            np.testing.assert_array_equal(copies, [alone.variables[name].numpy()] * 2)
        rates = mirrored.experimental_local_results(called(tf.constant(step, tf.int64)))
        np.testing.assert_array_equal(
            [float(rate) for rate in rates], [at(alone, step)] * 2
        )
    assert alone.variables["0/scale"].numpy() == 0.25
    # Restored values reach both replicas.
    for variable in shared.variables.values():
        variable.assign(tf.zeros([], variable.dtype))
        copies = mirrored.experimental_local_results(variable)
        assert [float(copy) for copy in copies] == [0.0, 0.0]


def test_whether_a_reduction_restores_the_best_weights():
    assert not build("constant * plateau('loss')").restores_best
    assert build("cosine * plateau('loss', restore_best=True)").restores_best
