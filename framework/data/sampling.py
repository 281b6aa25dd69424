"""How often classes are drawn: the members that a `--sampling` spec can name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.config import reference, spec
from framework.errors import UsageError

# From the number of training examples of each class that occurs, int64 [K], to numbers
# proportional to how often an epoch draws each class, float [K].
Sampling = Callable[[np.ndarray], np.ndarray]


def uniform(counts: np.ndarray) -> np.ndarray:
    """Each example once an epoch: classes as often as they are there.

    >>> uniform(np.array([90, 10]))
    array([90., 10.])
    """
    return counts.astype(np.float64)


def balanced(counts: np.ndarray) -> np.ndarray:
    """All classes equally often.

    >>> balanced(np.array([90, 10]))
    array([1., 1.])
    """
    return np.ones(len(counts))


def sqrt(counts: np.ndarray) -> np.ndarray:
    """Each class by the square root of its number of examples (Mahajan et al., 2018).

    >>> sqrt(np.array([81, 9]))
    array([9., 3.])
    """
    return counts.astype(np.float64) ** 0.5


def effective(counts: np.ndarray, beta: float = 0.999) -> np.ndarray:
    """Each example by 1 / effective number of examples of its class.

    The effective number of n examples is (1 - beta^n) / (1 - beta). Cui et al.,
    "Class-balanced loss based on effective number of samples" (2019), equations 2 and
    12; there it weighs the loss.

    >>> effective(np.array([90, 10]), beta=0.9).round(2)
    array([9.  , 1.54])

    Args:
        counts: int [K], the number of examples of each class.
        beta: From 0 (as uniform) to below 1 (towards balanced). Classes with far more
            than 1 / (1 - beta) examples are drawn in proportion to their size.

    Raises:
        ValueError: beta is out of range.
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta must be from 0 to below 1, not {beta}")
    number = counts.astype(np.float64)
    return number * (1.0 - beta) / (1.0 - beta**number)


SAMPLINGS: dict[str, Callable[..., np.ndarray]] = {
    "uniform": uniform,
    "balanced": balanced,
    "sqrt": sqrt,
    "effective": effective,
}


def build(text: str) -> Sampling:
    """Returns the function that a spec describes; checks it on two classes.

    >>> build("effective(beta=0)")(np.array([3, 1]))
    array([3., 1.])

    Args:
        text: A member of `SAMPLINGS` with its arguments, or `module:function(...)`, a
            function of the number of examples of each class.

    Raises:
        UsageError: The spec is wrong, or the function does not return a positive number
            for each class.
    """
    call = spec.single(text)
    function = spec.look_up(call, SAMPLINGS, "sampling")
    is_sampling = spec.takes(function, 1)
    spec.require(call, is_sampling, "a function of the examples of each class")
    arguments = spec.arguments(call, function, given=1)
    if call.name == "uniform":
        return uniform
    bound = functools.partial(_checked, call.name, function, arguments)
    bound(np.array([90, 10]))
    return bound


def _checked(
    name: str,
    function: Callable[..., Any],
    arguments: dict[str, Any],
    counts: np.ndarray,
) -> np.ndarray:
    """Returns the numbers of a function, float64 [K]."""
    try:
        drawn = np.asarray(function(counts, **arguments), np.float64)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        text = str(problem) if name in SAMPLINGS else reference.summary(problem)
        raise UsageError(f"{name}: {text}") from problem
    if drawn.shape != counts.shape or not (np.isfinite(drawn) & (drawn > 0)).all():
        raise UsageError(
            f"{name} must return a positive number for each of {len(counts)} classes, "
            f"not {drawn}"
        )
    return drawn
