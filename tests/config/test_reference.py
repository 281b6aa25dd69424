"""Tests of framework/config/reference.py."""

import os
import sys

import pytest

from framework.config import reference
from framework.errors import RunError, UsageError

WHOLE = """
import helper

def net(units=3):
    import later
    return helper.HALF * units + later.ONE
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Writes modules into the current folder; only this test imports them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(**bodies):
        for name, body in bodies.items():
            (tmp_path / f"{name}.py").write_bytes(
                body if isinstance(body, bytes) else body.encode()
            )

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_loads_from_the_current_folder_what_imports_others(here):
    here(mine=WHOLE, helper="HALF = 2", later="ONE = 1")
    assert reference.load("mine:net")(5) == 11


def test_of_a_package(here):
    os.mkdir("package")
    here(**{"package/part": "def f():\n    return 1"})
    assert reference.load("package.part:f")() == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('no data\\nat all')", "mine.py:1: ValueError: no data"),
        ("import sys\nsys.exit(0)", r"mine.py:2: calls sys.exit\(0\)"),
        ("import os.nothing", "mine.py:1: ModuleNotFoundError: No module named 'os.n"),
        ("import nothing_here", "mine.py:1: ModuleNotFoundError: No module named 'no"),
        ("import os\nos.nothing", "mine.py:2: AttributeError: module 'os' has no attr"),
        ("def net(:", "mine.py:1: SyntaxError: invalid syntax"),
        ("\n  x = 1", "mine.py:2: IndentationError: unexpected indent"),
        (b"x = '\xff'", "SyntaxError: "),
        (b"x = 1\0", "SyntaxError: source code "),
        ("x = 1", r"module 'mine' \(mine.py\) has no 'net'$"),
        ("nest = 1", r"module 'mine' \(mine.py\) has no 'net'; did you mean nest\?$"),
        (
            "def __getattr__(name):\n    raise KeyError(name)",
            "mine.py:2: KeyError: 'ne",
        ),
        ("class E(Exception):\n    def __str__(self): 1/0\nraise E", "mine.py:3: E$"),
        ("def f(): f()\nf()", "mine.py:1: RecursionError: maximum recursion depth"),
        ("import asyncio\nraise asyncio.CancelledError", "mine.py:2: CancelledError$"),
        ("raise GeneratorExit", "mine.py:1: GeneratorExit$"),
        ("raise BaseExceptionGroup('a', [SystemExit(0)])", "mine.py:1: BaseException"),
        ("raise ValueError('x' * 5000)", r"mine.py:1: ValueError: x{300}\.\.\.$"),
    ],
)
def test_what_fails_at_import_is_named(here, body, message):
    here(mine=body)
    with pytest.raises(UsageError, match=message) as caught:
        reference.load("mine:net")
    assert str(caught.value).startswith("mine:net: ")
    assert "\n" not in str(caught.value)


def test_only_ctrl_c_gets_through(here):
    here(mine="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        reference.load("mine:net")


@pytest.mark.parametrize("name", ["nowhere:net", "nowhere.deep:net", "json.no:net"])
def test_a_module_that_does_not_exist(here, name):
    with pytest.raises(UsageError, match=r"there is no module 'nowhere|'json\.no'"):
        reference.load(name)


def test_a_name_that_the_standard_library_has_is_told_by_its_file(here):
    here(random="def net():\n    pass")
    with pytest.raises(UsageError, match=r"'random' \(.*/random\.py\) has no 'net'"):
        reference.load("random:net")


def test_the_innermost_line_of_the_users_own(here):
    here(mine="import json\ndef f():\n    return g()\ndef g():\n    json.loads('{')")
    function = reference.load("mine:f")
    with pytest.raises(UsageError, match=r"^f: mine\.py:5: JSONDecodeError: "):
        reference.call(function, "f")


@pytest.mark.parametrize("problem", [RunError("bad"), KeyboardInterrupt()])
def test_what_is_no_fault_of_the_function_gets_through(problem):
    def raises():
        raise problem

    with pytest.raises(type(problem)):
        reference.call(raises, "f")


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "Exception encountered when calling Dense.call().\n\n\x1b[1mBad.\x1b[0m\n",
            "ValueError: Bad.",
        ),
        (
            "{{function_node __wrapped__Sum}} bad [Op:Sum] name: ",
            "ValueError: bad",
        ),
        ("", "ValueError"),
        ("\n\n", "ValueError"),
    ],
)
def test_reason(text, messages):
    assert reference.reason(ValueError(text)) == messages


def test_a_module_that_runs_when_it_is_imported(here):
    code = "from framework.config import reference\n"
    here(mine=code + "reference.refuse_to_run_while_loading()")
    with pytest.raises(UsageError, match="starts a run when it is imported; put that"):
        reference.load("mine:net")
    reference.refuse_to_run_while_loading()


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/home/ann/mine.py", True),
        (reference.__file__, False),
        (pytest.__file__, False),
        (os.__file__, False),
        ("<string>", False),
        ("", False),
        ("/tmp/__autograph_generated_fileab.py", False),
    ],
)
def test_is_own(path, own):
    assert reference.is_own(path) is own
