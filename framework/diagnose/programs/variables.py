"""Values of Keras and TensorFlow variables: read, set, and restored."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np


def values(variables: Iterable[Any]) -> list[np.ndarray]:
    """Returns copies of the values of variables.

    Args:
        variables: Of Keras or TensorFlow.
    """
    return [np.array(variable.numpy()) for variable in variables]


def assign(variables: Sequence[Any], given: Sequence[Any]) -> None:
    """Sets variables to values of the same number and shapes."""
    for variable, value in zip(variables, given, strict=True):
        variable.assign(value)


@contextlib.contextmanager
def restoring(variables: Sequence[Any]) -> Iterator[None]:
    """Restores the values of variables on leaving, also after an exception."""
    before = values(variables)
    try:
        yield
    finally:
        assign(variables, before)
