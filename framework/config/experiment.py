"""A user's own experiment file: how a run was made, and how to load it once more."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from absl import flags, logging

from framework.config import reference
from framework.errors import UsageError
from framework.system import atomic, json_text, paths
from framework.system.json_text import InvalidJsonError

# The folder that this package is in; the experiments that come with it are there, too.
_HOME = Path(__file__).resolve().parent.parent
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

# By real path: a file is loaded once.
_loaded: dict[str, ModuleType] = {}
# The file of --experiment.
_given: list[str] = []


def origin() -> dict[str, str]:
    """Returns how this process was started, as environment.json has it.

    Returns:
        {"module": "experiments.train"} for `python -m experiments.train`, {"file":
        "/home/ann/squares.py"} for `python squares.py` and for --experiment; nothing
        for a notebook, or what an installed package has started.
    """
    if _given:
        return {"file": _given[-1]}
    main = sys.modules.get("__main__")
    file, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
    if spec is not None and _is_ours(spec.name):
        return {"module": spec.name}
    # The console script has no suffix.
    if not file or not file.endswith(".py") or not reference.is_own(file):
        return {}
    if spec is not None and spec.parent:
        # It may import from its package.
        return {"module": spec.name}
    return {"file": os.path.realpath(file)}


def own(entry: Mapping[str, str]) -> dict[str, str]:
    """Returns an `origin` if it is the user's; {} if it comes with this package."""
    return {} if _is_ours(entry.get("module", "")) else dict(entry)


def of_arguments(arguments: Sequence[str]) -> ModuleType | None:
    """Loads the file of --experiment, before the other flags are known.

    Args:
        arguments: The program's name and what follows it.

    Returns:
        Its module; None if there is no such flag.

    Raises:
        UsageError: It cannot be loaded.
    """
    values = flags.FlagValues()
    flags.DEFINE_string("experiment", "", "", flag_values=values)
    values.set_gnu_getopt(True)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            values(list(arguments), known_only=True)
    except (flags.Error, ValueError):
        # What is wrong is said when all flags are parsed.
        return None
    return load(values.experiment) if values.experiment else None


def load(path: str) -> ModuleType:
    """Runs a file as a module, so that what it registers can be named in specs.

    Its `if __name__ == "__main__"` is false. What it imports may lie beside it.

    Args:
        path: Of a Python file.

    Raises:
        UsageError: There is no such file, or it fails; its line is named.
    """
    path = os.path.realpath(paths.expand(path, "--experiment"))
    module = _load(path)
    _given.append(path)
    return module


def is_given() -> bool:
    """Returns whether this process has been given an --experiment."""
    return bool(_given)


def recorded(workdir: Path) -> dict[str, str]:
    """Returns the user's own experiment that a run was made by.

    Nothing is imported. An experiment that comes with this package counts as none.

    Args:
        workdir: The run's folder.

    Returns:
        {"module": ...} or {"file": ...}; {} if there is none, or, with a warning, if
        environment.json is damaged.
    """
    path = workdir / "environment.json"
    try:
        entry = json_text.parse_object(atomic.read_bytes(path)).get("experiment", {})
    except FileNotFoundError:
        return {}
    except (OSError, InvalidJsonError) as problem:
        logging.warning("%s cannot be read: %s", path, reference.reason(problem))
        return {}
    if not _is_entry(entry):
        logging.warning("%s: the entry 'experiment' is damaged: %.100r", path, entry)
        return {}
    return own(entry)


def load_recorded(entry: Mapping[str, str]) -> None:
    """Loads what `recorded` has returned; see `trust.check` first.

    Raises:
        UsageError: It cannot be loaded; --experiment is named as the way out.
    """
    try:
        if "file" in entry:
            _load(entry["file"])
        elif entry:
            with reference.during(entry["module"]), reference.current_folder_first():
                name = f"the run's module {entry['module']}"
                reference.call(importlib.import_module, name, entry["module"])
    except UsageError as problem:
        raise UsageError(
            f"{problem}; give the file that the run was made by as --experiment=FILE.py"
        ) from problem


def _load(path: str) -> ModuleType:
    """Runs the file at a real path, unless it is the program or has been run."""
    main, file = sys.modules.get("__main__"), Path(path)
    if os.path.realpath(getattr(main, "__file__", None) or "") == path:
        return main
    if path not in _loaded:
        if file.suffix != ".py" or not file.is_file():
            raise UsageError(f"--experiment must be a Python file, not {path!r}")
        spec = importlib.util.spec_from_file_location(f"experiment_{file.stem}", file)
        module = importlib.util.module_from_spec(spec)
        # Classes look up the module that they were made in.
        sys.modules[spec.name] = module
        folder = str(file.parent)
        with reference.during(path), reference.current_folder_first(folder):
            reference.call(spec.loader.exec_module, "--experiment", module)
        _loaded[path] = module
    return _loaded[path]


def _is_entry(entry: Any) -> bool:
    if entry == {}:
        return True
    if not isinstance(entry, dict) or len(entry) != 1:
        return False
    (kind, value), *_ = entry.items()
    if not isinstance(value, str):
        return False
    if kind == "module":
        return bool(_MODULE.fullmatch(value))
    return kind == "file" and os.path.isabs(value) and value.isprintable()


def _is_ours(module: str) -> bool:
    """Returns whether a module comes with this package, by its name alone."""
    top = module.partition(".")[0]
    if top not in ("framework", "experiments"):
        return False
    path = _HOME.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
