"""Tests of framework/data/indexed.py."""

import numpy as np
import pytest

from framework.config import Config
from framework.data.given import from_arrays
from framework.data.indexed import from_sources
from framework.errors import RunError
from framework.launch.run import run

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (24, 6, 7, 3), dtype=np.uint8)
LABELS = np.arange(24) % 3


class Source:
    """Counts what is read of an array."""

    def __init__(self, images=IMAGES):
        self.images = images
        self.reads = []

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        assert isinstance(index, int)
        self.reads.append(index)
        return self.images[index]


def test_images_are_read_when_they_are_needed():
    source = Source()
    dataset = from_sources(source, LABELS, IMAGES[:6], LABELS[:6], ["a", "b", "c"])
    assert dataset.train.shape == IMAGES.shape
    assert dataset.class_names == ("a", "b", "c")
    # The shape is that of the first.
    assert source.reads == [0]
    chosen = dataset.train.take(np.array([5, 2, 9])).take(np.array([2, 0]))
    assert chosen.labels.tolist() == [0, 2]
    np.testing.assert_array_equal(chosen.image_reader()(1), IMAGES[5])
    assert source.reads == [0, 5]
    progress = []
    loaded = chosen.in_memory(lambda *numbers: progress.append(numbers))
    np.testing.assert_array_equal(loaded.images, IMAGES[[9, 5]])
    assert progress == [(1, 2), (2, 2)]


def test_other_numbers_become_float32():
    dataset = from_sources(IMAGES / 255, LABELS, IMAGES / 255, LABELS)
    image = dataset.train.image_reader()(3).numpy()
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, (IMAGES[3] / 255).astype(np.float32))


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES[:5], LABELS[:4], "x_train has 5 images, and y_train 4 labels"),
        (IMAGES[..., 0], LABELS, r"must be \[height, width, channels\], not \(6, 7\)"),
    ],
)
def test_refuses_what_does_not_fit(images, labels, message):
    with pytest.raises(RunError, match=message):
        from_sources(images, labels, IMAGES, LABELS)


@pytest.mark.parametrize("other", [IMAGES[0, :5], IMAGES[0] / 255])
def test_an_image_unlike_the_first_is_named(other):
    source = [*IMAGES[:2], other]
    dataset = from_sources(source, LABELS[:3], IMAGES, LABELS)
    with pytest.raises(RunError, match="image 2 of the source is"):
        dataset.train.check()


@pytest.mark.extended
@pytest.mark.parametrize("place", ["memory", "stream"])
def test_a_run_has_the_numbers_of_the_same_arrays_and_resumes(tmp_path, place):
    def history(dataset, name, *lengths):
        for length in lengths:
            config = Config(
                model="mlp(units=(8,))",
                batch_size=5,
                train_for=length,
                input=place,
                workdir=str(tmp_path / name),
            )
            result = run(config, dataset=dataset, quiet=True)
        return result.history["validation/loss"].tolist()

    expected = history(from_arrays(IMAGES, LABELS, IMAGES, LABELS), "arrays", "3ep")
    dataset = from_sources(Source(), LABELS, Source(), LABELS)
    assert history(dataset, "whole", "3ep") == expected
    assert history(dataset, "resumed", "1ep", "3ep") == expected
