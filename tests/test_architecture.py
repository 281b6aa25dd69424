"""Keeps the house's plan: who may import whom, and how long things may be."""

import ast
import functools
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
SOURCES = sorted((ROOT / "framework").rglob("*.py"))
# A room of the house is a file or folder of framework/. Each may import from these.
LOWEST = {"errors", "system", "compiled"}
MAY_IMPORT = {
    "errors": set(),
    "system": {"errors"},
    "compiled": set(),
    "lazy": {"system"},
    "numerics": {"errors"},
    "config": LOWEST,
    "report": LOWEST | {"numerics"},
    "data": LOWEST | {"config"},
    "distributed": LOWEST,
    "optim": LOWEST | {"config", "numerics"},
    "models": LOWEST | {"config", "numerics"},
    "schedules": LOWEST | {"config", "numerics"},
    "augment": LOWEST | {"config", "data", "numerics"},
    "losses": LOWEST | {"config"},
    "metrics": LOWEST | {"config"},
    "loop": LOWEST
    | {"augment", "data", "distributed", "losses", "metrics", "numerics", "optim"}
    | {"report", "schedules"},
    "launch": LOWEST
    | {"augment", "config", "data", "distributed", "loop", "losses", "metrics"}
    | {"models", "numerics"}
    | {"optim", "report", "schedules"},
    "diagnose": LOWEST
    | {"augment", "config", "data", "launch", "loop", "models", "numerics", "report"},
    "sweep": LOWEST | {"config", "loop", "numerics", "report"},
    "prove": LOWEST
    | {"augment", "config", "data", "diagnose", "launch", "loop", "numerics"}
    | {"report", "schedules", "sweep"},
    "main": LOWEST | {"config", "diagnose", "launch", "loop", "prove"},
    "commands": LOWEST
    | {"__init__", "augment", "config", "data", "diagnose", "launch", "loop", "main"}
    | {"numerics", "prove", "report", "schedules", "sweep"},
    "__main__": {"commands"},
    # What it offers by name, for type checkers.
    "__init__": {"lazy", "config", "data", "diagnose", "launch"},
}
# The rooms inside diagnose/: its folders, and the files beside them.
DIAGNOSE_MAY_IMPORT = {
    "core": set(),
    "measure": {"core"},
    "checks": {"core", "measure"},
    "programs": {"core"},
    "report": {"core", "measure"},
    "recorder": {"programs"},
    "audit": {"core", "measure", "report"},
    "diagnosis": {"core", "measure", "checks", "report"},
    "snapshot": {"report"},
    "workspace": set(),
    "array_context": {"core", "programs"},
    "original_training": {"programs", "recorder"},
    "explain_keras": {"array_context", "audit", "core", "diagnosis", "programs"}
    | {"original_training", "report"},
    "explain_functions": {"array_context", "audit", "core", "diagnosis", "programs"}
    | {"report"},
    "explain_run": {"core", "programs", "snapshot"},
    "conclude": {"audit", "core", "report", "diagnosis", "snapshot", "workspace"}
    | {"explain_run"},
    "__init__": set(),
}
# A data set's knobs, and the options of an entry of the Python interface.
MAY_TAKE_MANY_ARGUMENTS = {
    "drawn_flowers",
    "explain",
    "explain_loop",
    "from_arrays",
    "table",
}


@functools.cache
def tree(path):
    """Returns the syntax tree of a file, which several tests walk."""
    return ast.parse(path.read_text())


def part_of(path):
    # What `python -m` runs is above all packages.
    if path.name == "__main__.py":
        return "__main__"
    return path.relative_to(ROOT / "framework").parts[0].removesuffix(".py")


def imported_names(path):
    """Returns the imports of a file, also inside functions and for type checkers."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports are not used here"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_parts(path):
    """Returns which parts of framework/ a file imports, its own aside."""
    names = imported_names(path)
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


DIAGNOSE = ROOT / "framework" / "diagnose"


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if DIAGNOSE in path.parents],
    ids=lambda path: str(path.relative_to(DIAGNOSE)),
)
def test_imports_inside_diagnose_point_downwards(path):
    room = path.relative_to(DIAGNOSE).parts[0].removesuffix(".py")
    if room == "__main__":
        return
    prefix = "framework.diagnose."
    rooms = {
        name.removeprefix(prefix).split(".")[0]
        for name in imported_names(path)
        if name.startswith(prefix)
    }
    assert rooms - {room} <= DIAGNOSE_MAY_IMPORT[room]


@pytest.mark.parametrize("rooms", [MAY_IMPORT, DIAGNOSE_MAY_IMPORT])
def test_the_parts_form_no_circle(rooms):
    remaining = {part: set(may) for part, may in rooms.items()}
    while remaining:
        lowest = {part for part, may in remaining.items() if not may & set(remaining)}
        assert lowest, f"a circle among {sorted(remaining)}"
        for part in lowest:
            del remaining[part]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.name))
def test_functions_are_short_and_take_few_arguments(path):
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.FunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) else node.body
        length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        assert length <= 60, f"{node.name} has {length} lines"
        if node.name not in MAY_TAKE_MANY_ARGUMENTS:
            arguments = (*node.args.posonlyargs, *node.args.args)
            every = {each.arg for each in (*arguments, *node.args.kwonlyargs)}
            count = len(every - {"self", "cls", "t", "T"})
            assert count <= 8, f"{node.name} takes {count} arguments"


def definitions(path):
    """Yields the functions and classes of a file, and the methods of its classes."""
    for node in tree(path).body:
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


@pytest.mark.parametrize(
    "folder", ["framework", "experiments", "benchmarks", "tests"], ids=str
)
def test_no_literal_is_unpacked(folder):
    # It pleases the formatter, not the reader.
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Starred):
                literal = isinstance(node.value, (ast.Tuple, ast.List, ast.Set))
                assert not literal, f"{path}:{node.lineno}"
