"""Puts off the import of slow libraries until something of theirs is used.

TensorFlow takes two to three seconds to import. With this, a module can say
`import tensorflow as tf` in its first lines as usual, and `--help` or a misspelt flag
still answer at once: the import happens when an attribute of `tf` is first read.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import types
from collections.abc import Iterator
from importlib import machinery

from framework.system import quiet

# Keras imports these where they are installed, for parts of it that nobody here uses:
# together a third of the time that importing TensorFlow takes.
_NOT_NEEDED = ("sklearn", "matplotlib")


def put_off(*names: str) -> None:
    """Makes `import name` free; the library is loaded on first use.

    A library that has been imported already stays as it is.

    Args:
        *names: Top-level libraries.
    """
    for name in names:
        if name not in sys.modules:
            sys.modules[name] = _PutOff(name)


class _PutOff(types.ModuleType):
    """Stands for a library until one of its attributes is asked for."""

    def __init__(self, name: str):
        super().__init__(name)
        self.__spec__ = machinery.ModuleSpec(name, None)

    def __getattr__(self, attribute: str) -> object:
        value = getattr(_load(self.__name__), attribute)
        setattr(self, attribute, value)
        return value


def _load(name: str) -> types.ModuleType:
    if not isinstance(sys.modules.get(name), _PutOff):
        return importlib.import_module(name)
    del sys.modules[name]
    # Keeps remarks on compiled clusters and the like off the screen; errors stay.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow's start-up lines heed none of its own log settings.
    with _without(_NOT_NEEDED), quiet.held_back():
        library = importlib.import_module(name)
        if name == "tensorflow":
            # The first look for devices complains of missing CUDA drivers.
            library.config.list_physical_devices()
    return library


@contextlib.contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Makes libraries that are not imported yet look as if they were not installed."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
