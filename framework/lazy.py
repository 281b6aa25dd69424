"""Lazy imports: defers importing slow libraries until their first use.

TensorFlow takes two to three seconds to import. With lazy imports, modules can have
`import tensorflow as tf` at the top as usual, while `--help` and misspelt flags are
answered at once: TensorFlow is imported when an attribute of `tf` is first read.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import types
from collections.abc import Iterator
from importlib import machinery
from typing import Any

from framework.system import quiet

# Keras and TensorFlow import these if they are installed, for parts that are not used
# here or that do without them. They take a third of the import time of TensorFlow.
_NOT_NEEDED = ("sklearn", "matplotlib", "pandas", "scipy")


def defer_imports(*names: str) -> None:
    """Makes `import name` lazy: the library is loaded when it is first used.

    Libraries that have been imported already are left unchanged.

    Args:
        *names: Top-level libraries.
    """
    for name in names:
        if name not in sys.modules:
            sys.modules[name] = _LazyModule(name)


class _LazyModule(types.ModuleType):
    """A placeholder for a library until one of its attributes is read."""

    def __init__(self, name: str):
        super().__init__(name)
        self.__spec__ = machinery.ModuleSpec(name, None)

    def __getattr__(self, attribute: str) -> object:
        value = getattr(_load(self.__name__), attribute)
        setattr(self, attribute, value)
        return value


def _load(name: str) -> types.ModuleType:
    """Imports a library in place of its placeholder."""
    if not isinstance(sys.modules.get(name), _LazyModule):
        return importlib.import_module(name)
    del sys.modules[name]
    # Hides informational messages of TensorFlow's C++ code, but not its errors.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow's start-up messages ignore its log settings.
    with _hidden(_NOT_NEEDED), quiet.suppressed_stderr(), _without_collections():
        library = importlib.import_module(name)
        if name == "tensorflow":
            # The first search for devices warns about missing CUDA drivers.
            library.config.list_physical_devices()
    return library


@contextlib.contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Hides libraries that are not imported yet, as if they were not installed."""
    hidden = [name for name in names if name not in sys.modules]
    # None makes `import` raise, though the type of `sys.modules` does not allow it.
    modules: dict[str, Any] = sys.modules
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """Imports without garbage collections, which take a fifth of the time.

    An import makes half a million objects that all stay alive.
    """
    was_enabled, is_frozen = gc.isenabled(), gc.get_freeze_count() > 0
    gc.disable()
    try:
        yield
    finally:
        if not is_frozen:
            # Together they move all objects to the oldest generation. Otherwise, the
            # next two collections would traverse them.
            gc.freeze()
            gc.unfreeze()
        if was_enabled:
            gc.enable()
