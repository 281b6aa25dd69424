"""Schedules written in Python: `from framework.schedules.expressions import cosine`.

Each name in `SCHEDULES` is available, with the same arguments as in a spec:

>>> from framework.schedules.expressions import cosine, plateau, warmup
>>> schedule = (warmup("5%") + cosine(end=0.1)) * plateau(patience=3)
>>> [controller.monitor for controller in schedule.controllers()]
['validation/loss']
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from framework.config import spec
from framework.schedules import SCHEDULES, build_call
from framework.schedules.algebra import Schedule


def __getattr__(name: str) -> Callable[..., Schedule]:
    if name not in SCHEDULES:
        raise AttributeError(f"there is no schedule {name!r}")
    return functools.partial(_build, name)


def _build(name: str, *args: object, **kwargs: object) -> Schedule:
    return build_call(spec.Call(name, args, kwargs, f"{name}(...)", 0))
