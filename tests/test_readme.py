"""Tests of README and documentation: what they show works as written."""

import inspect
import json
import pathlib
import re
import subprocess
import sys

import pytest

from framework.config import experiment

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMPONENTS = (ROOT / "docs/how-to/components.md").read_text()
MIGRATION = (ROOT / "docs/how-to/migration.md").read_text()


@pytest.mark.extended
def test_an_experiment_of_ones_own_outside_the_repository(tmp_path):
    program = re.search(r"tested as written.*?```python\n(.*?)```", COMPONENTS, re.S)[1]
    (tmp_path / "squares.py").write_text(program)
    command = [sys.executable, "squares.py", "--train_for=4ep", "--batch_size=16"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    lines = (tmp_path / "runs" / "squares" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["validation/accuracy"] > 0.9


def python_blocks(page):
    text = (ROOT / "docs" / page).read_text()
    return re.findall(r"(?ms)^```python\n(.*?)^```$", text)


def keras_names():
    """Returns the names that the guide for Keras users takes for granted."""
    import keras
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype("float32").reshape(-1, 8, 8, 1)
    layers = [keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y, vx, vy = images[:1400], labels[:1400], images[1400:], labels[1400:]
    return {"model": model, "x": x, "y": y, "vx": vx, "vy": vy, "x_train": x[:64]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "names", "cause"),
    [
        ("tutorial.md", dict, "shuffled_labels"),
        ("how-to/keras.md", keras_names, None),
        ("how-to/schedules.md", dict, None),
        ("how-to/python.md", dict, None),
    ],
)
def test_python_blocks_run(page, names, cause, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = names()
    for block in python_blocks(page):
        exec(compile(block, page, "exec"), namespace)
    if cause:
        first = namespace["diagnosis"].findings[0]
        assert (first.cause.name, first.status) == (cause, "confirmed")


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


def test_the_first_commands_are_the_one_that_the_picture_is_of():
    first, second = re.findall(r"```sh\n(.*?)\n```", README, re.S)[:2]
    assert second.endswith(f" .venv/bin/{first}")
    picture = (ROOT / "docs/draw_readme_picture.py").read_text()
    words = first.split()
    assert words[0] == "whyflat"
    assert ", ".join(f'"{word}"' for word in words[1:]) in picture
    assert words[words.index("--config") + 1] in experiment.names()


def test_one_line_is_the_test_command():
    lines = [line for line in README.splitlines() if line.endswith("pytest")]
    assert len(lines) == 1
    assert "-e '.[tests]'" in lines[0]


def test_it_is_short():
    assert len(README.splitlines()) <= 150
