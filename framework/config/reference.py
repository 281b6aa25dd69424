"""The user's own code: imports `module:name`, and locates its errors."""

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

_FRAMEWORK = Path(__file__).resolve().parent.parent
_MAX_REASON = 300
# Keras begins with this line; the next line has the reason.
_PREAMBLE = re.compile(r"Exception encountered when calling .*\(\)\.?")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
# TensorFlow's notation of graph nodes and operations.
_GRAPH = re.compile(r"\s*(\{\{[^}]*\}\}|\[\[\{\{.*?\]\]|\[Op:\w+\])(,? ?name:)?\s*")

# The user's modules that are being imported.
_loading: list[str] = []


def load(name: str) -> Any:
    """Imports a module and returns one of its members.

    Modules in the current folder come before installed ones, as with `python -m`.

    Args:
        name: The name, as "package.module:member".

    Raises:
        UsageError: The module does not exist, fails at import or has no such member;
            the message names the user's file and line.
    """
    module_name, _, member = name.partition(":")
    with during(name), current_folder_first():
        try:
            module = importlib.import_module(module_name)
        except KeyboardInterrupt:
            raise
        except ModuleNotFoundError as problem:
            if not _is_part(problem.name, module_name):
                raise UsageError(f"{name}: {summary(problem)}") from problem
            raise UsageError(
                f"{name}: there is no module {problem.name!r} in {os.getcwd()} or "
                f"among the installed packages"
            ) from None
        except BaseException as problem:
            raise UsageError(f"{name}: {summary(problem)}") from problem
    return _member(module, member, name)


def call(function: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Any:
    """Calls a user's own function.

    Args:
        function: The function.
        name: Its name in messages.
        *args: Its positional arguments.
        **kwargs: Its keyword arguments.

    Raises:
        UsageError: It raises any other exception; the message names the user's file
            and line.
        RunError: It raises RunError, for example because data are damaged.
    """
    try:
        return function(*args, **kwargs)
    except (KeyboardInterrupt, RunError, MemoryError):
        raise
    except UsageError as problem:
        raise UsageError(f"{name}: {problem}") from problem
    except BaseException as problem:
        raise UsageError(f"{name}: {summary(problem)}") from problem


def summary(problem: BaseException) -> str:
    """Returns an exception in one line, with the user's file and line if any."""
    location = user_location(problem)
    return f"{location}: {reason(problem)}" if location else reason(problem)


def user_location(problem: BaseException | None) -> str:
    """Returns the innermost "file:line" of the user's own code in a traceback.

    The user's own code is all code but this package, the standard library and installed
    packages.

    Returns:
        An empty text if the traceback has no such line.
    """
    seen: set[int] = set()
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        file = problem.filename if isinstance(problem, SyntaxError) else None
        if isinstance(problem, SyntaxError) and file and is_own(file):
            return f"{_relative(file)}:{problem.lineno}"
        for frame in reversed(traceback.extract_tb(problem.__traceback__)):
            if is_own(frame.filename):
                return f"{_relative(frame.filename)}:{frame.lineno}"
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
            # Keras raises KeyError with a text for a key, which `str` shows quoted.
            text = str(problem.args[0])
    except Exception:
        return name
    if isinstance(problem, SystemExit):
        return f"calls sys.exit({problem.code!r})"
    lines = [line.strip() for line in _ANSI.sub("", text).splitlines()]
    lines = [line for line in lines if line and not _PREAMBLE.fullmatch(line)]
    first = _GRAPH.sub(" ", lines[0]).strip() if lines else ""
    if len(first) > _MAX_REASON:
        first = f"{first[:_MAX_REASON]}..."
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
    """Marks that a user's own module is being imported."""
    _loading.append(name)
    try:
        yield
    finally:
        _loading.pop()


def refuse_to_run_while_loading() -> None:
    """Checks that no module that is being imported starts a run.

    Raises:
        UsageError: A module that is being imported starts a run.
    """
    if _loading:
        raise UsageError(
            f"{_loading[-1]} starts a run when it is imported; put that line below "
            f"if __name__ == '__main__':"
        )


@contextlib.contextmanager
def current_folder_first(folder: str | None = None) -> Iterator[None]:
    """Puts the current folder, or another one, first on the import path.

    Afterwards the folder is the last one on the path, for imports within functions.
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
        raise UsageError(f"{name}: {summary(problem)}") from problem
    near = difflib.get_close_matches(member, vars(module), n=3, cutoff=0.5)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    file = getattr(module, "__file__", None)
    where = f" ({_relative(file)})" if file else ""
    raise UsageError(
        f"{name}: module {module.__name__!r}{where} has no {member!r}{hint}"
    )


def _is_part(missing: str | None, module: str) -> bool:
    """Returns whether a missing module is the given one, or a package of it."""
    return missing is not None and f"{module}.".startswith(f"{missing}.")


def _relative(path: str) -> str:
    """Returns a path relative to the current folder if it is inside that folder."""
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
