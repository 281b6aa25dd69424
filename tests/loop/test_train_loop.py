"""Tests of framework/loop/train_loop.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.data.batches import MemoryBatches, StreamBatches
from framework.loop.train_step import Update
from framework.numerics.metrics import summarize

# Twenty examples in batches of eight: three per epoch, the last of four.
EPOCH = 3


RICH = {
    "model": "mlp(units=(6,), dropout=.3)",
    "augmentation": "rotate(20) + shift(.2) + flip + brightness(.2)",
    "optimizer": "sgd(momentum=.9)",
    "schedule": "cosine",
}


def trained(parts, steps, per_call=1):
    """Trains for some steps; returns the variables by name."""
    step = 0
    while step < steps:
        count = min(per_call, steps - step, EPOCH - step % EPOCH)
        parts.loop(step, count)
        step += count
    return {name: v.numpy() for name, v in parts.state.variables().items()}


def assert_same(actual, expected, **tolerance):
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        compare = (
            np.testing.assert_allclose if tolerance else np.testing.assert_array_equal
        )
        compare(actual[name], value, **tolerance, err_msg=name)


@pytest.fixture(scope="module")
def shared():
    """The reference of several tests, computed once."""
    return {}


def expected(shared, build):
    if not shared:
        shared.update(trained(build(**RICH), 7))
    return shared


@pytest.mark.extended
def test_sums_do_not_stop_at_two_to_the_31(build):
    parts, count = build(**RICH), 2**31 - 10
    # A loss of half a nat, and nearly all are correct.
    before = {"examples": count, "correct": count - 2**20, "loss": count / 2}
    for name, value in before.items():
        parts.state.totals[name].assign(value)
        parts.state.window[name].assign(value)
    parts.loop(0, EPOCH)
    added = {name: v.numpy() - before[name] for name, v in parts.state.window.items()}
    fresh = build(**RICH)
    fresh.loop(0, EPOCH)
    for name, variable in fresh.state.window.items():
        # Of a float64 of 2**30 the last bit is 2**-22.
        assert added[name] == pytest.approx(variable.numpy(), abs=1e-6), name
    assert parts.state.window["examples"].numpy() == count + 20 > 2**31
    actual = parts.loop.take_window()
    assert actual["accuracy"] == pytest.approx(1 - 2**20 / count, abs=1e-7)
    actual = parts.loop.take_totals()
    assert actual["accuracy"] == pytest.approx(1 - 2**20 / count, abs=1e-7)
    assert actual["loss"] == pytest.approx(0.5, abs=1e-7)


@pytest.mark.parametrize("per_call", [pytest.param(2, marks=pytest.mark.extended), 100])
def test_steps_per_call_do_not_matter(build, shared, per_call):
    assert_same(trained(build(**RICH), 7, per_call), expected(shared, build))


@pytest.mark.extended
def test_a_probed_step_is_a_step_as_any_other(build, shared):
    parts = build(**RICH)
    norms = [parts.loop.measured_step(step) for step in range(7)]
    actual = {name: v.numpy() for name, v in parts.state.variables().items()}
    # Apart from its statistics.
    wanted = expected(shared, build)
    noise = {name: actual[name] for name in wanted if name.startswith("noise/")}
    assert_same(actual, wanted | noise)
    assert all(np.isfinite(list(norm.values())).all() for norm in norms)
    size = float(tf.linalg.global_norm(parts.state.weights))
    assert norms[-1]["weight_norm"] == pytest.approx(size)


def test_a_stream_trains_as_memory_does(build, shared):
    parts = build(**RICH, batches=StreamBatches)
    assert_same(trained(parts, 7, 100), expected(shared, build))
    # Memory has nothing to wait for.
    assert parts.loop.waited() > 0 == build().loop.waited()


@pytest.mark.extended
@pytest.mark.parametrize("options", [{"batches": StreamBatches}, {"parts": 2}], ids=str)
def test_weights_count_however_batches_are_read(build, options):
    options = {"weights": True, "augmentation": "mixup(.4)", **options}
    expected = trained(build(weights=True, augmentation="mixup(.4)"), 7)
    actual = trained(build(**options), 7, 100)
    # Each part of a batch is summed by itself.
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if "parts" in options else {}
    assert_same(actual, expected, **tolerance)
    plain = trained(build(augmentation="mixup(.4)"), 7)
    assert not np.allclose(actual["model/0"], plain["model/0"])


@pytest.mark.extended
def test_xla_trains_alike(build, shared):
    actual = trained(build(**RICH, jit=True), 7, 100)
    assert_same(actual, expected(shared, build), rtol=1e-5, atol=1e-5)


@pytest.mark.extended
def test_the_whole_step_compiles_as_one_program(build):
    # As on a TPU: choice of images, augmentation, dropout, update, average, metrics.
    options = {
        **RICH,
        # Others are compiled in tests/augment/test_policy.py.
        "augmentation": "flip + brightness(.2) + mixup(.4)",
        "update": Update(clip_norm=0.5, ema_decay=0.9, skip=True),
        "loss_scale": True,
    }
    parts, other = build(**options), build(**options)
    whole = tf.function(
        lambda *place: other.loop._step(*place, measure=False), jit_compile=True
    )
    for step in range(EPOCH):
        place = tf.constant(step, tf.int64), tf.constant(step)
        whole(other.feed.at(step), *place)
    actual = {name: v.numpy() for name, v in other.state.variables().items()}
    assert_same(actual, trained(parts, EPOCH), rtol=1e-4, atol=1e-5)
    batch = tf.range(6)
    calls = other.evaluator.on_replica
    compiled = tf.function(lambda rows: calls(rows, 6), jit_compile=True)(batch)
    for name, value in calls(batch, 6).items():
        np.testing.assert_allclose(compiled[name], value, rtol=1e-4, err_msg=name)


@pytest.mark.extended
@pytest.mark.parametrize(
    "options",
    [
        {"model": "mlp(units=(6,), dropout=.3)", "optimizer": "sgd(momentum=.9)"},
        {"augmentation": RICH["augmentation"], "optimizer": "sgd(.9, nesterov=True)"},
        {"model": "normalized", "update": Update(clip_norm=0.5, ema_decay=0.9)},
        {"model": "regularized"},
        {"parts": 2, "label_smoothing": 0.1, "optimizer": "sgd(weight_decay=.01)"},
        {"loss": "focal(class_weights='balanced')"},
        {"weights": True, "augmentation": "mixup", "parts": 2},
        {"loss": "ohem(.4)", "weights": True},
        {"loss": "binary_cross_entropy", "several_labels": True}
        | {"augmentation": "mixup", "weights": True, "label_smoothing": 0.1},
    ],
    ids=[
        "dropout",
        "augmentation",
        "batch norm",
        "losses of layers",
        "parts",
        "loss",
        "weights",
        "hardest",
        "several labels",
    ],
)
def test_two_replicas_train_as_one(build, mirrored, options, request):
    if options.get("model") in ("normalized", "regularized"):
        options = options | {"model": request.getfixturevalue(options["model"])}
    one, two = build(**options), build(mirrored, **options)
    actual = trained(two, 5, 100)
    # Relative to the size of a tensor: single numbers may be close to 0. Not with Adam
    # and its like, which divide such numbers by their own size.
    for name, value in trained(one, 5, 100).items():
        size = max(np.abs(value).max(initial=0), 1e-3)
        np.testing.assert_allclose(actual[name], value, atol=2e-6 * size, err_msg=name)
    for variable in two.state.variables().values():
        replicas = mirrored.experimental_local_results(variable)
        for other in replicas[1:]:
            np.testing.assert_array_equal(other.numpy(), replicas[0].numpy())


@pytest.mark.extended
def test_the_seed_decides_what_is_drawn(build, shared):
    actual = trained(build(**RICH, seed=1), 2)
    again = trained(build(**RICH), 2)
    assert not np.array_equal(actual["model/0"], again["model/0"])


def test_the_rate_follows_the_schedule_within_a_call(build):
    # With a rate of 0 from the second step on, three steps equal one.
    one, three = (build(schedule="step(every=1, gamma=0)") for _ in range(2))
    one.loop(0, 1)
    assert one.state.rate() == pytest.approx(0.1)
    three.loop(0, 3)
    assert three.state.rate() == 0
    np.testing.assert_array_equal(*(x.state.weights[0].numpy() for x in (one, three)))


@pytest.mark.parametrize("replicas", [1, 2])
def test_windows_and_totals_are_means_over_what_was_trained_on(
    build, replicas, request
):
    strategy = request.getfixturevalue("mirrored") if replicas == 2 else None
    # With a rate of 0 the model is constant: the sums are those of an evaluation.
    parts = build(strategy, rate=0.0)
    actual = parts.evaluator(np.arange(20))
    truth = {"accuracy": np.mean(actual.rank == 0), "loss": np.mean(actual.losses)}
    parts.loop(0, 3)
    assert parts.loop.take_window() == pytest.approx(truth, rel=1e-5)
    assert np.isnan(list(parts.loop.take_window().values())).all()
    parts.loop(3, 1)
    batch = parts.state.window["examples"].numpy()
    assert batch == 8
    parts.loop(4, 2)
    parts.loop.take_window()
    # Over both epochs.
    assert parts.state.totals["examples"].numpy() == 40
    assert parts.loop.take_totals() == pytest.approx(truth, rel=1e-5)
    assert np.isnan(list(parts.loop.take_totals().values())).all()


@pytest.mark.parametrize("kind", [MemoryBatches, StreamBatches])
def test_weighted_means_are_those_of_an_evaluation(build, kind):
    parts = build(rate=0.0, weights=True, batches=kind)
    metrics = summarize(parts.evaluator(np.arange(20)), ("a", "b", "c"))
    names = ("accuracy", "loss", "weighted_accuracy", "weighted_loss")
    parts.loop(0, 3)
    expected = {name: metrics[name] for name in names}
    assert parts.loop.take_window() == pytest.approx(expected, rel=1e-5)


def test_each_compiled_function_is_timed_at_its_first_call(build):
    parts = build()
    trained(parts, 4)
    assert list(parts.loop.compilation.seconds) == ["the training step"]
    first = dict(parts.loop.compilation.seconds)
    parts.loop.measured_step(4)
    trained(parts, 3)
    assert list(parts.loop.compilation.seconds) == [
        "the training step",
        "the measured training step",
    ]
    assert first.items() <= parts.loop.compilation.seconds.items()
