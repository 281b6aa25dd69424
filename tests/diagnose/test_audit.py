"""Tests of framework/diagnose/audit.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.data.dataset import Dataset
from framework.data.drawn import drawn_flowers
from framework.data.folder import folder
from framework.data.split import Split
from framework.diagnose.audit import audit, galleries_of
from framework.diagnose.core.embedding import Embedding
from framework.diagnose.report.data_problems import (
    EXACT,
    LABEL,
    NEAR,
    ODD,
    UNREADABLE,
)
from framework.errors import RunError, UsageError


@pytest.fixture(scope="module")
def flowers():
    return drawn_flowers(train=260, validation=60, size=32)


def changed(flowers, train=None, validation=None, labels=None):
    """Returns flowers of which some images or training labels are others."""
    splits = []
    for split, images in ((flowers.train, train), (flowers.validation, validation)):
        copy = split.images.copy()
        for row, image in (images or {}).items():
            copy[row] = image
        splits.append(Split(copy, split.labels.copy()))
    for row, label in (labels or {}).items():
        splits[0].labels[row] = label
    return Dataset("flowers", *splits, flowers.class_names)


def of_kind(result, kind):
    return [each for each in result.problems if each.kind == kind]


def test_images_of_several_labels():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (12, 16, 16, 3)).astype(np.uint8)
    labels = np.zeros((12, 3), np.int32)
    labels[:4] = [[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0]]
    labels[8:, 2] = 1
    images[1], images[3] = images[0], images[2]
    split, other = Split(images[:8], labels[:8]), Split(images[8:], labels[8:])
    result = audit(Dataset("tags", split, other, ("a", "b", "c")))
    assert "doubtful labels: not applicable, since images have several" in str(result)
    pairs = {(each.place.label, each.other.label) for each in of_kind(result, EXACT)}
    assert pairs == {("a", "a + b"), ("no class", "no class")}
    assert not of_kind(result, LABEL)


@pytest.mark.extended
def test_nothing_is_listed_twice_nor_of_healthy_images(flowers):
    result = audit(flowers)
    assert result.counts == {"train": 260, "validation": 60}
    assert {each.kind for each in result.problems} <= {LABEL}


@pytest.mark.extended
def test_duplicates_within_and_across_the_splits(flowers):
    images, labels = flowers.train.images, flowers.train.labels
    other = int(np.flatnonzero(flowers.validation.labels != labels[1])[0])
    same = int(np.flatnonzero(labels == labels[2])[-1])
    result = audit(
        changed(
            flowers,
            train={same: images[2]},
            validation={other: images[1], 50: images[5, :, ::-1]},
        )
    )
    first, second = of_kind(result, EXACT)
    assert (first.place.image, first.other.image) == ("1", str(other))
    assert (first.is_across, first.labels_differ) == (True, True)
    assert (second.place.image, second.other.image) == ("2", str(same))
    assert (second.is_across, second.labels_differ) == (False, False)
    (mirrored,) = of_kind(result, NEAR)
    assert (mirrored.place.image, mirrored.other.image) == ("5", "50")
    assert (mirrored.is_across, mirrored.note) == (True, "mirrored")
    assert "exact duplicates: 2 pairs, 1 across the splits" in str(result)
    equal = next(each for each in result.galleries if each.title == "Equal images")
    assert [len(each.pictures) for each in equal.items] == [2, 2]
    assert equal.items[0].pictures[0].uri == equal.items[0].pictures[1].uri


@pytest.mark.extended
def test_blank_images_and_wrong_labels(scans):
    labels = scans.train.labels.copy()
    rows = np.arange(20)
    labels[rows] = (labels[rows] + 5) % 10
    train = Split(scans.train.images.copy(), labels)
    train.images[40] = 0
    result = audit(Dataset("d", train, scans.validation, scans.class_names))
    assert [each.place.image for each in of_kind(result, ODD)] == ["40"]
    doubtful = of_kind(result, LABEL)
    found = {int(each.place.image) for each in doubtful if each.place.split == "train"}
    assert len(found & set(rows.tolist())) >= 16
    right = scans.train.labels[int(doubtful[0].place.image)]
    assert doubtful[0].note == f"similar images are {right}"


@pytest.mark.parametrize("channels", [0, 1])
def test_galleries_of_arrays(context, scans, channels):
    validation = scans.validation.take(np.arange(100))
    copies = np.concatenate([validation.images[:3], scans.train.images[3:300]])
    train = Split(
        copies, np.concatenate([validation.labels[:3], scans.train.labels[3:300]])
    )
    splits = [
        Split(each.images[..., 0] if not channels else each.images / 16.0, each.labels)
        for each in (train, validation)
    ]
    (equal,) = [
        each for each in galleries_of(context(*splits)) if each.title == "Equal images"
    ]
    assert equal.total == 3


def test_rows_of_numbers_have_no_galleries(context, scans):
    flat = [
        Split(each.images.reshape(len(each), -1), each.labels)
        for each in (scans.train, scans.validation)
    ]
    assert galleries_of(context(*flat)) == ()


@pytest.fixture
def files(tmp_path, flowers):
    """A folder of 40 readable images in two classes."""
    for row, image in enumerate(flowers.train.images[:40]):
        place = tmp_path / "ab"[row % 2]
        place.mkdir(exist_ok=True)
        (place / f"{row:02}.png").write_bytes(tf.io.encode_png(image).numpy())
    return tmp_path


@pytest.mark.extended
def test_files_that_cannot_be_read_and_wrong_suffixes(files, flowers):
    (files / "a" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    image = tf.io.encode_jpeg(flowers.train.images[50]).numpy()
    (files / "b" / "photo.png").write_bytes(image)
    before = sorted(files.rglob("*"))
    result = audit(folder(str(files), size=32))
    assert sorted(files.rglob("*")) == before
    (torn,) = of_kind(result, UNREADABLE)
    assert torn.place.image == str(files / "a" / "torn.jpg")
    assert torn.note.startswith("is not a complete JPEG file")
    (odd,) = of_kind(result, ODD)
    assert odd.note == "a JPEG file with the suffix .png"
    assert sum(result.counts.values()) == 41


def test_notes_of_the_data_set_are_told(files):
    (files / "a" / "notes.txt").write_text("not an image")
    assert "1 entries of" in str(audit(folder(str(files), size=32)))


def test_no_image_can_be_read(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for row in range(4):
            (tmp_path / name / f"{row}.jpg").write_bytes(b"nothing")
    with pytest.raises(RunError, match="no image can be read"):
        audit(folder(str(tmp_path)))


def test_labels_are_judged_by_an_embedding(flowers):
    eye = np.eye(5, dtype=np.float32)
    every = [flowers.train, flowers.validation]
    names = {
        image.tobytes(): label
        for split in every
        for image, label in zip(split.images, split.labels, strict=True)
    }
    embedding = Embedding(
        lambda images: np.stack([eye[names[each.tobytes()]] for each in images]), "own"
    )
    wrong = {3: (flowers.train.labels[3] + 1) % 5}
    result = audit(changed(flowers, labels=wrong), embedding=embedding)
    assert [each.place.image for each in of_kind(result, LABEL)] == ["3"]
    assert "labels are judged by 5 features of own" in str(result)


def test_an_embedding_that_does_not_fit_is_an_error(flowers):
    with pytest.raises(UsageError, match="must return features"):
        audit(flowers, embedding=Embedding(lambda images: images, "own"))
