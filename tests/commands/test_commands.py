"""Tests of framework/commands/__init__.py, run as the console script runs it."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

from framework.commands import VERBS

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = f"""
import sys
sys.path.append({str(ROOT)!r})
from framework.commands import main
main()
"""
FAST = ["schedule", "augment", "diagnose", "train"]


INTERRUPTED = f"""
import sys
sys.path.append({str(ROOT)!r})


class Interrupt:
    def find_spec(name, *_):
        if name == sys.argv[-1]:
            raise KeyboardInterrupt


sys.meta_path.insert(0, Interrupt)
from framework.commands import main
main()
"""


@pytest.fixture
def whyflat(tmp_path):
    """Runs the script in an empty folder, which is not on the import path."""
    script, folder = tmp_path / "bin" / "whyflat", tmp_path / "folder"
    script.parent.mkdir()
    folder.mkdir()
    script.write_text(SCRIPT)

    def run(*arguments):
        return subprocess.run(
            [sys.executable, script, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "COLUMNS": "80"},
        )

    return run


def test_each_verb_is_a_module():
    for module, about in VERBS.values():
        assert importlib.util.find_spec(f"framework.commands.{module}")
        assert about.endswith(".")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["help"], ["-h"]])
def test_lists_its_verbs(whyflat, arguments):
    done = whyflat(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    for verb, (_, about) in VERBS.items():
        assert f"  {verb}" in done.stdout
        assert about in done.stdout


@pytest.mark.parametrize(
    "module", ["framework.config", "framework.commands.train", "framework.main"]
)
def test_ctrl_c_during_the_imports_is_one_line(module):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "train", module],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "error: interrupted\n"


def test_has_a_version(whyflat):
    done = whyflat("--version")
    assert (done.returncode, done.stdout) == (0, "whyflat 0.2.0\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tran"], "unknown verb 'tran'; did you mean `whyflat train`?"),
        (["lr_rang"], "unknown verb 'lr-rang'; did you mean `whyflat lr-range`?"),
        (["xyzzy"], "unknown verb 'xyzzy'; known are train, diagnose, "),
        (["help", "tran"], "did you mean `whyflat train`?"),
        (["--seed=3"], "the verb comes first, as in `whyflat train --seed=3`"),
    ],
)
def test_a_misspelt_verb_is_one_line_and_exit_code_2(whyflat, arguments, message):
    done = whyflat(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_in_both_spellings(whyflat, verb):
    done = whyflat(verb, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"whyflat {verb}" in done.stdout
    assert "--flagfile=FILE" in done.stdout
    again = whyflat("help", verb.replace("-", "_"))
    assert (again.returncode, again.stdout) == (0, done.stdout)


@pytest.mark.extended
def test_what_fails_keeps_its_exit_code(whyflat):
    assert whyflat("schedule", "cosin").returncode == 2
    assert whyflat("schedule", "cosine", "--total_steps=9").returncode == 0


def test_modules_of_the_current_folder_can_be_named(whyflat, tmp_path):
    (tmp_path / "folder" / "nets.py").write_text("def net(shape, classes, *, a): 0")
    done = whyflat("train", "--model=nets:net(b=1)")
    assert done.returncode == 2
    assert "its arguments are net(*, a)" in done.stderr


def test_a_folder_experiments_of_the_users_can_be_named(whyflat, tmp_path):
    package = tmp_path / "folder" / "experiments"
    package.mkdir()
    (package / "nets.py").write_text("def net(shape, classes, *, a): 0")
    done = whyflat("train", "--model=experiments.nets:net(b=1)")
    assert "its arguments are net(*, a)" in done.stderr
    ours = "experiments.static_accuracy.networks:frozen(b=1)"
    assert "its arguments are frozen(" in whyflat("train", f"--model={ours}").stderr


@pytest.mark.parametrize("name", ["experiments", "framework", "numpy", "tests"])
def test_a_folder_of_the_users_hides_no_package(whyflat, tmp_path, name):
    package = tmp_path / "folder" / name
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('the wrong package')")
    done = whyflat("train", "--seed=-1")
    assert done.returncode == 2
    assert done.stderr == "error: --seed must be from 0 to 2**32 - 1, not -1\n"


@pytest.mark.extended
@pytest.mark.parametrize(
    ("module", "verb"),
    [
        ("experiments.train", "train"),
        ("experiments.lr_range", "lr-range"),
        ("experiments.selfcheck", "selfcheck"),
        ("experiments.tpu_check", "tpu-check"),
        ("framework.schedules", "schedule"),
        ("framework.augment", "augment"),
        ("framework.diagnose", "diagnose"),
    ],
)
def test_the_modules_are_the_same_commands(whyflat, module, verb):
    command = [sys.executable, "-m", module, "--help"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "COLUMNS": "80"},
    )
    assert (done.returncode, done.stdout) == (0, whyflat(verb, "--help").stdout)
