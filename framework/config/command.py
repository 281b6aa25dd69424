"""Shared by all commands: common flags, and exit codes of exceptions.

Exit codes: 0 success; 1 failure; 2 wrong usage; 3 a diagnosis has confirmed a cause; 4
no remedy is proven; 5 a verification is undecided; 75 interrupted, and the same command
resumes (EX_TEMPFAIL of sysexits.h, on which a queue can restart it); 130 Ctrl-C; 141
the reader of the output has gone (128 + SIGPIPE, as a shell shows it for other
programs).
"""

from __future__ import annotations

import contextlib
import errno
import inspect
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

from absl import flags
from absl import logging as absl_logging

from framework.config import reference, usage
from framework.errors import RunError, Stopped, UsageError, WorkerLostError
from framework.system.printable import printable

_RESUMABLE = 75
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_TRACEBACK = flags.DEFINE_bool(
    "traceback", False, "Print the Python traceback of an error instead of one line."
)


def define_experiment() -> flags.FlagHolder:
    """Defines --experiment, for commands that build specs."""
    return flags.DEFINE_string(
        "experiment",
        "",
        "Python file that defines your own data sets, models and the like for specs to "
        "name, such as mine.py.",
    )


def define_config() -> flags.FlagHolder:
    """Defines --config, for commands that train by a config."""
    return flags.DEFINE_string(
        "config",
        "",
        "Experiment of this package whose settings replace the defaults of the other "
        "flags, such as flowers.",
    )


def define_remedy() -> flags.FlagHolder:
    """Defines --remedy, for commands that train."""
    return flags.DEFINE_bool(
        "remedy",
        False,
        "After training, diagnose the run and prove the remedy, as `whyflat remedy` "
        "does; the exit code is 4 if none is proven.",
    )


def define_folds() -> flags.FlagHolder:
    """Defines --folds, for commands that train."""
    return flags.DEFINE_integer(
        "folds",
        0,
        "Train this number of folds one after the other, such as 5, each as a run of "
        "its own in --workdir, and print the mean accuracy; 0 for one run.",
        0,
    )


def define_dry_run() -> flags.FlagHolder:
    """Defines --dry_run, for commands that train."""
    return flags.DEFINE_bool(
        "dry_run",
        False,
        "Train and evaluate for a few seconds, write nothing to --workdir, and print "
        "the memory, the speed and an estimate of the time of the run.",
    )


def define_trust_run() -> flags.FlagHolder:
    """Defines --trust_run, for commands that build what a run names."""
    return flags.DEFINE_bool(
        "trust_run",
        False,
        "Import the modules and contact the servers that the run names, although you "
        "have not trained it on this machine, such as a run of a colleague.",
    )


def define_embedding() -> tuple[flags.FlagHolder, flags.FlagHolder]:
    """Defines --embedding and --embedding_pixels, for commands that judge labels."""
    file = flags.DEFINE_string(
        "embedding",
        "",
        "File of a Keras network from images to features [B, D], by which labels are "
        "judged, such as lite0.keras.",
    )
    pixels = flags.DEFINE_enum(
        "embedding_pixels",
        "",
        ["", "raw", "unit", "symmetric"],
        "Pixels that this network takes, such as raw (0 to 255), unit (0 to 1) or "
        "symmetric (-1 to 1); empty if it begins with a scaling of its own.",
    )
    return file, pixels


def one_run(arguments: Sequence[str], workdir: str, verb: str) -> str:
    """Returns the folder of the run that a command is given.

    Args:
        arguments: The arguments that are not flags.
        workdir: The value of `--workdir`, which may name the folder as well.
        verb: The command, for the message.

    Raises:
        UsageError: No folder is given, or more than one.

    Example:
        >>> one_run(["runs/digits-cnn-1"], "", "evaluate")
        'runs/digits-cnn-1'
    """
    folders = [*arguments, *filter(None, [workdir])]
    if len(folders) != 1:
        raise UsageError(
            f"give the folder of one run, as in whyflat {verb} runs/digits-cnn-1"
        )
    return folders[0]


def run(
    main: Callable[[list[str]], int | None], argv: Sequence[str] | None = None
) -> NoReturn:
    """Parses the command line, runs a command, and exits.

    The exit code is that returned by `main` (None is 0), or that of `boundary`.

    Args:
        main: The command; takes the arguments that are not flags. `--help` prints the
            docstring of its module.
        argv: The command line with the program's name; by default the process's own.
    """
    argv = sys.argv if argv is None else argv
    code: int | None = 0
    with boundary(), stopped_by(signal.SIGTERM):
        if usage.requested(argv):
            module = inspect.getmodule(main)
            print(usage.text(module.__doc__ if module else None, flags.FLAGS))
        else:
            code = main(usage.parse(argv, flags.FLAGS)[1:])
    sys.exit(code or 0)


