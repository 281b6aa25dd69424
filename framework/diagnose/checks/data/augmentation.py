"""Adds an augmentation to the one that is in use."""

from __future__ import annotations

from framework.diagnose.core.settings import TrainingSettings


def with_present(settings: TrainingSettings, text: str) -> str:
    """Returns the spec of the present augmentation, followed by another one."""
    return " + ".join(each for each in (settings.augment, text) if each)
