"""Writes a profile of some training steps, for TensorBoard."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from framework.report.base import Report

# What shows profiles in TensorBoard.
_PLUGIN = "xprof"


class Profile(Report):
    """Profiles the steps of a range.

    Calls of the compiled loop must end at both ends of the range.

    Args:
        workdir: The run's folder; the profile is written to `train/plugins/profile`.
        first: The number of steps before the range.
        end: The number of steps at its end.
        say: Prints a line.
        profiler: Starts and stops profiles; for tests.
    """

    def __init__(
        self,
        workdir: Path,
        first: int,
        end: int,
        say: Callable[[str], None],
        profiler: Any = None,
    ):
        self._workdir, self._say = workdir, say
        self._first, self._end = first, end
        self._profiler = profiler or tf.profiler.experimental
        self._is_running = False

    def started(self, step: int) -> None:
        """See base class."""
        if self._first == self._end:
            self._say(
                "--profile: none of its steps are to come, so nothing is profiled"
            )
        self._advance(step)

    def advanced(self, step: int, seconds: float) -> None:
        """See base class."""
        self._advance(step)

    def stopped(self) -> None:
        """See base class."""
        # The run was interrupted: what there is may be of use.
        if self._is_running:
            self._stop()

    def _advance(self, step: int) -> None:
        if self._is_running and step >= self._end:
            self._stop()
        elif not self._is_running and self._first <= step < self._end:
            # Steps that a device has yet to compute are not of the range.
            tf.test.experimental.sync_devices()
            self._profiler.start(str(self._workdir / "train"))
            self._is_running = True

    def _stop(self) -> None:
        tf.test.experimental.sync_devices()
        self._profiler.stop()
        self._is_running = False
        self._say(
            f"profile of steps {self._first:,} to {self._end:,}: "
            f"tensorboard --logdir {shlex.quote(str(self._workdir))}{_missing_plugin()}"
        )


def _missing_plugin() -> str:
    if importlib.util.find_spec(_PLUGIN):
        return ", tab Profile"
    return f", which needs {_PLUGIN} to show it: pip install 'whyflat[profile]'"
