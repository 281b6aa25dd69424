"""Augmentation on top of what is in place."""

from __future__ import annotations

from framework.diagnose.core.settings import TrainingSettings


def with_present(settings: TrainingSettings, text: str) -> str:
    """Returns the spec of what is in place already, followed by another one."""
    return " + ".join(each for each in (settings.augment, text) if each)
