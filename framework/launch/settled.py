"""Settles the fields of a config that the data and the network determine."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection
from typing import Any

from framework.config import Config
from framework.errors import UsageError
from framework.launch import given as given_lib
from framework.launch import initial

_SEVERAL_LABELS_MONITOR = "validation/mAP"


def monitor(config: Config, has_several_labels: bool) -> str:
    """Returns the metric to monitor: mAP by default for images of several labels.

    >>> monitor(Config(), has_several_labels=True)
    'validation/mAP'

    Args:
        config: The configuration.
        has_several_labels: Whether images of the data set may have several labels.
    """
    if has_several_labels and config.monitor == Config.monitor:
        return _SEVERAL_LABELS_MONITOR
    return config.monitor


def certain_difference(
    before: Config, config: Config, given: Collection[str] = ()
) -> dict[str, tuple[Any, Any]]:
    """Compares the config of a run with one that is not settled yet.

    >>> certain_difference(Config(monitor="validation/mAP", seed=1), Config())
    {'seed': (1, 0)}

    Args:
        before: The config of the run, settled.
        config: The config as the user gives it.
        given: The fields whose components are given in Python. Where those of the run
            were, too, they are not compared, since a run records their size only.

    Returns:
        Old and new values of the fields that are certain to differ, by name.
    """
    difference = before.difference(config)
    for name in given:
        difference.pop(name, None)
        if name not in given_lib.fields(before):
            difference[name] = (getattr(before, name), "given in Python")
    if before.monitor == monitor(config, has_several_labels=True):
        difference.pop("monitor", None)
    if "normalize" in difference and "model" not in given:
        changed = dataclasses.replace(config, normalize=before.normalize)
        # A file that is gone may have a copy in the run's folder, which tells it.
        with contextlib.suppress(UsageError):
            changed = initial.with_own_normalization(config, {})
        if changed.normalize == before.normalize:
            del difference["normalize"]
    return difference
