"""Tests of framework/launch/export.py."""

import errno
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.errors import UsageError
from framework.launch import export as export_lib
from framework.launch.export import export_model

IMAGES = np.arange(8, dtype=np.float32).reshape(2, 4)


class Halved:
    """A fake Normalizer."""

    variables = ()

    def __call__(self, images):
        return images / 2


def model(bias):
    result = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    result.layers[0].bias.assign([bias, 0.0, 0.0])
    return result


def probabilities(folder):
    actual = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return actual(tf.constant(IMAGES))["probabilities"].numpy()


def expected(some):
    return tf.nn.softmax(some(IMAGES / 2)).numpy()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """A model and the folder of its export."""
    folder, some = tmp_path_factory.mktemp("earlier") / "model", model(1.0)
    export_model(some, Halved(), folder)
    return some, folder


@pytest.fixture
def place(earlier, tmp_path):
    """A folder with a copy of the earlier model."""
    shutil.copytree(earlier[1], tmp_path / "out" / "model")
    return tmp_path / "out" / "model"


def no_exchange(monkeypatch):
    """Simulates a system that cannot exchange two folders atomically."""

    class Plain:
        def __init__(self, *args, **kwargs):
            pass

    monkeypatch.setattr(export_lib.ctypes, "CDLL", Plain)


def test_an_empty_folder_is_filled(earlier, tmp_path):
    (tmp_path / "model").mkdir()
    export_model(earlier[0], Halved(), str(tmp_path / "model"))
    np.testing.assert_array_equal(
        probabilities(tmp_path / "model"), expected(earlier[0])
    )
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_model_is_replaced(place, monkeypatch, can_exchange):
    if not can_exchange:
        no_exchange(monkeypatch)
    later = model(2.0)
    export_model(later, Halved(), place)
    np.testing.assert_array_equal(probabilities(place), expected(later))
    assert names(place.parent) == ["model"]


@pytest.mark.parametrize(
    "call", ["tf.saved_model.save", "os.fsync", "os.rename", "export_lib._exchange"]
)
def test_what_fails_leaves_the_earlier_model(place, earlier, monkeypatch, call):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    no_exchange(monkeypatch)
    owner, name = call.rsplit(".", 1)
    owner = {"os": os, "export_lib": export_lib}.get(owner, tf.saved_model)
    monkeypatch.setattr(owner, name, full)
    with pytest.raises(OSError, match="No space"):
        export_model(model(2.0), Halved(), place)
    np.testing.assert_array_equal(probabilities(place), expected(earlier[0]))
    assert names(place.parent) == ["model"]


KILLED = """
import os, signal, sys
from tests.launch import test_export as lib

owner, name, place, folder = sys.argv[1:]
owner = {"os": os, "tf": lib.tf.saved_model, "lib": lib.export_lib}[owner]
function, calls = getattr(owner, name), []

def call(*args, **kwargs):
    calls.append(1)
    if len(calls) == int(place):
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*args, **kwargs)

setattr(owner, name, call)
lib.export_model(lib.model(2.0), lib.Halved(), folder)
"""


@pytest.mark.extended
@pytest.mark.parametrize(
    ("owner", "name", "at"), [("os", "fsync", 1), ("lib", "_exchange", 1)]
)
def test_what_is_killed_leaves_the_earlier_model(place, earlier, owner, name, at):
    arguments = [owner, name, str(at), str(place)]
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], cwd=root)
    assert done.returncode == -signal.SIGKILL
    np.testing.assert_array_equal(probabilities(place), expected(earlier[0]))
    # The next export deletes its remains, but nothing else.
    mine = [".model.mine.tmp", ".model.12345678", ".other.12345678.tmp"]
    for each in mine:
        (place.parent / each).mkdir()
    assert len(names(place.parent)) == 5
    export_model(earlier[0], Halved(), place)
    assert names(place.parent) == sorted([*mine, "model"])


def test_the_folder_of_an_export_under_way_is_left_alone(place, earlier):
    with export_lib._temporary(place) as other:
        export_model(earlier[0], Halved(), place)
        assert other.exists()


@pytest.mark.parametrize(
    "what", ["file", "link", "notes", "half a model", "model and notes", "address"]
)
def test_what_is_something_else_is_refused(place, earlier, what):
    target, before = place.parent / "target", ()
    if what == "file":
        target.write_text("mine")
    elif what == "link":
        target.symlink_to(place)
    elif what == "address":
        target = "gs://bucket/model"
    else:
        shutil.copytree(place, target)
        if what == "half a model":
            (target / "saved_model.pb").unlink()
        if what == "notes":
            shutil.rmtree(target)
            target.mkdir()
        if "notes" in what:
            (target / "notes.txt").write_text("mine")
        before = names(target)
    with pytest.raises(UsageError, match=r"cannot export to (.*target|gs:)"):
        export_model(earlier[0], Halved(), target)
    assert not before or names(target) == before
    assert set(names(place.parent)) <= {"model", "target"}
