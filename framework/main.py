"""From a command line to an exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from absl.flags import FLAGS

from framework.config import Config, command, experiment, flags, reference, usage
from framework.launch import families
from framework.launch import run as run_lib
from framework.launch.components import check
from framework.loop import stop


def main(
    defaults: Config,
    run: Callable[[Config], object] = run_lib.run,
    argv: Sequence[str] | None = None,
    about: str | None = None,
) -> NoReturn:
    """Runs an experiment from the command line, and exits.

    The exit code is 0, or 3 with --diagnose if a cause of a static validation accuracy
    is confirmed, or that of `command.boundary`: 75 if the same command resumes the run
    (a signal has stopped it, SIGTERM, SIGINT or SIGUSR1, or another worker was lost),
    130 if a second Ctrl-C did not let it save.

    Args:
        defaults: What the flags are where they are not given.
        run: What to do with the config.
        argv: The command line, the program first; by default the process's own.
        about: What `--help` says first; by default the program's docstring.
    """
    reference.refuse_to_run_while_loading()
    argv = sys.argv if argv is None else argv
    about = about or sys.modules["__main__"].__doc__
    with command.boundary(), command.stopped_by(signal.SIGTERM):
        config = _config(defaults, run is run_lib.run, argv, about)
    again = "interrupted; the same command resumes from the last checkpoint"
    try:
        with command.boundary(config.workdir, again), stop.caught():
            run(config)
            code = _diagnosed(config) if config.diagnose else 0
    finally:
        # The state is saved: a signal that comes now must not change the exit code.
        stop.ignore()
    sys.exit(code)


def _config(
    defaults: Config, of_experiment: bool, argv: Sequence[str], about: str | None
) -> Config:
    """Returns what the command line says; exits if it asks for help.

    Args:
        defaults: What the flags are where they are not given.
        of_experiment: Whether the CONFIG of --experiment takes the place of these.
        argv: The command line, the program first.
        about: What `--help` says first.
    """
    command.define_experiment()
    module = experiment.of_arguments(argv)
    if of_experiment and isinstance(getattr(module, "CONFIG", None), Config):
        defaults = module.CONFIG
    flags.define(defaults)
    if usage.requested(argv):
        print(flags.help_text(about, families.notes()))
        sys.exit(0)
    flags.parse(argv)
    _answer_help()
    config = flags.read()
    check(config)
    return config


def _answer_help() -> None:
    """Prints the family of a flag whose value is `help`, and exits."""
    for flag in families.FAMILIES:
        if text := families.answer(flag, FLAGS[flag].value):
            print(text)
            sys.exit(0)


def _diagnosed(config: Config) -> int:
    """Says why validation accuracy is static; returns the exit code."""
    # Nothing else needs what this imports.
    from framework.diagnose.conclude import conclude

    # This command has just run what the config names, on these data.
    return conclude(config.workdir, trust_run=True)
