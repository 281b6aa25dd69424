"""Whether a run gives the same numbers on other devices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from framework.launch.components import Parts

# What training is for; the other variables follow from these.
_WEIGHTS = ("model/", "ema/")


def train(made: Parts, steps_per_call: int = 100) -> dict[str, np.ndarray]:
    """Trains from the first step to the last, and leaves nothing on disk.

    The schedule is told of evaluations as in any run; there is no early stopping.

    Args:
        made: A new run.
        steps_per_call: The most steps in one call of the compiled loop.

    Returns:
        All that training has changed, by name.
    """
    step, plan = 0, made.plan
    while step < plan.total_steps:
        count = min(plan.next_event(step) - step, steps_per_call)
        made.loop(step, count)
        step += count
        if plan.evaluates(step):
            evaluations = made.evaluations()
            found = evaluations.summaries(evaluations(lambda: None))
            made.state.learning_rate.observe(step, found)
    variables = made.state.variables()
    return {name: variable.numpy() for name, variable in variables.items()}


def difference(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    """Returns how much the weights of two runs differ.

    Args:
        one: As `train` returns it.
        other: Of the same model.

    Returns:
        The largest difference within a tensor, relative to its largest number, of all
        weights and their averages, batch-norm statistics among them; infinite if one
        of them is not finite.
    """
    found = 0.0
    for name, value in one.items():
        if not name.startswith(_WEIGHTS) or not value.size:
            continue
        if not (np.isfinite(value).all() and np.isfinite(other[name]).all()):
            return float("inf")
        largest = max(float(np.abs(value).max()), np.finfo(np.float32).tiny)
        found = max(found, float(np.abs(value - other[name]).max()) / largest)
    return found
