"""Tests of framework/data/tfds.py."""

import sys

import numpy as np
import pytest

from framework.data import tfds as tfds_lib
from framework.data.split import Split
from framework.data.tfds import tfds
from framework.errors import UsageError


def test_a_missing_library_is_one_line(monkeypatch):
    # None in sys.modules makes an import fail.
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(UsageError, match=r"pip install 'whyflat\[tfds\]'") as caught:
        tfds("cifar10")
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def catalogue():
    """Adds data sets to the catalogue that need no network."""
    library = pytest.importorskip("tensorflow_datasets")

    class Stripes(library.core.GeneratorBasedBuilder):
        VERSION = library.core.Version("1.0.0")
        SHAPE = (4, 6, 3)
        SPLITS = (("train", 6), ("test", 4))

        def _info(self):
            image = library.features.Image(shape=self.SHAPE, dtype=np.uint8)
            label = library.features.ClassLabel(names=["left", "right"])
            features = library.features.FeaturesDict({"image": image, "label": label})
            return library.core.DatasetInfo(
                builder=self, features=features, supervised_keys=("image", "label")
            )

        def _split_generators(self, manager):
            return {name: self._examples(n) for name, n in self.SPLITS}

        def _generate_examples(self):
            raise NotImplementedError

        def _examples(self, count):
            for key in range(count):
                image = np.full((4, 6, 3), 10 * key, np.uint8)
                yield key, {"image": image, "label": key % 2}

    class ManySizes(Stripes):
        SHAPE = (None, None, 3)

    class Three(Stripes):
        SPLITS = (("train", 6), ("validation", 5), ("test", 4))

    class TrainOnly(Stripes):
        SPLITS = (("train", 6),)

    return library


@pytest.mark.usefixtures("catalogue")
def test_reads_train_and_test(tmp_path):
    dataset = tfds("stripes", data_dir=str(tmp_path))
    assert dataset.class_names == ("left", "right")
    assert dataset.train.images.shape == (6, 4, 6, 3)
    assert dataset.validation.images.shape == (4, 4, 6, 3)
    for split in (dataset.train, dataset.validation):
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int32
        values = split.images[:, 0, 0, 0]
        np.testing.assert_array_equal(split.labels, values // 10 % 2)
        assert sorted(values) == [10 * key for key in range(len(split))]


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(("resize", "row"), [("squash", 0), ("pad", 1)])
def test_images_of_many_sizes_are_resized(tmp_path, resize, row):
    whole = tfds("stripes", data_dir=str(tmp_path))
    dataset = tfds("many_sizes", data_dir=str(tmp_path), size=(4, 3), resize=resize)
    for name, count in (("train", 6), ("validation", 4)):
        split, same = getattr(dataset, name), getattr(whole, name)
        assert split.images.shape == (count, 4, 3, 3)
        assert split.images.dtype == np.uint8
        # One colour each, but for the bars.
        np.testing.assert_array_equal(split.images[:, row], same.images[:, 0, :3])
        np.testing.assert_array_equal(split.labels, same.labels)
    assert np.any(dataset.train.images[:, 0]) == (resize == "squash")
    assert dataset.resize == resize


def test_refuses_wrong_sizes():
    for arguments, message in (
        ({"size": -1}, "size must"),
        ({"resize": "x"}, "resize"),
    ):
        with pytest.raises(UsageError, match=message):
            tfds("cifar10", **arguments)


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(("held_out", "count"), [("", 5), ("test", 4)])
def test_chooses_the_validation_split(tmp_path, held_out, count):
    dataset = tfds("three", data_dir=str(tmp_path), validation_split=held_out)
    assert len(dataset.validation) == count
    # What is validated on is not the untouched test part.
    assert (dataset.test is None) == (held_out == "test")
    assert dataset.test is None or len(dataset.test) == 4


@pytest.mark.usefixtures("catalogue")
def test_secret_labels_are_no_test_part(tmp_path, monkeypatch):
    whole = tfds_lib._read

    def read(library, builder, size, resize, split):
        images = whole(library, builder, size, resize, split)
        labels = np.full_like(images.labels, -1) if split == "test" else images.labels
        return Split(images.images, labels)

    monkeypatch.setattr(tfds_lib, "_read", read)
    assert tfds("three", data_dir=str(tmp_path)).test is None


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("many_sizes", r"many sizes.* tfds\('many_sizes', size=64\)"),
        ("train_only", "no split 'test'; it has train"),
        ("no_such_set", "no_such_set"),
        ("a b", "Parsing"),
    ],
)
def test_refuses(tmp_path, name, message):
    with pytest.raises(UsageError, match=message) as caught:
        tfds(name, data_dir=str(tmp_path))
    assert "\n" not in str(caught.value)
