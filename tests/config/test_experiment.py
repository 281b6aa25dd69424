"""Tests of framework/config/experiment.py."""

import json
import pathlib
import re
import sys
import types

import pytest

from framework.config import experiment
from framework.errors import UsageError

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _nothing_loaded(monkeypatch, tmp_path):
    monkeypatch.setattr(experiment, "_loaded", {})
    monkeypatch.setattr(experiment, "_given", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)


def main(monkeypatch, file, name=None, parent=""):
    """Simulates how a program was started."""
    spec = types.SimpleNamespace(name=name, parent=parent) if name else None
    module = types.SimpleNamespace(__file__=file, __spec__=spec)
    monkeypatch.setitem(sys.modules, "__main__", module)


@pytest.mark.parametrize(
    ("started", "origin"),
    [
        (("/clone/experiments/train.py", "experiments.train"), ["experiments.train"]),
        (("/home/ann/squares.py",), "/home/ann/squares.py"),
        (("/home/ann/squares.py", "squares"), "/home/ann/squares.py"),
        (("/home/ann/a/squares.py", "a.squares", "a"), ["a.squares"]),
        (("/env/bin/whyflat",), None),
        ((pytest.__file__, "pytest.__main__", "pytest"), None),
        ((None,), None),
    ],
)
def test_origin(monkeypatch, started, origin):
    main(monkeypatch, *started)
    kind = "module" if isinstance(origin, list) else "file"
    expected = {kind: origin[0] if isinstance(origin, list) else origin}
    assert experiment.origin() == (expected if origin else {})


def test_own():
    assert experiment.own({"module": "experiments.train"}) == {}
    assert experiment.own({"module": "experiments.mine"}) != {}
    assert experiment.own({"file": "/a.py"}) == {"file": "/a.py"}


SQUARES = """
import dataclasses, helper
from framework.data import DATASETS

@dataclasses.dataclass
class Kept:
    value: int

def squares():
    import later
    return Kept(helper.ONE + later.ONE)

DATASETS["squares"] = squares
if __name__ == "__main__":
    raise AssertionError
"""


@pytest.fixture
def squares(tmp_path, monkeypatch):
    from framework.data import DATASETS

    monkeypatch.setattr("framework.data.DATASETS", DATASETS.copy())
    folder = tmp_path / "far"
    folder.mkdir()
    (folder / "squares.py").write_text(SQUARES)
    (folder / "helper.py").write_text("ONE = 1")
    (folder / "later.py").write_text("ONE = 1")
    yield folder / "squares.py"
    for name in ("experiment_squares", "helper", "later"):
        sys.modules.pop(name, None)


def test_what_a_file_registers_can_be_named(squares):
    from framework import data

    assert not experiment.is_given()
    module = experiment.load(str(squares))
    assert data.DATASETS["squares"]().value == 2
    assert experiment.origin() == {"file": str(squares)}
    assert experiment.is_given()
    assert experiment.load(str(squares)) is module


def test_the_program_itself_is_not_loaded_again(squares, monkeypatch):
    main(monkeypatch, str(squares))
    assert experiment.load(str(squares)) is sys.modules["__main__"]


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("a.py", "1 / 0", "--experiment: a.py:1: ZeroDivisionError: division by zero"),
        ("a.py", "import sys; sys.exit()", r"a.py:1: calls sys.exit\(None\)"),
        ("a.py", "def (", "a.py:1: SyntaxError"),
        ("a.py", "from framework.main import main\nmain(None)", "starts a run when it"),
        ("a.txt", "", "--experiment must be a Python file, not '/.*a.txt'"),
        ("b.py/a.py", None, "--experiment must be a Python file"),
        ("~nosuchuser/a.py", None, "no home folder is known"),
    ],
)
def test_refuses(tmp_path, name, body, message):
    if body is not None:
        (tmp_path / name).write_text(body)
    with pytest.raises(UsageError, match=message):
        experiment.load(name)
    assert not experiment.is_given()


@pytest.mark.parametrize(
    ("arguments", "is_found"),
    [
        (["--experiment={}"], True),
        (["--seed=1", "--workdir", "x", "-experiment", "{}", "--jit"], True),
        (["--seed=1"], False),
        (["--", "--experiment={}"], False),
        (["--flagfile=flags.txt"], True),
        (["--flagfile=none.txt"], False),
    ],
)
def test_of_arguments(squares, tmp_path, arguments, is_found):
    (tmp_path / "flags.txt").write_text(f"--experiment={squares}\n--seed=2\n")
    arguments = [argument.format(squares) for argument in arguments]
    module = experiment.of_arguments(["train", *arguments])
    assert (module is not None) == is_found


