"""Exports a trained model as a SavedModel, atomically."""

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
# The contents of a SavedModel. A folder with anything else in it is not overwritten.
_ENTRIES = {_GRAPH, "fingerprint.pb", "variables", "assets", "assets.extra"}
# From Linux's fcntl.h and fs.h: paths are relative to the current folder; swap them.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def probabilities(logits: tf.Tensor, several_labels: bool) -> tf.Tensor:
    """Returns the probability of each class, float32 [N, K].

    Args:
        logits: [N, K].
        several_labels: Whether an image may have several labels: then each class has a
            sigmoid, and the probabilities do not sum to 1.
    """
    values = tf.cast(logits, tf.float32)
    return tf.sigmoid(values) if several_labels else tf.nn.softmax(values)


def export_model(
    model: keras.Model,
    normalize: Normalizer,
    folder: str | Path,
    several_labels: bool = False,
) -> None:
    """Writes a SavedModel that takes images as in the data set.

    Its default signature maps "images", [N, height, width, C], to "probabilities",
    float32 [N, K].

    The model is written beside `folder`, and replaces an existing SavedModel once it is
    complete. Remains of killed exports are deleted.

    Args:
        model: Maps normalized images to logits.
        normalize: Normalization of pixels.
        folder: The folder to write; created with its parents.
        several_labels: Whether an image may have several labels.

    Raises:
        UsageError: The folder exists and is not a SavedModel.
        OSError: The folder cannot be written.
    """
    if "://" in str(folder):
        raise UsageError(f"cannot export to {folder}: give a local folder")
    folder = Path(os.path.abspath(folder))
    _check_is_free(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _delete_leftovers(folder)
    with _temporary(folder) as complete:
        _save(model, normalize, complete, several_labels)
        # Another process may have created the folder meanwhile.
        _check_is_free(folder)
        if folder.exists():
            _exchange(complete, folder)
        else:
            os.rename(complete, folder)
    _sync(folder.parent)


def _save(
    model: keras.Model, normalize: Normalizer, folder: Path, several_labels: bool
) -> None:
    module = tf.Module()
    module.model = model
    module.statistics = normalize.variables
    shape = (None, *model.input_shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, "images")])
    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = model(normalize(images), training=False)
        return {"probabilities": probabilities(logits, several_labels)}

    tf.saved_model.save(module, str(folder), signatures=serve)
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _check_is_free(folder: Path) -> None:
    """Raises UsageError unless the path is free, an empty folder or a SavedModel."""
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise UsageError(f"cannot export to {folder}: it is not a folder")
    names = {path.name for path in folder.iterdir()}
    if names and (_GRAPH not in names or names - _ENTRIES):
        other = min(names - _ENTRIES, default=min(names))
        raise UsageError(
            f"cannot export to {folder}: it is not a SavedModel (there is {other!r}); "
            f"give another folder, or move it aside"
        )


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """Creates an empty folder beside `folder`; deletes whatever is there afterwards.

    It is locked as long as this process lives, so that no other export deletes it.
    """
    path = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}{atomic.SUFFIX}")
    path.mkdir()
    try:
        with _locked(path):
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _exchange(first: Path, second: Path) -> None:
    """Exchanges two folders, atomically where the system supports it."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        pass
    else:
        paths = os.fsencode(first), os.fsencode(second)
        if renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
            return
    with _temporary(second) as between:
        os.rename(second, between)
        os.rename(first, second)
        os.rename(between, first)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder.

    Raises:
        BlockingIOError: Another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _delete_leftovers(folder: Path) -> None:
    """Deletes the temporary folders of killed exports to the same folder."""
    for path in folder.parent.iterdir():
        token = path.name.removeprefix(f".{folder.name}.").removesuffix(atomic.SUFFIX)
        if path.name != f".{folder.name}.{token}{atomic.SUFFIX}" or len(token) != 8:
            continue
        # The folder may have vanished, be a link, or be locked by another process.
        with contextlib.suppress(OSError), _locked(path):
            shutil.rmtree(path)


def _sync(path: Path) -> None:
    """Flushes a file, or the list of a folder's files, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
