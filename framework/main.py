"""From a command line to an exit code."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import tensorflow as tf
from absl.flags import FLAGS

from framework import families, flags, usage
from framework import run as run_lib
from framework.config import Config
from framework.errors import RunError, Stopped, UsageError, WorkerLostError
from framework.loop import stop
from framework.parts import check

# Of sysexits.h, EX_TEMPFAIL: try again later. A queue can be told to restart on it.
_GOES_ON = 75
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(
    defaults: Config,
    run: Callable[[Config], object] = run_lib.run,
    argv: Sequence[str] | None = None,
    about: str | None = None,
) -> NoReturn:
    """Runs an experiment from the command line, and exits.

    The exit code is 0, 2 if what was asked for cannot be done, 1 if it failed, 75 if
    the same command goes on (a signal has stopped it, SIGTERM, SIGINT or SIGUSR1, or
    another worker was lost), 130 if a second Ctrl-C did not let it save, or, with
    --diagnose, 3 if a cause of a static validation accuracy is confirmed.

    Args:
        defaults: What the flags are where they are not given.
        run: What to do with the config.
        argv: The command line, the program first; by default the process's own.
        about: What `--help` says first; by default the program's docstring.
    """
    argv = sys.argv if argv is None else argv
    flags.define(defaults)
    if usage.requested(argv):
        about = about or sys.modules["__main__"].__doc__
        print(flags.help_text(about, families.notes()))
        sys.exit(0)
    try:
        flags.parse(argv)
        _answer_help()
        config = flags.read()
        check(config)
    except UsageError as problem:
        _leave(2, problem)
    try:
        with stop.caught():
            run(config)
        code = _diagnosed(config) if config.diagnose else 0
    except UsageError as problem:
        _leave(2, problem)
    except OSError as problem:
        _leave(1, _explained(problem, config.workdir))
    except MemoryError as problem:
        _leave(1, f"there is not enough memory: {problem}")
    except WorkerLostError as problem:
        _leave(_GOES_ON, problem)
    except (RunError, tf.errors.OpError) as problem:
        _leave(1, problem)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(_GOES_ON)
    except KeyboardInterrupt:
        _leave(130, "interrupted; the same command goes on from the last checkpoint")
    finally:
        # The state is saved: a signal that comes now must not change the exit code.
        stop.ignore()
    sys.exit(code)


def _answer_help() -> None:
    """Prints the family of a flag whose value is `help`, and exits."""
    for flag in families.FAMILIES:
        if text := families.answer(flag, FLAGS[flag].value):
            print(text)
            sys.exit(0)


def _diagnosed(config: Config) -> int:
    """Says why validation accuracy is static; returns the exit code."""
    # Nothing else needs what this imports.
    from framework.diagnose.record import conclude

    return conclude(config.workdir)


def _explained(problem: OSError, workdir: str) -> str:
    """Returns what the operating system said, and what to do about it."""
    what = f"{problem.strerror or problem}: {problem.filename or workdir}"
    if problem.errno in _FULL:
        return (
            f"{what}; make room, and the same command goes on from the last checkpoint"
        )
    return what


def _leave(code: int, problem: object) -> NoReturn:
    print(f"error: {problem}", file=sys.stderr)
    sys.exit(code)
