"""Tests of framework/data/folder.py."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from framework.data.folder import folder, image_files
from framework.errors import RunError, UsageError

UNREADABLE = b"\xff\xd8\xff this is no image"


def photograph(seed=0, size=(12, 9)):
    """Returns a smooth image, which survives JPEG compression."""
    generator = np.random.Generator(np.random.PCG64(seed))
    coarse = generator.integers(0, 256, (3, 3, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encoded(image, kind):
    content = io.BytesIO()
    image.save(content, kind)
    return content.getvalue()


def write(root, counts, kind="JPEG", suffix=".jpg"):
    """Writes a number of images into each folder."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for index in range(count):
            content = encoded(photograph(seed=len(name) * 100 + index), kind)
            (root / name / f"{index:03}{suffix}").write_bytes(content)
    return root


def ignore(done, total):
    """Ignores progress."""


def names_of(split, root):
    return [path.removeprefix(f"{root}/") for path in split.images.paths]


def test_divides_a_folder_of_classes(tmp_path):
    write(tmp_path, {"b": 10, "a": 20, "C": 5})
    dataset = folder(str(tmp_path), size=8)
    assert dataset.class_names == ("C", "a", "b")
    assert dataset.image_shape == (8, 8, 3)
    assert np.bincount(dataset.train.labels).tolist() == [4, 16, 8]
    assert np.bincount(dataset.validation.labels).tolist() == [1, 4, 2]
    assert dataset.notes == ()
    both = []
    for split in (dataset.train, dataset.validation):
        names = names_of(split, tmp_path)
        assert split.labels.dtype == np.int32
        assert [dataset.class_names.index(name[0]) for name in names] == list(
            split.labels
        )
        both += names
    assert len(set(both)) == 35


def test_division_depends_on_the_seed(tmp_path):
    write(tmp_path, {"a": 20, "b": 20})
    once, again, other = (
        folder(str(tmp_path), seed=seed).validation.images.paths for seed in (0, 0, 1)
    )
    assert once == again
    assert once != other


@pytest.mark.parametrize("held_out", ["validation", "val", "valid", "test"])
def test_takes_a_division_that_is_there(tmp_path, held_out):
    write(tmp_path / "train", {"a": 3, "b": 2})
    write(tmp_path / held_out, {"a": 1, "b": 2})
    dataset = folder(str(tmp_path))
    assert len(dataset.train) == 5
    assert names_of(dataset.validation, tmp_path / held_out) == [
        "a/000.jpg",
        "b/000.jpg",
        "b/001.jpg",
    ]
    assert dataset.validation.labels.tolist() == [0, 1, 1]
    # The user must notice that a test set is used for validation.
    assert len(dataset.notes) == (held_out != "validation")


def test_prefers_validation_to_test(tmp_path):
    for name in ("train", "test", "validation"):
        write(tmp_path / name, {"a": 1, "b": 1})
    assert "validation/a" in folder(str(tmp_path)).validation.images.paths[0]


def test_a_test_folder_beside_both_is_the_test_part(tmp_path):
    for name, count in (("train", 3), ("validation", 1), ("test", 2)):
        write(tmp_path / name, {"a": count, "b": count})
    dataset = folder(str(tmp_path), size=8)
    assert names_of(dataset.test, tmp_path)[0] == "test/a/000.jpg"
    assert dataset.test.labels.tolist() == [0, 0, 1, 1]
    assert (dataset.is_test_drawn, dataset.notes) == (False, ())
    shutil.rmtree(tmp_path / "validation")
    assert folder(str(tmp_path), size=8).test is None


def test_a_test_folder_without_classes_is_not_used(tmp_path):
    for name in ("train", "val"):
        write(tmp_path / name, {"a": 2, "b": 2})
    (tmp_path / "test").mkdir()
    shutil.copy(tmp_path / "train/a/000.jpg", tmp_path / "test/1.jpg")
    dataset = folder(str(tmp_path), size=8)
    assert dataset.test is None
    assert (
        dataset.notes[1]
        == f"'{tmp_path / 'test'}' has no class folders and is not used"
    )


