"""Tests of framework/commands/predict.py and of framework/commands/export.py."""

import csv

import numpy as np
import pytest
from PIL import Image

from framework.config import Config
from framework.launch.run import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    config = Config(
        model="mlp(units=())", batch_size=256, train_for="2ep", workdir=str(folder)
    )
    run(config, quiet=True)
    return folder


@pytest.fixture
def whyflat(command, tmp_path):
    (tmp_path / "script.py").write_text("from framework.commands import main\nmain()")

    def whyflat(*arguments):
        return command("script", *map(str, arguments), folder=tmp_path)

    return whyflat


def test_predictions_are_written_whole_or_not_at_all(whyflat, folder, tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    done = whyflat("predict", folder, "a.png", "--output=out.csv", "--top=2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    text = (tmp_path / "out.csv").read_text()
    header, row = csv.reader(text.splitlines())
    assert (len(header), row[0], len(row)) == (5, "a.png", 5)
    printed = whyflat("predict", folder, "a.png", "--top=2")
    assert printed.stdout == text
    done = whyflat("predict", folder, "a.png", "b.png", "-o", "out.csv")
    assert done.returncode == 2
    assert "there is no file or folder b.png" in done.stderr
    assert (tmp_path / "out.csv").read_text() == text


def test_an_image_that_cannot_be_read_is_code_1(whyflat, folder, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    done = whyflat("predict", folder, "bad.png")
    assert done.returncode == 1
    assert done.stdout.splitlines()[1] == "bad.png,,,,,,"
    assert "error: bad.png is not a complete image file (JPEG, PNG, " in done.stderr


@pytest.mark.parametrize("verb", ["predict", "export"])
def test_both_need_a_run_and_something_else(whyflat, folder, verb):
    done = whyflat(verb, folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "give the folder of a run and" in done.stderr


@pytest.mark.extended
def test_an_export_is_checked_in_a_fresh_process(whyflat, folder, tmp_path):
    done = whyflat("export", folder, "exported/digits")
    assert done.returncode == 0, done.stderr
    assert "checked in a fresh process on 100 random images" in done.stdout
    assert (tmp_path / "exported/digits/saved_model.pb").exists()