def test_config_names_an_experiment_of_this_package():
    known = experiment.names()
    assert {"flowers", "seed_baseline", "static_accuracy.overfitting"} <= {*known}
    # Commands and modules without settings are none.
    assert not {"train", "lr_range", "static_accuracy.networks", "__init__"} & {*known}
    module = experiment.of_arguments(["train", "--config", "flowers", "--seed=1"])
    assert module.CONFIG.workdir == "runs/flowers"
    # It is no code of the user's, which a reader of the run would have to trust.
    assert not experiment.is_given()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config=flower"], "no experiment 'flower'; did you mean flowers?"),
        (["--config=../flowers"], "no experiment"),
        (["--config=mine.py"], "your own file is --experiment=FILE.py"),
        (["--config=flowers", "--experiment=mine.py"], "give one of them"),
    ],
)
def test_config_refuses(arguments, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        experiment.of_arguments(["train", *arguments])


@pytest.mark.parametrize(
    ("text", "entry", "warned"),
    [
        ('{"experiment": {"file": "/a/b.py"}}', {"file": "/a/b.py"}, False),
        ('{"experiment": {"module": "a.b"}}', {"module": "a.b"}, False),
        ('{"experiment": {"module": "experiments.train"}}', {}, False),
        ('{"experiment": {}}', {}, False),
        ("{}", {}, False),
        ("[]", {}, True),
        ("", {}, True),
        ("{", {}, True),
        ("[" * 100_000, {}, True),
        ("\udcff", {}, True),
        ('{"experiment": "a"}', {}, True),
        ('{"experiment": null}', {}, True),
        ('{"experiment": {"module": 3}}', {}, True),
        ('{"experiment": {"module": "a;b"}}', {}, True),
        ('{"experiment": {"module": "a", "file": "/b"}}', {}, True),
        ('{"experiment": {"file": "relative.py"}}', {}, True),
        ('{"experiment": {"file": "/a\\u001b.py"}}', {}, True),
        ('{"experiment": {"other": "/a"}}', {}, True),
        (None, {}, False),
    ],
)
def test_recorded(tmp_path, caplog, text, entry, warned):
    if text is not None:
        path = tmp_path / "environment.json"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert experiment.recorded(tmp_path) == entry
    assert ("environment.json" in caplog.text) == warned


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (None, ["whyflat", "train"]),
        ({"module": "mine.squares"}, ["python", "-m", "mine.squares"]),
        ({"file": "/a b.py"}, ["whyflat", "train", "--experiment=/a b.py"]),
    ],
)
def test_the_command_of_a_run_begins_as_it_was_started(tmp_path, entry, words):
    if entry:
        (tmp_path / "environment.json").write_text(json.dumps({"experiment": entry}))
    assert experiment.train_command(tmp_path) == words


def test_a_recorded_experiment_is_loaded_but_not_given(squares):
    from framework import data

    experiment.load_recorded({"file": str(squares)})
    assert "squares" in data.DATASETS
    assert not experiment.is_given()
    experiment.load_recorded({})
    experiment.load_recorded({"module": "json.tool"})


def test_a_recorded_experiment_that_is_the_program_is_not_loaded_again(monkeypatch):
    # It may define flags, which cannot be done twice.
    main(monkeypatch, "/home/ann/nowhere/a.py", "nowhere.a", "nowhere")
    experiment.load_recorded({"module": "nowhere.a"})
    with pytest.raises(UsageError, match="nowhere"):
        experiment.load_recorded({"module": "nowhere.b"})


@pytest.mark.parametrize("entry", [{"file": "/none/a.py"}, {"module": "nowhere.a"}])
def test_a_recorded_experiment_that_is_gone(entry):
    with pytest.raises(UsageError, match=r"pass the file .* as --experiment=FILE.py"):
        experiment.load_recorded(entry)


@pytest.mark.extended
def test_previews_take_an_experiment(command, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from framework.schedules import SCHEDULES\n"
        "def half(t, T, by=2.0):\n    return 1.0 / by\n"
        "SCHEDULES['half'] = half\n"
    )
    flags = ["--csv", "--total_steps=2"]
    for spec in (["half(by=4.)", "--experiment=mine.py"], ["mine:half(by=4.)"]):
        done = command("framework.schedules", *flags, *spec, folder=tmp_path)
        assert done.stdout == "step,learning_rate\n0,0.25\n1,0.25\n", done.stderr


def test_environment_json_is_read_as_it_is_written(tmp_path, monkeypatch):
    from framework.launch import environment

    main(monkeypatch, "/home/ann/squares.py")
    environment.write(tmp_path, [])
    text = (tmp_path / "environment.json").read_text()
    assert json.loads(text)["experiment"] == {"file": "/home/ann/squares.py"}
    assert experiment.recorded(tmp_path) == {"file": "/home/ann/squares.py"}


OWN = """
from framework.config import Config
from framework.data import DATASETS, build
from framework.main import main

def squares(seed: int = 0):
    return build(f"noise(train=64, validation=32, size=8, classes=2, seed={seed})")

DATASETS["squares"] = squares
CONFIG = Config(
    dataset="squares", model="mlp(units=(4,))", normalize="none", train_for="2ep",
    workdir="run",
)

if __name__ == "__main__":
    main(CONFIG)
"""


@pytest.mark.extended
def test_a_run_of_ones_own_experiment_can_be_diagnosed(command, tmp_path):
    """By its owner; by others only if they trust it or have the file."""
    for folder in ("own", "other", "state", "nothing"):
        (tmp_path / folder).mkdir()
    (tmp_path / "own" / "squares.py").write_text(OWN)

    def started(*arguments, folder="other", state="state"):
        state = str(tmp_path / state)
        return command(*arguments, folder=tmp_path / folder, XDG_STATE_HOME=state)

    trained = started("squares", folder="own")
    assert trained.returncode == 0, trained.stderr
    run = tmp_path / "own" / "run"
    assert experiment.recorded(run) == {"file": str(tmp_path / "own" / "squares.py")}
    diagnose = ("framework.diagnose", f"--workdir={run}", "--budget=0")
    assert started(*diagnose).returncode in (0, 3)
    foreign = started(*diagnose, state="nothing")
    assert foreign.returncode == 2
    last = foreign.stderr.splitlines()[-1]
    assert f"would execute {tmp_path}/own/squares.py; if you" in last
    assert "Traceback" not in foreign.stderr
    # With --trust_run as well; see tests/launch/test_trust.py.
    allowed = f"--experiment={tmp_path}/own/squares.py"
    assert started(*diagnose, allowed, state="nothing").returncode in (0, 3)
    # The file's CONFIG gives the defaults of the flags, so this is the same run.
    again = ("experiments.train", "--experiment=squares.py")
    done = started(*again, folder="own")
    assert done.returncode == 0, done.stderr
    assert "noise" not in done.stderr
