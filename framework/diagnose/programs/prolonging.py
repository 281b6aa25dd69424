"""How to train on: at the rates of the stretched schedule, or warmed up again.

A schedule that has come to its end trains no more: cosine decay leaves 1e-8 of the
rate. A longer run of the same schedule still has a useful rate where its parts are
given in percent; otherwise the rate is raised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError

# A mean rate below this fraction of the highest before trains little; the same fraction
# is what training continues with then, as after one of the usual steps of a schedule by
# a factor of ten (He et al., 2016).
USEFUL = 0.1
# The number of steps at which a schedule is evaluated.
PLACES = 100


def prolonged(
    factor: float, before: Sequence[float], after: Sequence[float]
) -> Intervention:
    """Returns an intervention that trains on at a useful rate.

    Args:
        factor: The new length, in units of the original one.
        before: Learning rates of the training so far.
        after: Learning rates that its schedule has beyond, if the training is longer.

    Raises:
        NotApplicableError: No rate so far was above 0.

    Example:
        >>> prolonged(2.0, [1.0, 0.5], [0.4, 0.3]).differences()
        {'train_for_factor': 2.0}
        >>> prolonged(2.0, [1.0, 0.5], [0.0, 0.0]).differences()
        {'constant_learning_rate': 0.1, 'train_for_factor': 2.0}
    """
    highest = max(before, default=0.0)
    if not highest > 0:
        raise NotApplicableError("no learning rate so far is above 0")
    longer = Intervention(train_for_factor=factor)
    if float(np.mean(after)) >= USEFUL * highest:
        return longer
    return longer | Intervention(constant_learning_rate=USEFUL * highest)


def places(start: int, end: int) -> list[int]:
    """Returns at most 100 steps from a first one up to the one before another.

    >>> places(0, 3)
    [0, 1, 2]
    """
    steps = np.linspace(start, max(end - 1, start), PLACES).round().astype(int)
    return [int(step) for step in np.unique(steps)]
