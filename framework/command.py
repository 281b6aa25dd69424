"""Runs the small programs beside the main one: flags in, one line on errors out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from absl import app, flags

from framework.errors import RunError, UsageError


def run(main: Callable[[list[str]], int | None]) -> NoReturn:
    """Reads the command line, does what it says, and exits.

    The exit code is what `main` returns (None is 0), 2 if what was asked for cannot be
    done, or 1 if it failed.

    Args:
        main: Gets what is left of the command line once flags are read.
    """
    app.define_help_flags()
    try:
        code = main(flags.FLAGS(sys.argv)[1:])
    except SystemExit:
        # absl prints the help and leaves with 1, though nothing has failed.
        sys.exit(0)
    except (UsageError, flags.Error) as problem:
        _leave(2, problem)
    except (RunError, OSError) as problem:
        _leave(1, problem)
    sys.exit(code or 0)


def _leave(code: int, problem: Exception) -> NoReturn:
    print(f"error: {problem}", file=sys.stderr)
    sys.exit(code)
