"""Runs the small programs beside the main one: flags in, one line on errors out."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from absl import flags

from framework import usage
from framework.errors import RunError, UsageError


def run(
    main: Callable[[list[str]], int | None], argv: Sequence[str] | None = None
) -> NoReturn:
    """Reads the command line, does what it says, and exits.

    The exit code is what `main` returns (None is 0), 2 if what was asked for cannot be
    done, or 1 if it failed.

    Args:
        main: Gets what is left of the command line once flags are read. `--help`
            prints the docstring of its module.
        argv: The command line, the program first; by default the process's own.
    """
    argv = sys.argv if argv is None else argv
    if usage.requested(argv):
        print(usage.text(inspect.getmodule(main).__doc__, flags.FLAGS))
        sys.exit(0)
    try:
        code = main(usage.parse(argv, flags.FLAGS)[1:])
    except UsageError as problem:
        _leave(2, problem)
    except (RunError, OSError) as problem:
        _leave(1, problem)
    sys.exit(code or 0)


def _leave(code: int, problem: Exception) -> NoReturn:
    print(f"error: {problem}", file=sys.stderr)
    sys.exit(code)
