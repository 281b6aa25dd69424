"""Tests of framework/compiled.py."""

import gc
import json
import os
import pathlib
import subprocess
import sys
import weakref

import pytest
import tensorflow as tf

from framework import compiled

ROOT = pathlib.Path(__file__).parents[1]


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


# Six runs in a process; prints what is alive after each.
RUNS = """
import gc, json, logging, os, threading, weakref
import numpy as np
from framework import Config, run

KINDS = (
    "FuncGraph", "ResourceVariable", "EagerTensor", "Functional", "TrainLoop", "History"
)

def arrays(index):
    draws = np.random.default_rng(index)
    images = [draws.integers(0, 255, (n, 8, 8, 3)).astype("uint8") for n in (64, 32)]
    return images[0], np.arange(64) % 4, images[1], np.arange(32) % 4

def census():
    gc.collect()
    names = [type(instance).__name__ for instance in gc.get_objects()]
    named = map(logging.getLogger, list(logging.root.manager.loggerDict))
    loggers = [logging.getLogger(), *named]
    return {
        **{kind: names.count(kind) for kind in KINDS},
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
        "handlers": sum(len(each.handlers) for each in loggers),
        "arrays": sum(reference() is not None for reference in references),
    }

references = []
for index in range(6):
    data = arrays(index)
    references += map(weakref.ref, data)
    config = Config(
        model="cnn(filters=(4,), dense=8)",
        augment="brightness(.1) + mixup",
        schedule="cosine * plateau(patience=1)",
        ema=0.9,
        train_for="2ep",
        workdir=f"runs/{index}",
    )
    run(config, dataset=data)
    del data
    print(json.dumps(census()))
"""


@pytest.mark.extended
def test_several_runs_in_one_process_leak_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RUNS],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    counts = [json.loads(line) for line in lines]
    assert len(counts) == 6
    assert counts[-1] == counts[1]
    assert counts[-1]["arrays"] == 0
    # TensorFlow warns from the fifth tracing on.
    assert "retracing" not in done.stderr


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
