"""From a command line to an exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from absl import app

from framework import command, experiment, flags, reference
from framework import run as run_lib
from framework.config import Config
from framework.loop import stop
from framework.parts import check


def main(defaults: Config, run: Callable[[Config], object] = run_lib.run) -> NoReturn:
    """Runs an experiment from the command line, and exits.

    The exit code is 0, or 3 with --diagnose if a cause of a static validation accuracy
    is confirmed, or that of `command.boundary`: 75 if the same command goes on (a
    signal has stopped it, SIGTERM, SIGINT or SIGUSR1, or another worker was lost), 130
    if a second Ctrl-C did not let it save.

    Args:
        defaults: What the flags are where they are not given.
        run: What to do with the config.
    """
    reference.refuse_to_run_while_loading()
    app.define_help_flags()
    with command.boundary(), command.stopped_by(signal.SIGTERM):
        config = _config(defaults, run is run_lib.run)
    again = "interrupted; the same command goes on from the last checkpoint"
    try:
        with command.boundary(config.workdir, again), stop.caught():
            run(config)
            code = _diagnosed(config) if config.diagnose else 0
    finally:
        # The state is saved: a signal that comes now must not change the exit code.
        stop.ignore()
    sys.exit(code)


def _config(defaults: Config, of_experiment: bool) -> Config:
    """Returns what the command line says.

    Args:
        defaults: What the flags are where they are not given.
        of_experiment: Whether the CONFIG of --experiment takes the place of these.
    """
    command.define_experiment()
    module = experiment.of_arguments(sys.argv)
    if of_experiment and isinstance(getattr(module, "CONFIG", None), Config):
        defaults = module.CONFIG
    flags.define(defaults)
    flags.parse(sys.argv)
    config = flags.read()
    check(config)
    return config


def _diagnosed(config: Config) -> int:
    """Says why validation accuracy is static; returns the exit code."""
    # Nothing else needs what this imports.
    from framework.diagnose.record import conclude

    # This command has just run what the config names.
    return conclude(config.workdir, trust_run=True)
