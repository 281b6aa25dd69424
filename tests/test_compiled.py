"""Tests of framework/compiled.py."""

import gc
import weakref

import pytest
import tensorflow as tf

from framework import compiled
from framework.config import Config
from framework.launch.run import run


@pytest.fixture
def warned(caplog):
    """Captures warnings of TensorFlow's logger."""
    logger = tf.get_logger()
    level = logger.level
    # Other tests may have raised the level.
    logger.setLevel("WARNING")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)
    logger.setLevel(level)


class Doubled:
    def __init__(self, make):
        self.call = make(self.double)

    def double(self, value):
        return value * 2.0


@pytest.mark.parametrize(
    ("make", "expected"), [(compiled.function, False), (tf.function, True)]
)
def test_the_same_method_of_several_objects_is_no_retracing(make, expected, warned):
    for _ in range(8):
        assert Doubled(make).call(tf.constant(2.0)).numpy() == 4.0
    assert any("retracing" in message for message in warned.messages) == expected


def test_retracing_of_one_function_is_still_reported(warned):
    doubled = Doubled(compiled.function)
    for value in range(8):
        doubled.call(float(value))
    assert any("retracing" in message for message in warned.messages)


@tf.custom_gradient
def tripled(value):
    return value * 1.0, lambda upstream: upstream * 3.0


def traced():
    """Returns a function whose graph has a custom gradient."""
    function = compiled.function(lambda value: tripled(value) + tripled(value))
    function(tf.constant(1.0))
    return function


def test_a_graph_is_freed_with_its_function():
    with compiled.collectable_graphs():
        function = traced()
    spec = tf.TensorSpec([], tf.float32)
    graph = weakref.ref(function.get_concrete_function(spec).graph)
    # While in use, gradients work.
    value = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(value)
        outputs = function(value)
    assert tape.gradient(outputs, value).numpy() == 6.0
    del function, outputs, tape
    gc.collect()
    assert graph() is None


def test_without_the_internals_nothing_is_changed(monkeypatch):
    monkeypatch.setattr(compiled, "_gradient_registry", dict)
    with compiled.collectable_graphs():
        assert traced()(tf.constant(2.0)).numpy() == 4.0


def census():
    """Counts the graphs, variables and eager tensors that are alive."""
    gc.collect()
    names = [type(instance).__name__ for instance in gc.get_objects()]
    kinds = ("FuncGraph", "ResourceVariable", "EagerTensor", "TrainLoop")
    return {kind: names.count(kind) for kind in kinds}


@pytest.mark.extended
def test_several_runs_in_one_process_leak_nothing(tmp_path, warned):
    counts = []
    # TensorFlow warns from the fifth tracing on.
    for index in range(6):
        config = Config(
            model="cnn(filters=(4,), dense=8)",
            augment="brightness(.1) + mixup",
            dataset="noise(train=64, validation=32, size=8)",
            train_for="1ep",
            workdir=str(tmp_path / str(index)),
        )
        run(config, quiet=True)
        counts.append(census())
    assert counts[-1] == counts[1]
    assert not [message for message in warned.messages if "retracing" in message]


class Told:
    def __init__(self):
        self.events = []

    def began(self, what):
        self.events.append(what)

    def ended(self, seconds):
        self.events.append(seconds)


def test_first_calls_are_timed_and_told():
    now = [10.0]
    compilation = compiled.Compilation(clock=lambda: now[0])
    compilation.watcher = told = Told()
    for seconds, key in [(5, 1), (3, 1), (2, 2), (1, 2)]:
        with compilation.first("the step", key):
            now[0] += seconds
    with pytest.raises(ValueError, match="broken"), compilation.first("evaluation"):
        raise ValueError("broken")
    assert told.events == ["the step", 5.0, "the step", 2.0, "evaluation", 0.0]
    assert compilation.seconds == {"the step": 7.0, "evaluation": 0.0}
