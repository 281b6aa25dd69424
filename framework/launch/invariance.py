"""Measures how far the numbers of a run agree between devices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from framework.launch.components import Components

# The variables to compare; all others follow from these.
_WEIGHTS = ("model/", "ema/")


def train(built: Components, steps_per_call: int = 100) -> dict[str, np.ndarray]:
    """Trains from the first step to the last, without writing to the disk.

    The schedule observes evaluations as in any run; there is no early stopping.

    Args:
        built: The components of a new run.
        steps_per_call: The maximum number of steps per call of the compiled loop.

    Returns:
        The variables of the training state by name.
    """
    step, plan = 0, built.plan
    while step < plan.total_steps:
        count = min(plan.next_event(step) - step, steps_per_call)
        built.loop(step, count)
        step += count
        if plan.evaluates(step):
            evaluations = built.evaluations()
            metrics = evaluations.summaries(evaluations(lambda: None))
            built.state.learning_rate.observe(step, metrics)
    variables = built.state.variables()
    return {name: variable.numpy() for name, variable in variables.items()}


def different(
    one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]
) -> list[str]:
    """Returns the names of the variables of which not all bits are equal.

    >>> different({"a": np.float32(0), "b": np.float32(1)}, {"a": -np.float32(0)})
    ['a', 'b']

    Args:
        one: The variables of a run, from `train`.
        other: The variables of another run of the same model.
    """
    return [
        name
        for name, value in one.items()
        if name not in other or value.tobytes() != other[name].tobytes()
    ]


def difference(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    """Returns the relative difference between the weights of two runs.

    >>> difference({"model/0": np.float32([1, 2])}, {"model/0": np.float32([1, 1])})
    0.5

    Args:
        one: The variables of a run, from `train`.
        other: The variables of another run of the same model.

    Returns:
        The maximum over all weights, their moving averages and batch-norm statistics of
        the largest difference within a tensor, divided by its largest absolute value;
        infinity if a number is not finite.
    """
    maximum = 0.0
    for name, value in one.items():
        if not name.startswith(_WEIGHTS) or not value.size:
            continue
        if not (np.isfinite(value).all() and np.isfinite(other[name]).all()):
            return float("inf")
        largest = max(float(np.abs(value).max()), float(np.finfo(np.float32).tiny))
        maximum = max(maximum, float(np.abs(value - other[name]).max()) / largest)
    return maximum
