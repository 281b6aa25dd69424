"""User modules: each has, or lacks, a function `f` that builds a model."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.faults.handled import REFUSED
from benchmarks.faults.inputs import ANY

_START = """
import sys, os, numpy as np
import keras, tensorflow as tf
L = keras.layers
"""


def _making(expression: str, codes: frozenset[int] = REFUSED):
    """Returns a module whose model is an expression of x, the input, and classes."""
    source = f"""{_START}
def f(image_shape, classes):
    x = keras.Input(image_shape)
    flat = L.Flatten()(x)
    return keras.Model(x, {expression})
"""
    return source, codes


def _doing(line: str, codes: frozenset[int] = REFUSED):
    """Returns a module whose function does not return a model."""
    return f"{_START}\ndef f(image_shape, classes):\n    {line}\n", codes


def _calling(line: str, codes: frozenset[int] = REFUSED):
    """Returns a module whose model runs a line when it is called."""
    source = f"""{_START}
class Net(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.dense, self.classes = L.Dense(classes), classes

    def call(self, x, training=False):
        y = self.dense(tf.reshape(x, (tf.shape(x)[0], 36)))
        {line}
        return y

def f(image_shape, classes):
    return Net(classes)
"""
    return source, codes


_LONG = "'a' * 10**6"

MODULES: Mapping[str, tuple[str | bytes, frozenset[int]]] = {
    # Import.
    "raises at import": ("raise ValueError('broken on purpose')", REFUSED),
    "exits with 0": ("import sys; sys.exit(0)", REFUSED),
    "exits with nothing": ("import sys; sys.exit()", REFUSED),
    "exits with a text": ("import sys; sys.exit('bye')", REFUSED),
    "raises SystemExit": ("raise SystemExit(75)", REFUSED),
    "raises AttributeError": ("import os; os.no_such_thing", REFUSED),
    "raises ImportError": ("import no_such_module", REFUSED),
    "raises KeyError": ("{}['x']", REFUSED),
    "raises StopIteration": ("next(iter(()))", REFUSED),
    "raises RecursionError": ("def g(): g()\ng()", REFUSED),
    "raises MemoryError": ("raise MemoryError", REFUSED),
    "raises GeneratorExit": ("raise GeneratorExit", REFUSED),
    "raises OSError": ("open('/no/such/file')", REFUSED),
    "raises what has no text": ("class E(Exception): pass\nraise E", REFUSED),
    "raises what has no str": (
        "class E(Exception):\n    def __str__(self): raise E\nraise E",
        REFUSED,
    ),
    "raises a group": ("raise ExceptionGroup('many', [ValueError(1)])", REFUSED),
    "raises lines": ("raise ValueError('a\\nb\\n' * 99)", REFUSED),
    "raises escapes": ("raise ValueError('\\x1b[2J\\x07\\r')", REFUSED),
    "raises a long text": (f"raise ValueError({_LONG})", REFUSED),
    "raises a surrogate": ("raise ValueError('\\ud800\\udcff')", REFUSED),
    "has a syntax error": ("def f(:\n", REFUSED),
    "has an indentation error": ("def f():\nreturn 1\n", REFUSED),
    "has a NUL": (b"x = 1\x00\n", REFUSED),
    "is not UTF-8": (b"x = '\xff\xfe'\n", REFUSED),
    "is binary": (bytes(range(256)), REFUSED),
    "is deep": ("x = " + "(" * 500 + ")" * 500, REFUSED),
    "is empty": ("", REFUSED),
    "imports itself": ("import mine\nmine.f", REFUSED),
    "names an unknown encoding": ("# coding: nowhere\n", REFUSED),
    # What `f` is.
    "has a number": ("f = 5", REFUSED),
    "has None": ("f = None", REFUSED),
    "has a string": ("f = 'model'", REFUSED),
    "has a module": ("import os as f", REFUSED),
    "has a generator": ("def f(a, b):\n    yield 1", REFUSED),
    "has a coroutine": ("async def f(a, b):\n    return 1", REFUSED),
    "takes nothing": ("def f():\n    return 1", REFUSED),
    "takes one": ("def f(a):\n    return 1", REFUSED),
    "needs three": ("def f(a, b, c):\n    return 1", REFUSED),
    "needs a keyword": ("def f(a, b, *, c):\n    return 1", REFUSED),
    "has a getattr that raises": (
        "def __getattr__(name):\n    raise RuntimeError(name)",
        REFUSED,
    ),
    # What `f` does.
    "returns None": _doing("return None"),
    "returns a number": _doing("return 5"),
    "returns a layer": _doing("return L.Dense(classes)"),
    "returns a class": _doing("return keras.Model"),
    "returns a function": _doing("return lambda x: x"),
    "returns a pair": _doing("return keras.Sequential(), 1"),
    "returns a tf.Module": _doing("return tf.Module()"),
    "returns an empty Sequential": _doing("return keras.Sequential()"),
    "raises ValueError": _doing("raise ValueError('no')"),
    "raises KeyError in f": _doing("{}['x']"),
    "raises AttributeError in f": _doing("os.no_such_thing"),
    "raises TypeError in f": _doing("len(5)"),
    "raises NameError in f": _doing("no_such_name"),
    "raises ZeroDivisionError in f": _doing("1 / 0"),
    "raises AssertionError in f": _doing("assert False"),
    "raises NotImplementedError in f": _doing("raise NotImplementedError"),
    "raises OSError in f": _doing("open('weights.h5')"),
    "raises MemoryError in f": _doing("bytearray(10**15)"),
    "raises RecursionError in f": _doing("return f(image_shape, classes)"),
    "raises a TensorFlow error in f": _doing("tf.constant([1, 2])[5]"),
    "raises escapes in f": _doing("raise ValueError('\\x1b[2J')"),
    "raises lines in f": _doing("raise ValueError('a\\n' * 99)"),
    "raises a long text in f": _doing(f"raise ValueError({_LONG})"),
    "exits in f": _doing("sys.exit(0)"),
    "raises GeneratorExit in f": _doing("raise GeneratorExit"),
    # What the model is.
    "has no weights": _making("flat[:, :classes]"),
    "has frozen weights": (
        f"""{_START}
def f(image_shape, classes):
    net = keras.Sequential([keras.Input(image_shape), L.Flatten(), L.Dense(classes)])
    net.trainable = False
    return net
""",
        REFUSED,
    ),
    "has an embedding": _making(
        "L.Dense(classes)(L.Flatten()(L.Embedding(9, 2)(L.ReLU(8, 0, 0)(flat))))", ANY
    ),
    "has a weight of no effect": (
        f"""{_START}
class Idle(L.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(3,), name="w")
    def call(self, x):
        return x
def f(image_shape, classes):
    return keras.Sequential([keras.Input(image_shape), L.Flatten(), Idle(),
                             L.Dense(classes)])
""",
        ANY,
    ),
    "has all weights of no effect": _making(
        "L.Dense(classes)(L.Lambda(tf.stop_gradient, output_shape=(36,))(flat)) * 0.0",
        ANY,
    ),
    "has integer weights": (
        f"""{_START}
class Whole(L.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(), dtype="int32", initializer="zeros")
    def call(self, x):
        return x + tf.cast(self.w, x.dtype)
def f(image_shape, classes):
    return keras.Sequential([keras.Input(image_shape), L.Flatten(), Whole(),
                             L.Dense(classes)])
""",
        ANY,
    ),
    "has complex outputs": _calling("y = tf.cast(y, tf.complex64)"),
    "has too few outputs": _making("L.Dense(classes - 1)(flat)"),
    "has too many outputs": _making("L.Dense(classes + 1)(flat)"),
    "has one output": _making("L.Dense(1)(flat)"),
    "has images as outputs": _making("L.Conv2D(classes, 3)(x)"),
    "has no rank": _making("L.Lambda(tf.reduce_sum, output_shape=())(flat)"),
    "has two outputs": _making("[L.Dense(classes)(flat), L.Dense(classes)(flat)]"),
    "has named outputs": _making("{'logits': L.Dense(classes)(flat)}"),
    "has two inputs": _doing(
        "a, b = keras.Input(image_shape), keras.Input((3,)); "
        "return keras.Model([a, b], L.Dense(classes)(L.Flatten()(a)))"
    ),
    "has inputs of another size": _doing(
        "return keras.Sequential([keras.Input((5, 5, 1)), L.Flatten(), "
        "L.Dense(classes)])"
    ),
    "has strings": _calling("y = tf.as_string(y)"),
    "has whole outputs": _calling("y = tf.cast(y, tf.int32)"),
    "has true and false": _calling("y = y > 0"),
    "has float64": _calling("y = tf.cast(y, tf.float64)", ANY),
    "has float16": _calling("y = tf.cast(y, tf.float16)", ANY),
    "gives NaN": _calling("y = y / 0.0 * 0.0"),
    "gives infinity": _calling("y = y + np.inf"),
    "gives the batch in one row": _calling("y = tf.reduce_mean(y, 0, keepdims=True)"),
    "gives half the batch": _calling("y = y[::2]"),
    "gives a ragged tensor": _calling("y = tf.RaggedTensor.from_tensor(y)"),
    "gives a sparse tensor": _calling("y = tf.sparse.from_dense(y)"),
    "has a side of 0": _making("L.Dense(classes)(L.Flatten()(L.Cropping2D(3)(x)))"),
    "convolves a side of 0": _calling(
        "y = y + tf.reduce_sum(tf.nn.conv2d(x[:, :0], tf.ones((1, 1, 1, 1)), 1, "
        "'SAME'))",
        ANY,
    ),
    "has no channels": _calling(
        "y = y + tf.reduce_sum(tf.nn.conv2d(x[..., :0], tf.ones((1, 1, 0, 3)), 1, "
        "'SAME'))",
        ANY,
    ),
    "has a dense layer of 0": _making("L.Dense(classes)(L.Dense(0)(flat))", ANY),
    "is huge": _making("L.Dense(classes)(L.Dense(2**31)(flat))"),
    "raises in call": _calling("raise ValueError('in call')"),
    "raises in training": _calling("if training: raise ValueError('in training')"),
    "raises in a graph": _calling("if not tf.executing_eagerly(): y.numpy()"),
    "raises in graph mode only": _calling(
        "if not tf.executing_eagerly(): raise KeyError('x')"
    ),
    "raises when it runs": _calling(
        "tf.debugging.assert_less(x[0, 0, 0, 0], -1e9) if training else None"
    ),
    "calls Python that raises": _calling(
        "y = y + tf.py_function(lambda: 1 / 0, [], tf.float32) if training else y"
    ),
    "exits in call": _calling("sys.exit(0)"),
    "exits in training": _calling("if training: sys.exit(0)"),
    "makes weights in each call": _calling(
        "y = y + tf.Variable(1.0) if training else y", ANY
    ),
    "depends on an if": _calling("y = y if y[0, 0] > 0 else -y", ANY),
    "changes its weights": _calling(
        "self.dense.kernel.assign(self.dense.kernel * np.nan) if training else None"
    ),
    "prints": _calling("print('noise'); tf.print('noise')", ANY),
    "warns": _calling("import warnings; warnings.warn('careful')", ANY),
}
