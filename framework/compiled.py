"""tf.function: without false warnings and leaks in several runs, and timed."""

from __future__ import annotations

import contextlib
import functools
import time
import weakref
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Protocol

import tensorflow as tf

# The key of the function in an entry of TensorFlow's registry.
_TYPE = "type"


def function(
    python_function: Callable[..., Any], **options: Any
) -> tf.types.experimental.Callable:
    """Returns `tf.function(python_function, autograph=False, **options)`.

    TensorFlow counts traces by source code, so that the first trace in a second run
    counts as a retrace. A partial has no source code and is counted by object: only
    retracing of the same function object causes a warning.

    Args:
        python_function: The function to compile.
        **options: Further options of `tf.function`.
    """
    return tf.function(functools.partial(python_function), autograph=False, **options)


class Watcher(Protocol):
    """Receives the begin and the end of each compilation."""

    def began(self, what: str) -> None:
        """A function is being compiled."""

    def ended(self, seconds: float) -> None:
        """It is compiled, or that has failed."""


class Compilation:
    """Times the first call of each compiled function, during which it is compiled.

    >>> compilation = Compilation()
    >>> for _ in range(2):
    ...     with compilation.first("the training step"):
    ...         pass
    >>> list(compilation.seconds)
    ['the training step']

    Args:
        clock: Returns seconds; for tests.

    Attributes:
        seconds: Seconds of the first calls by what was compiled; they include the step
            or the batch that was computed.
        watcher: Receives the begin and the end of such a call.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter):
        self._clock = clock
        self._known: set[Hashable] = set()
        self.seconds: dict[str, float] = {}
        self.watcher: Watcher | None = None

    @contextlib.contextmanager
    def first(self, what: str, key: Hashable = None) -> Iterator[None]:
        """Guards a call of a compiled function; all but the first one cost nothing.

        Args:
            what: What is compiled, for people.
            key: Distinguishes several functions, or graphs of a function, of one name.
        """
        if (what, key) in self._known:
            yield
            return
        self._known.add((what, key))
        start = self._clock()
        if self.watcher:
            self.watcher.began(what)
        try:
            yield
        finally:
            seconds = self._clock() - start
            self.seconds[what] = self.seconds.get(what, 0.0) + seconds
            if self.watcher:
                self.watcher.ended(seconds)


@contextlib.contextmanager
def collectable_graphs() -> Iterator[None]:
    """Makes graphs that are traced in the block garbage-collectable.

    `tf.custom_gradient` in a graph, and so `all_reduce`, registers a gradient function
    under a new name in a registry that lives as long as the process. The function
    refers to the graph, which is then never freed. At the end of the block the graph
    owns the function, and the registry refers to it weakly. If TensorFlow's internals
    differ from what is expected, they are left unchanged.
    """
    registry = _gradient_registry()
    before = set(registry)
    try:
        yield
    finally:
        for name in [name for name in registry if name not in before]:
            if name.startswith("CustomGradient-"):
                _transfer_ownership(registry, name)


def _gradient_registry() -> dict[str, dict[str, Any]]:
    """Returns TensorFlow's gradient functions by name; empty if not found."""
    with contextlib.suppress(ImportError, AttributeError):
        from tensorflow.python.framework import ops

        return ops.gradient_registry._registry
    return {}


def _transfer_ownership(registry: dict[str, dict[str, Any]], name: str) -> None:
    """Makes the graph own its gradient function, and the registry's reference weak."""
    gradient = registry[name][_TYPE]
    graph = _graph_of(gradient)
    if graph is None:
        return
    reference = weakref.ref(gradient)

    def forward(operation: tf.Operation, *upstream: tf.Tensor) -> object:
        # The operation is in the graph, which keeps the function alive.
        alive = reference()
        assert alive is not None
        return alive(operation, *upstream)

    graph._whyflat_gradients = [*getattr(graph, "_whyflat_gradients", []), gradient]
    registry[name][_TYPE] = forward
    weakref.finalize(graph, registry.pop, name, None).atexit = False


def _graph_of(gradient: Callable[..., Any], depth: int = 2) -> tf.Graph | None:
    """Returns the graph of the tensors in a function's closure; None if none."""
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
