"""The user's own code: loads what `module:name` names, and says where it failed."""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from framework.errors import RunError, UsageError

_FRAMEWORK = Path(__file__).resolve().parent
_LONGEST = 300
# Keras begins with this line, and says only in the next what is wrong.
_PREAMBLE = re.compile(r"Exception encountered when calling .*\(\)\.?")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
# How TensorFlow names places in its graphs, and its operations.
_GRAPH = re.compile(r"\s*(\{\{[^}]*\}\}|\[\[\{\{.*?\]\]|\[Op:\w+\])(,? ?name:)?\s*")

_loading: list[str] = []


def load(name: str) -> Any:
    """Imports a module and returns one of its members.

    Modules in the current folder come before installed ones, as with `python -m`.

    Args:
        name: As "package.module:member".

    Raises:
        UsageError: The module does not exist or fails at import, or has no such
            member. The user's file and line are named.
    """
    module_name, _, member = name.partition(":")
    with during(name), current_folder_first():
        try:
            module = importlib.import_module(module_name)
        except KeyboardInterrupt:
            raise
        except ModuleNotFoundError as problem:
            if not _is_part(problem.name, module_name):
                raise UsageError(f"{name}: {told(problem)}") from problem
            raise UsageError(
                f"{name}: there is no module {problem.name!r} in {os.getcwd()} or "
                f"among the installed packages"
            ) from None
        except BaseException as problem:
            raise UsageError(f"{name}: {told(problem)}") from problem
    return _member(module, member, name)


def call(function: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Any:
    """Calls a function of the user's own.

    Args:
        function: The function.
        name: What it is called in messages.
        *args: Its arguments.
        **kwargs: Its arguments by name.

    Raises:
        UsageError: It raises anything; the user's file and line are named.
        RunError: It raises one, for instance because data are damaged.
    """
    try:
        return function(*args, **kwargs)
    except (KeyboardInterrupt, RunError, MemoryError):
        raise
    except UsageError as problem:
        raise UsageError(f"{name}: {problem}") from problem
    except BaseException as problem:
        raise UsageError(f"{name}: {told(problem)}") from problem


def told(problem: BaseException) -> str:
    """Returns a foreign exception in one line, with the user's file and line if any."""
    where = place(problem)
    return f"{where}: {reason(problem)}" if where else reason(problem)


def place(problem: BaseException | None) -> str:
    """Returns the innermost "file:line" of the user's own code; "" if there is none.

    That is all code but this package, the standard library and installed packages.
    """
    seen: set[int] = set()
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        if isinstance(problem, SyntaxError) and is_own(problem.filename or ""):
            return f"{_shown(problem.filename)}:{problem.lineno}"
        for frame in reversed(traceback.extract_tb(problem.__traceback__)):
            if is_own(frame.filename):
                return f"{_shown(frame.filename)}:{frame.lineno}"
        hidden = None if problem.__suppress_context__ else problem.__context__
        problem = problem.__cause__ or hidden
    return ""


def reason(problem: BaseException) -> str:
    """Returns the class and the message of an exception in one line."""
    name = type(problem).__name__
    if isinstance(problem, SyntaxError):
        return f"{name}: {problem.msg}"
    try:
        text = str(problem)
        if isinstance(problem, KeyError) and "\\n" in text:
            # Keras has put a text in the place of the key, of which this is the repr.
            text = str(problem.args[0])
    except Exception:
        return name
    if isinstance(problem, SystemExit):
        return f"calls sys.exit({problem.code!r})"
    lines = [line.strip() for line in _ANSI.sub("", text).splitlines()]
    lines = [line for line in lines if line and not _PREAMBLE.fullmatch(line)]
    first = _GRAPH.sub(" ", lines[0]).strip() if lines else ""
    if len(first) > _LONGEST:
        first = f"{first[:_LONGEST]}..."
    return f"{name}: {first}" if first else name


def is_own(filename: str) -> bool:
    """Returns whether a source file is the user's own."""
    if not filename or filename.startswith("<") or "__autograph_gen" in filename:
        return False
    path = Path(os.path.realpath(filename))
    if {"site-packages", "dist-packages"} & set(path.parts):
        return False
    return not any(path.is_relative_to(folder) for folder in _foreign_folders())


@contextlib.contextmanager
def during(name: str) -> Iterator[None]:
    """Marks that a module of the user's own is being imported."""
    _loading.append(name)
    try:
        yield
    finally:
        _loading.pop()


def refuse_to_run_while_loading() -> None:
    """Refuses to train from within a module that is only to be imported.

    Raises:
        UsageError: A module that is being imported runs an experiment.
    """
    if _loading:
        raise UsageError(
            f"{_loading[-1]} starts a run when it is imported; put that line below "
            f"if __name__ == '__main__':"
        )


@contextlib.contextmanager
def current_folder_first(folder: str | None = None) -> Iterator[None]:
    """Imports from the current folder, or another, before all others.

    Afterwards the folder stays on the path as the last, for imports within functions.
    """
    folder = folder or os.getcwd()
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)


def _member(module: Any, member: str, name: str) -> Any:
    try:
        return getattr(module, member)
    except AttributeError:
        pass
    except Exception as problem:
        raise UsageError(f"{name}: {told(problem)}") from problem
    near = difflib.get_close_matches(member, vars(module), n=3, cutoff=0.5)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    file = getattr(module, "__file__", None)
    where = f" ({_shown(file)})" if file else ""
    raise UsageError(
        f"{name}: module {module.__name__!r}{where} has no {member!r}{hint}"
    )


def _is_part(missing: str | None, module: str) -> bool:
    """Returns whether a missing module is the one asked for, or a package of it."""
    return missing is not None and f"{module}.".startswith(f"{missing}.")


def _shown(path: str) -> str:
    """Returns a path from the current folder if it is in there."""
    whole = Path(os.path.realpath(path))
    try:
        return str(whole.relative_to(os.path.realpath(os.getcwd())))
    except (ValueError, OSError):
        return str(whole)


@functools.cache
def _foreign_folders() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [os.path.realpath(sysconfig.get_path(name)) for name in names]
    return (str(_FRAMEWORK), *folders)
