"""Whyflat: trains image classifiers and says why validation accuracy is static.

from framework import Config, run

result = run(Config(dataset="digits", train_for="5ep", workdir="runs/digits"))
result.history.plot()
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from framework import lazy

if TYPE_CHECKING:
    from framework.config import Config
    from framework.data import Dataset, Split
    from framework.diagnose.explain_functions import explain_loop
    from framework.diagnose.explain_keras import explain
    from framework.diagnose.recorder import Watch
    from framework.launch.result import Result
    from framework.launch.run import run

__version__ = "0.2.0"
__all__ = [
    "Config",
    "Dataset",
    "Result",
    "Split",
    "Watch",
    "explain",
    "explain_loop",
    "run",
]

lazy.defer_imports("tensorflow", "keras")

# Each is loaded when it is first used, since some take seconds.
_FROM = {
    "Config": "framework.config",
    "Dataset": "framework.data",
    "Result": "framework.launch.result",
    "Split": "framework.data",
    "Watch": "framework.diagnose.recorder",
    "explain": "framework.diagnose.explain_keras",
    "explain_loop": "framework.diagnose.explain_functions",
    "run": "framework.launch.run",
}


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_FROM[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
