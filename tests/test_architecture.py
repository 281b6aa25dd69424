"""Keeps the house's plan: who may import whom, and how long things may be."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
SOURCES = sorted((ROOT / "framework").rglob("*.py"))
# A part of the house is a file or folder of framework/. Each may import from these.
LOWEST = {"atomic", "errors", "json_text", "quiet", "lazy"}
LOWEST |= {"paths", "printable", "reference"}
MAY_IMPORT = {
    "atomic": set(),
    "errors": set(),
    "json_text": set(),
    "paths": {"errors", "printable"},
    "printable": set(),
    "reference": {"errors"},
    "archive": LOWEST,
    "quiet": set(),
    "lazy": {"quiet"},
    "durations": LOWEST,
    "grammar": LOWEST,
    "spec": LOWEST | {"grammar"},
    "config": LOWEST | {"spec", "durations"},
    "guesses": LOWEST,
    "usage": LOWEST | {"guesses"},
    "flags": LOWEST | {"config", "guesses", "usage"},
    "experiment": LOWEST,
    "trust": LOWEST | {"config", "experiment", "spec"},
    "random": LOWEST,
    "metrics": LOWEST,
    "probes": LOWEST | {"variables"},
    "command": LOWEST | {"usage"},
    "variables": LOWEST,
    "history": LOWEST | {"metrics"},
    "precision": LOWEST | {"variables"},
    "cluster": LOWEST,
    "distribute": LOWEST | {"cluster"},
    "workers": LOWEST | {"cluster"},
    "sharing": LOWEST | {"config", "workdir", "workers"},
    "fused": LOWEST,
    "optimizers": LOWEST | {"fused", "spec"},
    "schedules": LOWEST | {"durations", "metrics", "random", "spec", "variables"},
    "data": LOWEST | {"command", "spec"},
    "models": LOWEST | {"spec", "random"},
    "augment": LOWEST | {"spec", "random", "data", "report", "variables"},
    "families": LOWEST
    | {"augment", "data", "guesses", "models", "optimizers", "schedules", "spec"},
    "report": LOWEST | {"archive", "history", "metrics", "statistics"},
    "statistics": LOWEST,
    "loop": LOWEST
    | {"archive", "augment", "data", "history", "metrics", "optimizers", "precision"}
    | {"probes", "random", "report", "schedules", "variables", "workers"},
    "workdir": LOWEST | {"config", "experiment", "flags"},
    "resume": LOWEST | {"config", "data", "durations", "history", "loop", "workdir"},
    "parts": LOWEST
    | {"augment", "config", "data", "distribute", "durations", "loop", "metrics"}
    | {"models", "optimizers", "precision", "schedules"},
    "invariance": LOWEST | {"loop", "parts"},
    "export": LOWEST | {"augment"},
    "run": LOWEST
    | {"augment", "config", "data", "export", "history", "loop", "models", "parts"}
    | {"precision", "report", "resume", "sharing", "trust", "workdir", "workers"},
    "diagnose": LOWEST
    | {"archive", "augment", "config", "data", "history", "loop", "metrics", "models"}
    | {"parts", "random", "report", "run", "spec", "statistics", "trust", "workdir"},
    "main": LOWEST
    | {"command", "config", "diagnose", "experiment", "families", "flags", "loop"}
    | {"parts", "run", "usage"},
    "commands": LOWEST
    | {"__init__", "augment", "command", "config", "data", "diagnose", "experiment"}
    | {"families"}
    | {"invariance", "loop", "main", "parts", "random", "report", "schedules", "usage"},
    "__main__": {"commands"},
    "__init__": {"lazy"},
}


def part_of(path):
    # What `python -m` runs is above all packages.
    if path.name == "__main__.py":
        return "__main__"
    return path.relative_to(ROOT / "framework").parts[0].removesuffix(".py")


def imported_parts(path):
    """Returns which parts of framework/ a file imports, its own aside."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = {name.split(".")[1] for name in names if name.startswith("framework.")}
    parts = {"__init__" if name == "__version__" else name for name in parts}
    return parts - {part_of(path)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.name))
def test_imports_point_downwards(path):
    assert imported_parts(path) <= MAY_IMPORT[part_of(path)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.name))
def test_nothing_imports_experiments_or_benchmarks(path):
    # A user's own folder may have such a name.
    names = re.findall(r"^\s*(?:import|from)\s+(\w+)", path.read_text(), re.M)
    assert not {"experiments", "benchmarks", "tests"} & set(names)


@pytest.mark.parametrize("folder", ["framework", "experiments", "benchmarks"])
def test_each_folder_of_modules_is_a_package(folder):
    folders = {path.parent for path in (ROOT / folder).rglob("*.py")}
    assert all((each / "__init__.py").is_file() for each in folders)


def test_the_parts_form_no_circle():
    remaining = {part: set(may) for part, may in MAY_IMPORT.items()}
    while remaining:
        lowest = {part for part, may in remaining.items() if not may & set(remaining)}
        assert lowest, f"a circle among {sorted(remaining)}"
        for part in lowest:
            del remaining[part]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.name))
def test_functions_are_short_and_take_few_arguments(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) else node.body
        length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        assert length <= 60, f"{node.name} has {length} lines"
        # A data set's knobs are what a spec can set, however many they are.
        if node.name != "drawn_flowers":
            names = {each.arg for each in node.args.args} - {"self", "t", "T"}
            count = len(names)
            assert count <= 8, f"{node.name} takes {count} arguments"


def definitions(path):
    """Yields the functions and classes of a file, and the methods of its classes."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node
        if isinstance(node, ast.ClassDef):
            yield from (each for each in node.body if isinstance(each, ast.FunctionDef))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.name))
def test_everything_public_says_what_it_is(path):
    silent = [
        node.name
        for node in definitions(path)
        if not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert not silent
