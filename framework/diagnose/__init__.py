"""Why is validation accuracy static, and what to do about it?"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    # What takes TensorFlow is loaded once it is asked for.
    if name == "explain":
        from framework.diagnose.of_keras import explain

        return explain
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
