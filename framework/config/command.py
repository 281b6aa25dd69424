"""What all commands share: flags, and the way from an exception to an exit code.

Exit codes: 0; 1 it failed; 2 what was asked for cannot be done; 3 a diagnosis has
confirmed a cause; 75 the same command goes on (EX_TEMPFAIL of sysexits.h, on which a
queue can restart it); 130 Ctrl-C; 141 nobody reads the output any more (128 + SIGPIPE,
as a shell shows it for other programs).
"""

from __future__ import annotations

import contextlib
import errno
import inspect
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

from absl import flags

from framework.config import reference, usage
from framework.errors import RunError, Stopped, UsageError, WorkerLostError
from framework.system.printable import printable

_AGAIN = 75
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_TRACEBACK = flags.DEFINE_bool(
    "traceback", False, "Show where in the program an error comes from."
)


def define_experiment() -> flags.FlagHolder:
    """Defines --experiment, of commands that build specs; see framework/experiment."""
    return flags.DEFINE_string(
        "experiment",
        "",
        "A Python file whose data sets, models and the like specs can name.",
    )


def run(
    main: Callable[[list[str]], int | None], argv: Sequence[str] | None = None
) -> NoReturn:
    """Reads the command line, does what it says, and exits.

    The exit code is what `main` returns (None is 0), or that of `boundary`.

    Args:
        main: Gets what is left of the command line once flags are read. `--help`
            prints the docstring of its module.
        argv: The command line, the program first; by default the process's own.
    """
    argv = sys.argv if argv is None else argv
    with boundary(), stopped_by(signal.SIGTERM):
        if usage.requested(argv):
            print(usage.text(inspect.getmodule(main).__doc__, flags.FLAGS))
            code = 0
        else:
            code = main(usage.parse(argv, flags.FLAGS)[1:])
    sys.exit(code or 0)


@contextlib.contextmanager
def boundary(folder: str = "", interrupted: str = "interrupted") -> Iterator[None]:
    """Turns what a command raises into one line on stderr and an exit code.

    What is no error of ours is told with the file and line of the user's own code, if
    it comes from there. The flag --traceback shows all.

    Args:
        folder: What is full when a disk is, if the system does not say.
        interrupted: What is said of Ctrl-C.

    Raises:
        SystemExit: The block has raised; the code is that of the module's docstring.
    """
    _escape(sys.stdout)
    try:
        yield
        if sys.stdout:
            sys.stdout.flush()
    except SystemExit as left:
        # Rich leaves in this way when nobody reads.
        if isinstance(left.__context__, BrokenPipeError):
            _leave(141, "", left)
        raise
    except BaseException as problem:
        code, text = exit_of(problem, folder, interrupted)
        _leave(code, text, problem)


def exit_of(
    problem: BaseException, folder: str = "", interrupted: str = "interrupted"
) -> tuple[int, str]:
    """Returns the exit code of an exception, and what is said of it.

    Args:
        problem: The exception.
        folder: What is full when a disk is, if the system does not say.
        interrupted: What is said of Ctrl-C.
    """
    if isinstance(problem, Stopped):
        return _AGAIN, str(problem)
    if isinstance(problem, KeyboardInterrupt):
        return 130, f"error: {interrupted}"
    if isinstance(problem, BrokenPipeError):
        return 141, ""
    if isinstance(problem, (UsageError, flags.Error)):
        return 2, f"error: {problem}"
    if isinstance(problem, WorkerLostError):
        return _AGAIN, f"error: {problem}"
    if isinstance(problem, RunError):
        return 1, f"error: {problem}"
    where = reference.place(problem)
    return 1, f"error: {where}: {reference.reason(problem)}" if where else (
        f"error: {_foreign(problem, folder)}"
    )


@contextlib.contextmanager
def stopped_by(*signals: int) -> Iterator[None]:
    """Has a signal raise `Stopped`, in this process but not in those it forks."""
    owner = os.getpid()

    def receive(number: int, frame: object) -> None:
        if os.getpid() != owner:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        name = signal.Signals(number).name
        raise Stopped(f"stopped by {name}; the same command can be started again")

    before = {number: signal.signal(number, receive) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _foreign(problem: BaseException, folder: str) -> str:
    """Returns what is said of an exception that is not ours, nor of the user's code."""
    if isinstance(problem, OSError) and problem.strerror:
        what = f"{problem.strerror}: {problem.filename or folder or 'a file'}"
        if problem.errno in _FULL:
            what += "; make room, and the same command goes on from the last checkpoint"
        return what
    if isinstance(problem, MemoryError) or _is_tensorflow(problem, "Exhausted"):
        return f"there is not enough memory: {reference.reason(problem)}"
    if isinstance(problem, OSError) or _is_tensorflow(problem):
        return reference.reason(problem)
    last = traceback.extract_tb(problem.__traceback__)[-1:]
    place = f" at {last[0].filename}:{last[0].lineno}" if last else ""
    return (
        f"internal error: {reference.reason(problem)}{place}; please report it, with "
        f"what --traceback shows"
    )


def _is_tensorflow(problem: BaseException, name: str = "") -> bool:
    """Returns whether it is a tf.errors.OpError; nothing is imported to know it."""
    names = [f"{kind.__module__}.{kind.__name__}" for kind in type(problem).__mro__]
    is_op_error = "tensorflow.python.framework.errors_impl.OpError" in names
    return is_op_error and name in type(problem).__name__


def _leave(code: int, text: str, problem: BaseException) -> NoReturn:
    # Nobody may be reading any more.
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr and _wants_traceback():
            lines = "".join(traceback.format_exception(problem))
            print(printable(lines, keep="\n"), end="", file=sys.stderr)
        if sys.stderr and text:
            print(printable(text, keep="\n"), file=sys.stderr, flush=True)
    _drop_output()
    sys.exit(code)


def _drop_output() -> None:
    """Writes what is left to print, or drops it, so that Python's end is quiet."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, stream.fileno())
                os.close(nothing)


def _escape(stream: object) -> None:
    """Has characters that an output cannot show escaped, instead of failing."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")


def _wants_traceback() -> bool:
    if flags.FLAGS.is_parsed():
        return bool(_TRACEBACK.value)
    return "--traceback" in sys.argv
