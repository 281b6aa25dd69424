"""The config of a trial of a run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from framework.config import Config
from framework.diagnose.core.intervention import Intervention

# Fields of a config that are about the run's folder, its machines or its command: a
# trial has their defaults, whatever the run has.
_DEFAULTS = (
    "service",
    "jit",
    "strategy",
    "devices",
    "cluster",
    "wait_for",
    "i_trust_this_network",
    "tpu",
    # It is one for the whole process.
    "threads",
    "steps_per_call",
    "keep_checkpoints",
    "keep_best",
    "hooks",
    "report",
    "diagnose",
    "profile",
    "fresh",
    "allow_config_change",
    "allow_data_change",
)


def trial_config(
    original: Config, intervention: Intervention, steps: int, folder: Path
) -> Config:
    """Returns the config of a trial from the first step.

    Args:
        original: The config of the run.
        intervention: What is different from the run.
        steps: The length, in steps of the run's own batch size.
        folder: Of the trial.
    """
    changed = intervention.apply(original)
    length = max(round(steps * original.batch_size / changed.batch_size), 1)
    defaults = {field.name: field.default for field in dataclasses.fields(Config)}
    own: dict[str, Any] = {
        "train_for": str(length),
        "train_dev": 0.0,
        "test": "",
        "fold": "",
        # Its images are given.
        "exclude": "",
        "early_stopping": 0,
        "monitor": "validation/accuracy",
        # An average of so few steps lags behind.
        "ema": 0.0,
        "workdir": str(folder),
        "input": "memory",
        "cache": "off",
        "log_every": "50%",
        "evaluate_every": "50%",
        "checkpoint_every": "50%",
    }
    own |= {name: defaults[name] for name in _DEFAULTS}
    return dataclasses.replace(changed, **own)
