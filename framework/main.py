"""Runs an experiment from the command line."""

from __future__ import annotations

import dataclasses
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from absl.flags import FLAGS

from framework.config import Config, command, experiment, flags, reference, usage
from framework.errors import UsageError
from framework.launch import cross_validation, dry_run, families
from framework.launch import run as run_lib
from framework.launch.checks import check
from framework.launch.result import Result
from framework.launch.role import Role
from framework.loop import stop


def main(
    defaults: Config,
    run: Callable[[Config], object] = run_lib.run,
    argv: Sequence[str] | None = None,
    about: str | None = None,
    has_experiment_config: bool = False,
) -> NoReturn:
    """Runs an experiment from the command line, and exits.

    The exit code is 0, or 3 with --diagnose if a cause of a static validation accuracy
    is confirmed, or 4 with --remedy if no remedy is proven, or that of
    `command.boundary`: 75 if the same command resumes the run, its diagnosis or its
    proof (SIGTERM, SIGINT or SIGUSR1 has stopped it, or another worker was lost), 130
    if a second Ctrl-C kept it from saving.

    Args:
        defaults: The default values of the flags.
        run: The function to call with the config.
        argv: The command line with the program's name; by default the process's own.
        about: The description in `--help`; by default the program's docstring.
        has_experiment_config: Whether the CONFIG of --experiment replaces the defaults;
            it always does for a training.
    """
    reference.refuse_to_run_while_loading()
    argv = sys.argv if argv is None else argv
    about = about or sys.modules["__main__"].__doc__
    with command.boundary(), command.stopped_by(signal.SIGTERM):
        config, prove, folds = _parse(
            defaults, run is run_lib.run, argv, about, has_experiment_config
        )
    if run is run_lib.run and FLAGS["dry_run"].value:
        run, config = dry_run.dry_run, dataclasses.replace(config, diagnose=False)
    interrupted = "interrupted; the same command resumes from the last checkpoint"
    try:
        with (
            command.boundary(_named_folder(config), interrupted),
            stop.handle_signals() as signals,
        ):
            result: object = None
            if folds:
                cross_validation.train(config, folds)
            elif prove:
                then = "after training, its cause is looked for and a remedy proven"
                result = run_lib.run(config, role=Role(then=then))
            else:
                result = run(config)
            if isinstance(result, Result):
                config = result.config
            if prove or config.diagnose:
                signals.check()
            code = _conclude(config, prove)
    finally:
        # The state is saved: a later signal must not change the exit code.
        stop.ignore()
    sys.exit(code)


def _named_folder(config: Config) -> str:
    return "" if config.workdir == Config.workdir else config.workdir


def _parse(
    defaults: Config,
    is_training: bool,
    argv: Sequence[str],
    about: str | None,
    has_experiment_config: bool,
) -> tuple[Config, bool, int]:
    """Parses the command line; exits if it requests help.

    Args:
        defaults: The default values of the flags.
        is_training: Whether the program trains a run: then --remedy and --folds are
            flags.
        argv: The command line with the program's name.
        about: The description in `--help`.
        has_experiment_config: Whether the CONFIG of --experiment or --config replaces
            the defaults; it always does for a training.

    Returns:
        The config, whether to prove a remedy after training, and the number of folds to
        train; 0 for one run.
    """
    command.define_experiment()
    has_experiment_config |= is_training
    if has_experiment_config:
        command.define_config()
    if is_training:
        command.define_remedy()
        command.define_folds()
        command.define_dry_run()
    experiment_config = getattr(experiment.of_arguments(argv), "CONFIG", None)
    if has_experiment_config and isinstance(experiment_config, Config):
        defaults = experiment_config
    flags.define(defaults)
    if usage.requested(argv):
        print(flags.help_text(about, families.notes()))
        sys.exit(0)
    flags.parse(argv)
    _print_family_help()
    config, prove = flags.read(), is_training and FLAGS["remedy"].value
    folds = FLAGS["folds"].value if is_training else 0
    check(config)
    if is_training and FLAGS["dry_run"].value and (prove or folds):
        raise UsageError(
            "--dry_run trains one run for a few seconds; leave out --remedy and --folds"
        )
    if folds:
        cross_validation.check(config, folds)
        if prove:
            raise UsageError(
                "--folds trains several runs; prove the remedy of one of them with "
                "whyflat remedy"
            )
    if prove and config.strategy == "multi_worker":
        raise UsageError(
            "--remedy trains in one process; train with --strategy=multi_worker, and "
            "then run `whyflat remedy` on the run's folder"
        )
    return config, prove, folds


def _print_family_help() -> None:
    """Prints the family of a flag with the value `help`, if any, and exits."""
    for flag in families.FAMILIES:
        if text := families.answer(flag, FLAGS[flag].value):
            print(text)
            sys.exit(0)


def _conclude(config: Config, prove: bool) -> int:
    """Diagnoses the run, or proves its remedy, if requested; returns the exit code."""
    # Imported only here, because other runs do not need it. The process has just
    # executed the code that the config names: so the run is trusted.
    if prove:
        from framework.prove.remedy import diagnose_and_remedy

        return diagnose_and_remedy(Path(config.workdir), trust_run=True)
    if config.diagnose:
        from framework.diagnose.conclude import conclude

        return conclude(config.workdir, trust_run=True)
    return 0
