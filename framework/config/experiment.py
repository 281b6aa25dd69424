"""A user's own experiment file: records how a run was started, and loads it again."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.util
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import machinery
from pathlib import Path
from types import ModuleType

from absl import flags, logging

from framework.config import reference
from framework.errors import UsageError
from framework.system import atomic, json_text, paths
from framework.system.json_text import InvalidJsonError

# The folder of this package and of the experiments that come with it.
_HOME = Path(__file__).resolve().parents[2]
_CONFIG = re.compile(r"^CONFIG = ", re.MULTILINE)
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

# Modules by real path: a file is loaded once.
_loaded: dict[str, ModuleType] = {}
# The real paths of --experiment.
_given: list[str] = []


def origin() -> dict[str, str]:
    """Returns how this process was started, for environment.json.

    Returns:
        {"module": "experiments.train"} for `python -m experiments.train`, {"file":
        "/home/ann/squares.py"} for `python squares.py` and for --experiment, {} for a
        notebook or a program of an installed package.
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
    """Returns an `origin` if it is the user's, {} if it comes with this package."""
    return {} if _is_ours(entry.get("module", "")) else dict(entry)


def of_arguments(arguments: Sequence[str]) -> ModuleType | None:
    """Loads the file of --experiment, before the other flags are parsed.

    Args:
        arguments: The program's name and its arguments.

    Returns:
        Its module, or that of --config; None if there is neither flag.

    Raises:
        UsageError: The file cannot be loaded, --config has no such name, or both are
            given.
    """
    values = flags.FlagValues()
    for name in ("experiment", "config"):
        flags.DEFINE_string(name, "", "", flag_values=values)
    values.set_gnu_getopt(True)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            values(list(arguments), known_only=True)
    except (flags.Error, ValueError):
        # The error is reported when all flags are parsed.
        return None
    if values.experiment and values.config:
        raise UsageError(
            f"--config={values.config} and --experiment={values.experiment} both "
            f"replace the defaults; give one of them"
        )
    if values.config:
        return _load(_path_of(values.config))
    return load(values.experiment) if values.experiment else None


def names() -> tuple[str, ...]:
    """Returns the names of the experiments of this package that have a CONFIG."""
    folder = _HOME / "experiments"
    return tuple(
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for path in sorted(folder.rglob("*.py"))
        if _CONFIG.search(path.read_text())
    )


def load(path: str) -> ModuleType:
    """Runs a file as a module, so that specs can name what it registers.

    Its `if __name__ == "__main__"` is false. It can import modules beside it.

    Args:
        path: Path of a Python file.

    Raises:
        UsageError: There is no such file, or it fails; the message names its line.
    """
    path = os.path.realpath(paths.expand(path, "--experiment"))
    module = _load(path)
    _given.append(path)
    return module


def is_given() -> bool:
    """Returns whether this process was started with --experiment."""
    return bool(_given)


def recorded(workdir: Path) -> dict[str, str]:
    """Returns the user's own experiment that a run was started by; imports nothing.

    An experiment that comes with this package counts as none.

    Args:
        workdir: The run's folder.

    Returns:
        {"module": ...} or {"file": ...}; {} if there is none, or, with a warning, if
        environment.json is damaged.
    """
    path = workdir / "environment.json"
    try:
        content = json_text.parse_object(atomic.read_bytes(path))
    except FileNotFoundError:
        return {}
    except (OSError, InvalidJsonError) as problem:
        logging.warning("%s cannot be read: %s", path, reference.reason(problem))
        return {}
    entry = _parse_entry(content.get("experiment", {}))
    if entry is None:
        damaged = content["experiment"]
        logging.warning("%s: the entry 'experiment' is damaged: %.100r", path, damaged)
        return {}
    return own(entry)


def train_command(workdir: Path) -> list[str]:
    """Returns the words with which the command of a run begins.

    They are `whyflat train`, or those of the user's own experiment.

    Args:
        workdir: The run's folder.
    """
    entry = recorded(workdir)
    if "module" in entry:
        return ["python", "-m", entry["module"]]
    if "file" in entry:
        return ["whyflat", "train", f"--experiment={entry['file']}"]
    return ["whyflat", "train"]


def load_recorded(entry: Mapping[str, str]) -> None:
    """Loads an experiment of `recorded`; call `trust.check` first.

    Raises:
        UsageError: It cannot be loaded; the message suggests --experiment.
    """
    try:
        if "file" in entry:
            _load(entry["file"])
        elif entry and not _is_program(entry["module"]):
            with reference.during(entry["module"]), reference.current_folder_first():
                name = f"the run's module {entry['module']}"
                reference.call(importlib.import_module, name, entry["module"])
    except UsageError as problem:
        raise UsageError(
            f"{problem}; pass the file that started the run as --experiment=FILE.py"
        ) from problem


def _path_of(name: str) -> str:
    """Returns the real path of an experiment of this package.

    Raises:
        UsageError: There is none of this name.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        own = "; your own file is --experiment=FILE.py" if name.endswith(".py") else ""
        raise UsageError(
            f"--config: there is no experiment {name!r}; {hint}known are "
            f"{', '.join(known)}{own}"
        )
    path = _HOME.joinpath("experiments", *name.split("."))
    return os.path.realpath(path.with_name(f"{path.name}.py"))


def _is_program(module: str) -> bool:
    """Returns whether a module is running as the program, as by `python -m`."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name == module


def _load(path: str) -> ModuleType:
    """Runs the file at a real path, unless it is the program or has been loaded."""
    main, file = sys.modules.get("__main__"), Path(path)
    if main and os.path.realpath(getattr(main, "__file__", None) or "") == path:
        return main
    if path not in _loaded:
        if file.suffix != ".py" or not file.is_file():
            raise UsageError(f"--experiment must be a Python file, not {path!r}")
        name = f"experiment_{file.stem}"
        loader = machinery.SourceFileLoader(name, path)
        spec = importlib.util.spec_from_file_location(name, file, loader=loader)
        assert spec is not None, "a file with a loader has a spec"
        module = importlib.util.module_from_spec(spec)
        # Classes look up the module that they were defined in.
        sys.modules[name] = module
        folder = str(file.parent)
        with reference.during(path), reference.current_folder_first(folder):
            reference.call(loader.exec_module, "--experiment", module)
        _loaded[path] = module
    return _loaded[path]


def _parse_entry(entry: object) -> dict[str, str] | None:
    """Returns an entry of environment.json as `origin` writes it; None if damaged."""
    if not isinstance(entry, dict):
        return None
    if not entry:
        return {}
    if len(entry) != 1:
        return None
    (kind, value), *_ = entry.items()
    if not isinstance(value, str):
        return None
    if kind == "module":
        return {kind: value} if _MODULE.fullmatch(value) else None
    is_path = kind == "file" and os.path.isabs(value) and value.isprintable()
    return {kind: value} if is_path else None


def _is_ours(module: str) -> bool:
    """Returns whether a module comes with this package, judged by its name."""
    top = module.partition(".")[0]
    if top not in ("framework", "experiments"):
        return False
    path = _HOME.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
