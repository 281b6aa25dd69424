"""Tests of framework/augment/preview.py and of its command line."""

import io

import numpy as np
import pytest

from framework import augment
from framework.augment import preview
from framework.config import Config
from framework.data.split import Split
from framework.launch.run import run


@pytest.fixture
def split():
    images = np.random.default_rng(0).integers(0, 256, (50, 6, 7, 3)).astype(np.uint8)
    return Split(images, np.zeros(50, np.int32))


def test_each_image_precedes_its_augmented_versions(split):
    rows = preview.samples(augment.build("flip"), split, 0)
    assert len(rows) == 4
    for row, index in zip(rows, (0, 16, 32, 49), strict=True):
        assert row.shape == (9, 6, 7, 3)
        image = split.images[index]
        np.testing.assert_array_equal(row[0], image)
        assert {version.tobytes() for version in row[1:]} <= {
            image.astype(np.float32).tobytes(),
            image[:, ::-1].astype(np.float32).tobytes(),
        }


def test_mixed_images_contain_their_partner(split):
    rows = preview.samples(augment.build("mixup(1.)"), split, 0)
    first, second = rows[0], rows[1]
    for mixed in first[1:]:
        own = (mixed - second[0]) / np.where(
            first[0] == second[0], 1, first[0] - second[0]
        )
        own = own[first[0] != second[0]]
        assert np.ptp(own) < 1e-2
        assert 0 <= own.mean() <= 1


def test_without_augmentation_there_are_no_samples(split):
    assert preview.samples(None, split, 0) == []


@pytest.fixture
def draw(command):
    return lambda *arguments: command("framework.augment", *arguments)


def test_the_command_draws_a_grid(draw, tmp_path):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "a.png"
    completed = draw("rotate(20) + flip", "--dataset=digits", f"--png={path}")
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout == f"{path}: 4 images, each with 8 augmentations\n"
    width, height = image.open(io.BytesIO(path.read_bytes())).size
    assert 2 < width / height < 2.6


@pytest.mark.extended
def test_tensorboard_shows_the_image_of_the_command(draw, tmp_path):
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    augmentation, path = "rotate(20) + zoom(.2) + mixup", tmp_path / "a.png"
    completed = draw(augmentation, "--dataset=digits", "--seed=3", f"--png={path}")
    assert completed.returncode == 0, completed.stderr
    folder = tmp_path / "run"
    changes = {"dataset": "digits", "augment": augmentation, "seed": 3}
    run(Config(model="mlp", train_for="1ep", workdir=str(folder), **changes))
    shown = [
        value.tensor.string_val[2]
        for file in (folder / "train").iterdir()
        for event in EventFileLoader(str(file)).Load()
        for value in event.summary.value
        if value.tag == "images/augmented"
    ]
    assert shown == [path.read_bytes()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flip"], "give one augmentation and a file"),
        (["--png=a.png"], "give one augmentation and a file"),
        (["flipp", "--png=a.png"], "did you mean flip"),
        (["flip", "--png=a.png", "--dataset=digit"], "did you mean digits"),
        (["erase(scale=(1,))", "--png=a.png"], "scale must be two numbers above 0"),
        (["invert", "--png=a.png", "--dataset=noise"], "invert needs images of bytes"),
        (["flip", "--png=a.png", "--sed=1"], "Unknown command line flag"),
    ],
)
def test_the_command_refuses_in_one_line(draw, arguments, message, tmp_path):
    completed = draw(*arguments)
    assert completed.returncode == 2
    assert message in completed.stderr
    assert "Traceback" not in completed.stderr