@contextlib.contextmanager
def boundary(folder: str = "", interrupted: str = "interrupted") -> Iterator[None]:
    """Turns an exception into one line on stderr and an exit code.

    An exception of the user's own code is shown with its file and line. The flag
    --traceback shows the whole traceback.

    Args:
        folder: The folder to name when the disk is full and the system names none.
        interrupted: The message for Ctrl-C.

    Raises:
        SystemExit: The block has raised; the module's docstring lists the exit codes.
    """
    _escape_unprintable(sys.stdout)
    absl_logging.get_absl_logger().addFilter(_escape_warning)
    try:
        yield
        if sys.stdout:
            sys.stdout.flush()
    except SystemExit as exit_:
        # Rich exits in this way when the reader of the output has gone.
        if isinstance(exit_.__context__, BrokenPipeError):
            _exit(141, "", exit_)
        raise
    except BaseException as problem:
        code, text = exit_code(problem, folder, interrupted)
        _exit(code, text, problem)


def exit_code(
    problem: BaseException, folder: str = "", interrupted: str = "interrupted"
) -> tuple[int, str]:
    """Returns the exit code and the message of an exception.

    Args:
        problem: The exception.
        folder: The folder to name when the disk is full and the system names none.
        interrupted: The message for Ctrl-C.
    """
    if isinstance(problem, Stopped):
        return _RESUMABLE, str(problem)
    if isinstance(problem, KeyboardInterrupt):
        return 130, f"error: {interrupted}"
    if isinstance(problem, BrokenPipeError):
        return 141, ""
    if isinstance(problem, (UsageError, flags.Error)):
        return 2, f"error: {problem}"
    if isinstance(problem, WorkerLostError):
        return _RESUMABLE, f"error: {problem}"
    if isinstance(problem, RunError):
        return 1, f"error: {problem}"
    location = reference.user_location(problem)
    if location:
        return 1, f"error: {location}: {reference.reason(problem)}"
    return 1, f"error: {_system_message(problem, folder)}"


@contextlib.contextmanager
def stopped_by(*signals: int) -> Iterator[None]:
    """Makes signals raise `Stopped`, in this process but not in those it forks."""
    owner = os.getpid()

    def receive(number: int, frame: object) -> None:
        if os.getpid() != owner:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        name = signal.Signals(number).name
        raise Stopped(f"stopped by {name}; rerun the same command")

    before = {number: signal.signal(number, receive) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _system_message(problem: BaseException, folder: str) -> str:
    """Returns the message of an exception of the system, a library or this program."""
    if isinstance(problem, OSError) and problem.strerror:
        message = f"{problem.strerror}: {problem.filename or folder or 'a file'}"
        if problem.errno in _DISK_FULL:
            message += "; free some space, then rerun the same command to resume"
        return message
    if isinstance(problem, MemoryError) or _is_tensorflow(problem, "Exhausted"):
        return f"there is not enough memory: {reference.reason(problem)}"
    if isinstance(problem, OSError) or _is_tensorflow(problem):
        return reference.reason(problem)
    last = traceback.extract_tb(problem.__traceback__)[-1:]
    place = f" at {last[0].filename}:{last[0].lineno}" if last else ""
    return (
        f"internal error: {reference.reason(problem)}{place}; please report it with "
        f"the output of --traceback"
    )


def _is_tensorflow(problem: BaseException, name: str = "") -> bool:
    """Returns whether an exception is a tf.errors.OpError, without importing it."""
    names = [f"{kind.__module__}.{kind.__name__}" for kind in type(problem).__mro__]
    is_op_error = "tensorflow.python.framework.errors_impl.OpError" in names
    return is_op_error and name in type(problem).__name__


def _exit(code: int, text: str, problem: BaseException) -> NoReturn:
    # The reader of the output may have gone.
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr and _wants_traceback():
            lines = "".join(traceback.format_exception(problem))
            print(printable(lines, keep="\n"), end="", file=sys.stderr)
        if sys.stderr and text:
            print(printable(text, keep="\n"), file=sys.stderr, flush=True)
    _drop_output()
    sys.exit(code)


def _drop_output() -> None:
    """Flushes or drops buffered output, so that Python exits without a warning."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)


def _escape_warning(record: logging.LogRecord) -> bool:
    """Escapes control characters of file names and the like; keeps the record."""
    record.msg, record.args = printable(record.getMessage(), keep="\n"), ()
    return True


def _escape_unprintable(stream: object) -> None:
    """Makes a stream escape characters that it cannot encode, instead of failing."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")


def _wants_traceback() -> bool:
    if flags.FLAGS.is_parsed():
        return bool(_TRACEBACK.value)
    return "--traceback" in sys.argv
