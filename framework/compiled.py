"""tf.function for many runs in one process: no false warnings, no leaked graphs."""

from __future__ import annotations

import contextlib
import functools
import weakref
from collections.abc import Callable, Iterator

import tensorflow as tf

# Key of a registered function in TensorFlow's registry.
_TYPE = "type"


def function(python_function: Callable, **options) -> tf.types.experimental.Callable:
    """Returns `tf.function(python_function, autograph=False, **options)`.

    TensorFlow counts how often a function is traced by its source code, and takes a
    second run's first trace for a retrace of the first run's. A partial has no code, so
    that it counts by object: only retracing of one and the same function is reported.

    Args:
        python_function: What to compile.
        **options: Further ones of `tf.function`.
    """
    return tf.function(functools.partial(python_function), autograph=False, **options)


@contextlib.contextmanager
def collectable() -> Iterator[None]:
    """Lets graphs that are traced within it be freed once nobody uses them.

    `tf.custom_gradient` in a graph, and so `all_reduce`, registers a gradient function
    under a new name in a registry that lives as long as the process. The function
    refers to the graph, which is then never freed. Afterwards the graph owns the
    function, and the registry refers to it weakly. If TensorFlow's internals are other
    than expected, they are left alone.
    """
    registered = _registered()
    before = set(registered)
    try:
        yield
    finally:
        for name in [each for each in registered if each not in before]:
            if name.startswith("CustomGradient-"):
                _hand_over(registered, name)


def _registered() -> dict[str, dict]:
    """Returns TensorFlow's gradient functions by name; empty if it has none there."""
    with contextlib.suppress(ImportError, AttributeError):
        from tensorflow.python.framework import ops

        return ops.gradient_registry._registry
    return {}


def _hand_over(registered: dict[str, dict], name: str) -> None:
    """Has the graph of a gradient function own it, and the registry no longer."""
    gradient = registered[name][_TYPE]
    graph = _graph_of(gradient)
    if graph is None:
        return
    weak = weakref.ref(gradient)

    def forward(operation: tf.Operation, *upstream: tf.Tensor) -> object:
        return weak()(operation, *upstream)

    graph._whyflat_gradients = [*getattr(graph, "_whyflat_gradients", []), gradient]
    registered[name][_TYPE] = forward
    weakref.finalize(graph, registered.pop, name, None).atexit = False


def _graph_of(gradient: Callable, depth: int = 2) -> tf.Graph | None:
    """Returns the graph of the tensors that a function has in its closure."""
    for cell in getattr(gradient, "__closure__", None) or ():
        value = cell.cell_contents
        for leaf in tf.nest.flatten(value) if not callable(value) else ():
            if tf.is_symbolic_tensor(leaf):
                return leaf.graph
        if depth and callable(value):
            graph = _graph_of(value, depth - 1)
            if graph is not None:
                return graph
    return None