def test_a_test_folder_of_other_classes_is_refused(tmp_path):
    for name in ("train", "validation"):
        write(tmp_path / name, {"a": 2, "b": 2})
    write(tmp_path / "test", {"a": 2, "c": 2})
    with pytest.raises(RunError, match=r"'b' is in 'train' but not in 'test'.*rename"):
        folder(str(tmp_path), size=8)


def test_a_class_may_be_called_train(tmp_path):
    write(tmp_path, {"plane": 5, "train": 5})
    (tmp_path / "train/.cache").mkdir()
    assert folder(str(tmp_path)).class_names == ("plane", "train")


def test_ignores_other_files_and_counts_them(tmp_path):
    write(tmp_path, {"a": 5, "b": 5})
    shutil.copy(tmp_path / "a/000.jpg", tmp_path / "a/._000.jpg")
    (tmp_path / "a/Thumbs.db").write_bytes(b"")
    (tmp_path / "b/deeper.jpg").mkdir()
    (tmp_path / ".cache").mkdir()
    (tmp_path / "LICENCE").write_text("free")
    dataset = folder(str(tmp_path))
    assert dataset.class_names == ("a", "b")
    assert len(dataset.train) + len(dataset.validation) == 10
    assert len(dataset.notes) == 1
    assert dataset.notes[0].startswith("5 entries of")
    assert dataset.notes[0].endswith(
        "ignored: 2 hidden, 1 .db, 1 folder, 1 without suffix"
    )


def test_says_how_many_images_are_too_deep(tmp_path):
    write(tmp_path, {"a": 5, "b": 5, "b/deeper": 3})
    (note,) = folder(str(tmp_path)).notes
    assert note.endswith(
        "ignored: 1 folder; 3 images are in folders inside the folder of a class"
    )


@pytest.mark.parametrize("place", ["a/new.heic", "a/new", "new.heic"])
def test_an_image_that_would_be_ignored_is_an_error(tmp_path, place):
    write(tmp_path, {"a": 5, "b": 5})
    shutil.copy(tmp_path / "a/000.jpg", tmp_path / place)
    for read in (folder, lambda path: image_files(tmp_path)):
        with pytest.raises(RunError, match=rf"{place} is a"):
            read(str(tmp_path))


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".JpEg", ".PNG", ".webp", ".tiff"])
def test_takes_these_names_of_files(tmp_path, suffix):
    write(tmp_path, {"a": 3, "b": 3}, "PNG", suffix)
    dataset = folder(str(tmp_path), size=4, validation=0.4)
    # The content of a file counts, not its name.
    assert dataset.train.in_memory(ignore).images.shape == (4, 4, 4, 3)


def test_names_need_not_be_ascii(tmp_path):
    write(tmp_path, {"rosé": 3, "日本 blue": 3}, suffix=" é.jpg")
    dataset = folder(str(tmp_path), size=4, validation=0.4)
    assert dataset.class_names == ("rosé", "日本 blue")
    dataset.train.in_memory(ignore)


