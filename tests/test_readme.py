"""Tests of README and documentation: what they show works as written."""

import inspect
import json
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMPONENTS = (ROOT / "docs/how-to/components.md").read_text()
MIGRATION = (ROOT / "docs/how-to/migration.md").read_text()


def test_an_experiment_of_ones_own_outside_the_repository(tmp_path):
    program = re.search(r"tested as written.*?```python\n(.*?)```", COMPONENTS, re.S)[1]
    (tmp_path / "squares.py").write_text(program)
    command = [sys.executable, "squares.py", "--train_for=4ep", "--batch_size=16"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    lines = (tmp_path / "runs" / "squares" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["validation/accuracy"] > 0.9


def rows_for_users_of_image_data_generator():
    after = MIGRATION.partition("those who come from `ImageDataGenerator`")[2]
    lines = re.match(r".*?\n\n(.*?)\n\n", after, re.S)[1].splitlines()[2:]
    return [re.split(r" \| ", line.strip("| ")) for line in lines]


def test_each_argument_of_image_data_generator_has_a_row():
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    arguments = set(inspect.signature(ImageDataGenerator).parameters)
    listed = " ".join(there for there, _ in rows_for_users_of_image_data_generator())
    assert arguments <= set(re.findall(r"\w+", listed))


@pytest.mark.parametrize(
    "here", [here for _, here in rows_for_users_of_image_data_generator()]
)
def test_specs_in_the_image_data_generator_table_parse(here):
    from framework import augment
    from framework.augment import normalize

    build = normalize.parse if "--normalize" in here else augment.build
    for spec in re.findall(r"`(?:--normalize=)?'?([^-`'][^`']*)'?`", here):
        assert build(spec)


def test_the_first_command_is_the_experiment_of_the_default():
    first = re.search(r"```sh\n(.*?)\n```", README, re.S)[1]
    assert first.endswith(" .venv/bin/whyflat train")


def test_one_line_is_the_test_command():
    lines = [line for line in README.splitlines() if line.endswith("pytest")]
    assert len(lines) == 1
    assert "-e '.[tests]'" in lines[0]


def test_it_is_short():
    assert len(README.splitlines()) <= 150
