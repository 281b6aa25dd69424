"""Tests of the README: what it shows works as written."""

import inspect
import json
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_an_experiment_of_ones_own_outside_the_repository(tmp_path):
    program = re.search(r"tested as written.*?```python\n(.*?)```", README, re.S)[1]
    (tmp_path / "squares.py").write_text(program)
    command = [sys.executable, "squares.py", "--train_for=4ep", "--batch_size=16"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    lines = (tmp_path / "runs" / "squares" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["validation/accuracy"] > 0.9


@pytest.mark.parametrize(
    "spec", re.findall(r"--(?:schedule|augment)='([^']+)'", README)
)
def test_the_specs_are_right(spec):
    from framework import augment, schedules

    build = schedules.build if "warmup" in spec else augment.build
    assert build(spec)


def rows_for_users_of_image_data_generator():
    after = README.partition("those who come from `ImageDataGenerator`")[2]
    lines = re.match(r".*?\n\n(.*?)\n\n", after, re.S)[1].splitlines()[2:]
    return [re.split(r" \| ", line.strip("| ")) for line in lines]


def test_each_argument_of_image_data_generator_has_a_row():
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    named = set(inspect.signature(ImageDataGenerator).parameters)
    left = " ".join(there for there, _ in rows_for_users_of_image_data_generator())
    assert named <= set(re.findall(r"\w+", left))


@pytest.mark.parametrize(
    "here", [here for _, here in rows_for_users_of_image_data_generator()]
)
def test_what_image_data_generator_does_is_written_as_the_table_says(here):
    from framework import augment
    from framework.augment import normalize

    build = normalize.parse if "--normalize" in here else augment.build
    for spec in re.findall(r"`(?:--normalize=)?'?([^-`'][^`']*)'?`", here):
        assert build(spec)


def test_the_first_command_is_the_experiment_of_the_default():
    first = re.search(r"```sh\n(.*?)\n```", README, re.S)[1]
    assert first.endswith(" .venv/bin/whyflat train")


def test_each_verb_that_is_shown_exists():
    from framework.commands import VERBS

    shown = set(re.findall(r"(?m)(?:^|`|/|until |  )whyflat ([\w-]+)", README))
    assert {"train", "diagnose", "schedule"} <= shown <= {*VERBS, "help", "VERB"}
