"""Tests of framework/data/cache.py."""

import os
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from framework.data import cache
from framework.data.files import Files
from framework.data.split import LazySplit, Split
from framework.errors import RunError


def ignore(done, total):
    """Ignores progress."""


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that are decoded, in order."""
    names, read = [], Files._read

    def counted(files):
        names.extend(os.path.basename(path) for path in files.paths)
        return read(files)

    monkeypatch.setattr(Files, "_read", counted)
    return names


@pytest.fixture
def place(tmp_path):
    return tmp_path / "kept" / "images"


def write(folder, name, shade):
    folder.mkdir(exist_ok=True)
    Image.new("L", (5, 4), shade).save(folder / name)
    return str(folder / name)


@pytest.fixture
def split(tmp_path):
    paths = [write(tmp_path / "files", f"{n}.png", n * 10) for n in range(6)]
    return LazySplit(Files(tuple(paths), (3, 4)), np.arange(6, dtype=np.int32))


def opened(place, *splits, progress=ignore):
    return cache.cached(splits, str(place), progress)


def shades(split):
    return split.in_memory(ignore).images[:, 0, 0, 0].tolist()


def test_the_second_run_decodes_nothing(split, place, decoded):
    train, validation = split.take(np.array([4, 0, 2])), split.take(np.array([1, 3]))
    done = []
    parts = opened(place, train, validation, progress=lambda *now: done.append(now))
    assert done == [(5, 5)]
    assert sorted(decoded) == [f"{n}.png" for n in range(5)]
    for _ in range(2):
        assert shades(parts[0]) == [40, 0, 20]
        assert shades(parts[1].take(np.array([1]))) == [30]
        # Another division of the same files: a fold, or another seed.
        parts = opened(place, train, validation)
        assert shades(opened(place, split.take(np.array([3, 0])))[0]) == [30, 0]
    assert len(decoded) == 5
    np.testing.assert_array_equal(
        parts[0].in_memory(ignore).images, train.in_memory(ignore).images
    )
    assert parts[0].paths == train.paths
    assert (parts[0].shape, parts[0].dtype) == (train.shape, train.dtype)


def test_streamed_images_are_those_of_the_files(split, place, decoded):
    (kept,) = opened(place, split)
    before = len(decoded)
    dataset = tf.data.Dataset.range(6).map(kept.image_reader())
    assert dataset.element_spec == tf.TensorSpec((3, 4, 3), tf.uint8)
    images = np.stack(list(dataset.as_numpy_iterator()))
    assert len(decoded) == before
    np.testing.assert_array_equal(images, split.in_memory(ignore).images)


def test_changed_and_new_files_are_decoded_and_others_kept(
    tmp_path, split, place, decoded
):
    opened(place, split)
    decoded.clear()
    changed = write(tmp_path / "files", "3.png", 77)
    # As large as before, and changed within the resolution of the clock.
    os.utime(changed, ns=(1, 1))
    new = write(tmp_path / "files", "6.png", 60)
    files = Files((*split.paths, new), (3, 4))
    larger = LazySplit(files, np.arange(7, dtype=np.int32))
    assert shades(opened(place, larger)[0]) == [0, 10, 20, 77, 40, 50, 60]
    assert decoded == ["3.png", "6.png"]
    os.remove(new)
    assert shades(opened(place, split)[0]) == [0, 10, 20, 77, 40, 50]
    assert len(decoded) == 2
    assert len(list(place.iterdir())) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"size": (4, 3)},
        pytest.param({"channels": 1}, marks=pytest.mark.extended),
        pytest.param({"resize": "pad"}, marks=pytest.mark.extended),
    ],
)
def test_other_settings_are_another_cache(split, place, decoded, change):
    opened(place, split)
    fields = {"size": (3, 4), "channels": 3, "resize": "squash", **change}
    other = LazySplit(Files(split.paths, **fields), split.labels)
    (kept,) = opened(place, other)
    assert len(decoded) == 12
    np.testing.assert_array_equal(
        kept.in_memory(ignore).images, other.in_memory(ignore).images
    )


@pytest.mark.parametrize("damage", ["", "half", "index", "magic"])
def test_a_damaged_cache_is_written_again(split, place, decoded, damage):
    opened(place, split)
    (path,) = place.iterdir()
    content = bytearray(path.read_bytes())
    if damage in ("", "half"):
        content = content[: len(content) // 2 * bool(damage)]
    else:
        content[-60 if damage == "index" else -1] ^= 1
    path.write_bytes(content)
    assert shades(opened(place, split)[0]) == list(range(0, 60, 10))
    assert len(decoded) == 12


def test_a_cache_that_another_process_replaces_stays_open(tmp_path, split, place):
    """Its rows are those of the file that was opened, not of its successor."""
    (kept,) = opened(place, split)
    write(tmp_path / "files", "0.png", 200)
    os.utime(tmp_path / "files/0.png", ns=(1, 1))
    (other,) = opened(place, split.take(np.array([5, 0])))
    assert shades(other) == [50, 200]
    assert int(kept.images.element(tf.constant(0))[0, 0, 0]) == 0
    assert shades(kept) == list(range(0, 60, 10))


def test_two_processes_at_once_leave_one_whole_cache(split, place, monkeypatch):
    """The second one writes while the first one decodes."""
    each = Files.each

    def interrupted(files, progress):
        monkeypatch.setattr(Files, "each", each)
        assert shades(opened(place, split)[0]) == list(range(0, 60, 10))
        return each(files, progress)

    monkeypatch.setattr(Files, "each", interrupted)
    assert shades(opened(place, split)[0]) == list(range(0, 60, 10))
    assert [path.suffix for path in place.iterdir()] == [".images"]


def test_a_full_disk_warns_and_goes_on(split, place, monkeypatch, caplog):
    usage = types.SimpleNamespace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with caplog.at_level("WARNING", logger="absl"):
        assert opened(place, split) == [split]
    assert "more than half of the 0.0 GiB that are free" in caplog.text
    assert "--cache=off" in caplog.text
    assert not list(place.iterdir())


def test_a_place_that_is_no_folder_warns_and_goes_on(tmp_path, split, caplog):
    (tmp_path / "file").write_text("")
    with caplog.at_level("WARNING", logger="absl"):
        assert opened(tmp_path / "file", split) == [split]
    assert "decoded images are not kept" in caplog.text


def test_a_file_that_cannot_be_decoded_leaves_nothing(tmp_path, split, place):
    (tmp_path / "files/2.png").write_bytes(b"no image")
    with pytest.raises(RunError, match=r"2.png is not a complete image file"):
        opened(place, split)
    assert not list(place.iterdir())


def test_what_a_killed_process_has_left_is_deleted(split, place):
    opened(place, split.take(np.array([0])))
    (path,) = place.iterdir()
    left, active = (path.with_name(f"{path.name}.{n}.tmp") for n in "ab")
    for file in (left, active):
        file.write_bytes(b"half")
    os.utime(left, (0, 0))
    opened(place, split)
    assert sorted(place.iterdir()) == [path, active]


def test_off_and_arrays_write_nothing(tmp_path, split, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    arrays = Split(np.zeros((1, 2, 2, 1), np.uint8), np.zeros(1, np.int32))
    assert opened("off", split) == [split]
    assert opened("auto", arrays) == [arrays]
    assert not (tmp_path / "xdg").exists()
    opened("auto", split)
    assert [path.suffix for path in (tmp_path / "xdg/whyflat").iterdir()] == [".images"]


def test_the_default_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.folder("auto") == tmp_path / ".cache/whyflat"
    assert cache.folder("~/x") == tmp_path / "x"
