"""Exports a trained model as a SavedModel: whole, or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf

from framework.augment.normalize import Normalizer
from framework.errors import UsageError
from framework.system import atomic

_GRAPH = "saved_model.pb"
# What TensorFlow writes. A folder with anything else in it is somebody's.
_PARTS = {_GRAPH, "fingerprint.pb", "variables", "assets", "assets.extra"}
# From Linux's fcntl.h and fs.h: paths are relative to the working folder; swap them.
_HERE, _RENAME_EXCHANGE = -100, 2


def export_model(model: keras.Model, normalize: Normalizer, folder: str | Path) -> None:
    """Writes a SavedModel that takes images as they are in the data set.

    Its default signature maps "images", [N, height, width, C], to "probabilities",
    float32 [N, K].

    It is written beside `folder`, and takes its place once it is complete. A SavedModel
    that is there stays until then. What a killed export left is deleted.

    Args:
        model: From normalised images to logits.
        normalize: Scaling of pixels.
        folder: Where to; made with its parents.

    Raises:
        UsageError: The folder is there, and is no SavedModel.
        OSError: It cannot be written.
    """
    if "://" in str(folder):
        raise UsageError(f"cannot export to {folder}: give a folder of this machine")
    folder = Path(os.path.abspath(folder))
    _check_is_free(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _delete_leftovers(folder)
    with _temporary(folder) as complete:
        _save(model, normalize, complete)
        # It takes a while, in which somebody may have put something there.
        _check_is_free(folder)
        if folder.exists():
            _exchange(complete, folder)
        else:
            os.rename(complete, folder)
    _sync(folder.parent)


def _save(model: keras.Model, normalize: Normalizer, folder: Path) -> None:
    module = tf.Module()
    module.model = model
    module.statistics = normalize.variables
    shape = (None, *model.input_shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, "images")])
    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = model(normalize(images), training=False)
        return {"probabilities": tf.nn.softmax(tf.cast(logits, tf.float32))}

    tf.saved_model.save(module, str(folder), signatures=serve)
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _check_is_free(folder: Path) -> None:
    """Refuses a place where there is anything but a SavedModel or an empty folder."""
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise UsageError(f"cannot export to {folder}: it is not a folder")
    names = {path.name for path in folder.iterdir()}
    if names and (_GRAPH not in names or names - _PARTS):
        other = min(names - _PARTS, default=min(names))
        raise UsageError(
            f"cannot export to {folder}: it is not a SavedModel (there is {other!r}); "
            f"give another folder, or move it aside"
        )


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """Makes an empty folder beside `folder`, and deletes what is in its place then.

    It is locked as long as this process lives, so that another export lets it be.
    """
    path = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}{atomic.SUFFIX}")
    path.mkdir()
    try:
        with _locked(path):
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _exchange(first: Path, second: Path) -> None:
    """Exchanges two folders: in one step, where the system can do that."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        pass
    else:
        paths = os.fsencode(first), os.fsencode(second)
        if renameat2(_HERE, paths[0], _HERE, paths[1], _RENAME_EXCHANGE) == 0:
            return
    with _temporary(second) as between:
        os.rename(second, between)
        os.rename(first, second)
        os.rename(between, first)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder.

    Raises:
        BlockingIOError: Another process does.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _delete_leftovers(folder: Path) -> None:
    """Deletes the temporary folders of exports to the same place that were killed."""
    for path in folder.parent.iterdir():
        token = path.name.removeprefix(f".{folder.name}.").removesuffix(atomic.SUFFIX)
        if path.name != f".{folder.name}.{token}{atomic.SUFFIX}" or len(token) != 8:
            continue
        # A folder that is no longer there, a link, or another process's own.
        with contextlib.suppress(OSError), _locked(path):
            shutil.rmtree(path)


def _sync(path: Path) -> None:
    """Brings a file or a folder's list of files to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