@pytest.mark.parametrize(
    ("counts", "options", "error", "message"),
    [
        (None, {}, UsageError, "does not exist"),
        ({}, {}, UsageError, "has no folders in it; each class must have its own"),
        ({".hidden": 3}, {}, UsageError, "has no folders in it"),
        ({"a": 3, "empty": 0, "c": 0}, {}, RunError, "no readable images of 'c', 'em"),
        ({"a": 0, "b": 0}, {}, RunError, r"no image files in its folders \(.jpg"),
        ({"alone": 3}, {}, RunError, "has only one class, 'alone'; add another"),
        ({"train/a": 3, "train/b": 3}, {}, UsageError, "'train' but none of valid"),
        (
            {"train/a": 1, "train/b": 1, "test": 3},
            {},
            UsageError,
            "/test' has no folders in it",
        ),
        (
            {"train/a": 1, "train/b": 1, "val/a": 1},
            {},
            RunError,
            "has only one class, 'a'",
        ),
        (
            {"train/a": 1, "train/b": 1, "val/a": 1, "val/B": 1},
            {},
            RunError,
            "class 'B' is in 'val' but not in 'train'",
        ),
        (
            {"train/a": 1, "train/b": 1, "train/c": 1, "test/a": 1, "test/b": 1},
            {},
            RunError,
            "class 'c' is in 'train' but not in 'test'",
        ),
        ({"a": 2, "b": 2}, {}, UsageError, "validation=0.2 of 4 images leaves no"),
        ({"a": 2, "b": 2}, {"validation": 0}, UsageError, "validation must be between"),
        ({"a": 2, "b": 2}, {"validation": 1.0}, UsageError, "between 0 and 1, not 1.0"),
        ({"a": 2, "b": 2}, {"size": 0}, UsageError, r"or \(height, width\), not 0"),
        ({"a": 2, "b": 2}, {"size": (4, 5, 6)}, UsageError, r"not \(4, 5, 6\)"),
        ({"a": 2, "b": 2}, {"size": 8.0}, UsageError, "size must be pixels"),
        ({"a": 2, "b": 2}, {"size": "8"}, UsageError, "size must be pixels"),
        ({"a": 2, "b": 2}, {"channels": 4}, UsageError, "channels must be 1 or 3"),
        ({"a": 2, "b": 2}, {"resize": "fill"}, UsageError, "resize must be squash, c"),
    ],
)
def test_refuses(tmp_path, counts, options, error, message):
    root = tmp_path / "images"
    if counts is not None:
        root.mkdir()
        write(root, counts)
    with pytest.raises(error, match=message) as caught:
        folder(str(root), **options)
    assert "\n" not in str(caught.value)


def test_refuses_a_file(tmp_path):
    (tmp_path / "some.zip").write_bytes(b"")
    with pytest.raises(UsageError, match=r"some.zip' is not a folder"):
        folder(str(tmp_path / "some.zip"))


def test_notes_classes_without_images_to_validate_on(tmp_path):
    write(tmp_path, {"a": 10, "rare": 2})
    dataset = folder(str(tmp_path))
    assert dataset.validation.labels.tolist() == [0, 0]
    assert dataset.notes == ("there are no validation images of 'rare'",)


def test_skips_corrupt_files_and_says_so(tmp_path, caplog):
    write(tmp_path, {"a": 30, "b": 10})
    bad = [f"a/{index:03}.jpg" for index in range(0, 24, 2)]
    for name in bad:
        (tmp_path / name).write_bytes(UNREADABLE)
    with caplog.at_level("WARNING", logger="absl"):
        dataset = folder(str(tmp_path), size=4, skip_corrupt=True)
    left = names_of(dataset.train, tmp_path) + names_of(dataset.validation, tmp_path)
    assert len(left) == 28
    assert not set(left) & set(bad)
    (note,) = dataset.notes
    assert note.startswith("12 unreadable files left out: ")
    assert note.count(".jpg") == 10
    assert note.endswith(", ...")
    for split in (dataset.train, dataset.validation):
        assert split.in_memory(ignore).images.shape == (len(split), 4, 4, 3)
        names = names_of(split, tmp_path)
        assert ["ab".index(name[0]) for name in names] == split.labels.tolist()


def test_skips_in_both_folders(tmp_path):
    for part in ("train", "validation"):
        write(tmp_path / part, {"a": 2, "b": 2})
        (tmp_path / part / "b/001.jpg").write_bytes(UNREADABLE)
    dataset = folder(str(tmp_path), skip_corrupt=True)
    assert dataset.train.labels.tolist() == dataset.validation.labels.tolist()
    assert dataset.train.labels.tolist() == [0, 0, 1]
    assert len(dataset.notes) == 2


def test_skipping_nothing_changes_nothing(tmp_path):
    write(tmp_path, {"a": 5, "b": 5})
    strict, lenient = (
        folder(str(tmp_path), skip_corrupt=skip) for skip in (False, True)
    )
    assert strict.train.images == lenient.train.images
    assert lenient.notes == ()


def test_refuses_a_class_that_is_all_corrupt(tmp_path):
    write(tmp_path, {"a": 5, "b": 2})
    for index in range(2):
        (tmp_path / f"b/{index:03}.jpg").write_bytes(UNREADABLE)
    with pytest.raises(RunError, match="has no readable images of 'b'"):
        folder(str(tmp_path), skip_corrupt=True)
