"""Diagnoses why validation accuracy is static, and tests remedies."""

from __future__ import annotations

import importlib
from typing import Any

# What takes TensorFlow is loaded once it is asked for.
_FROM = {
    "explain": "framework.diagnose.explain_keras",
    "explain_loop": "framework.diagnose.explain_functions",
    "augmented": "framework.diagnose.programs.keras_epochs",
    "Watch": "framework.diagnose.recorder",
}


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_FROM[name]), name)
