"""Schedules written in Python: `from framework.schedules.expressions import cosine`.

Every name of `SCHEDULES` is here, and means what it means in a spec:
`(warmup("5%") + cosine(end=0.1)) * plateau(patience=3)`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from framework.config import spec
from framework.schedules import SCHEDULES, call
from framework.schedules.algebra import Schedule


def __getattr__(name: str) -> Callable[..., Schedule]:
    if name not in SCHEDULES:
        raise AttributeError(f"there is no schedule {name!r}")
    return functools.partial(_made, name)


def _made(name: str, *args: object, **kwargs: object) -> Schedule:
    return call(spec.Call(name, args, kwargs, f"{name}(...)", 0))
