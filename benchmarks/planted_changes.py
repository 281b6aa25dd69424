r"""What an embedding sees of changed images, beside what the diagnosis sees by pixels.

    taskset -c 1 python -m benchmarks.planted_changes \
        --dataset='folder("flowers", size=96)' --embedding=lite0.keras

Changes validation images in several ways. Prints how many changed copies of 100 images
are found among all of them, by details of pixels and by the correlation of features,
each above what unrelated images reach; and how well a classifier tells 300 changed
images from 300 others, by twelve properties and by features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from absl import app, flags

from framework.diagnose.measure import shift
from framework.diagnose.measure.copies import CopySearch, Thumbnails, copy_threshold
from framework.diagnose.measure.features import Features, Scale

if TYPE_CHECKING:
    from framework.data.split import Split
    from framework.diagnose.core.embedding import Embedding

_COPIES, _SIDE = 100, 300
# As the diagnosis has it; see `near_duplicates`.
_SPREADS = 3.0
_BYTES = Scale(0.0, 255.0)


def _define() -> None:
    """Defines the flags: not on import, since other programs have some of these."""
    flags.DEFINE_string("dataset", "", "Spec of the data set.")
    flags.DEFINE_string("embedding", "", "File of a network, such as lite0.keras.")
    flags.DEFINE_string("embedding_pixels", "", "Pixels that it takes, such as raw.")


def _noisy(images: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 10, images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


def _compressed(images: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    encoded = [tf.io.encode_jpeg(image, quality=30) for image in images]
    return np.stack([tf.io.decode_jpeg(each).numpy() for each in encoded])


def _cropped(images: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    edge, side = images.shape[1] // 14, images.shape[1:3]
    inner = tf.image.resize(images[:, edge:-edge, edge:-edge], side)
    return np.round(inner).astype(np.uint8)


def _blurred(images: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    side = images.shape[1:3]
    small = tf.image.resize(images, [2 * each // 3 for each in side], antialias=True)
    return np.round(tf.image.resize(small, side)).astype(np.uint8)


CHANGES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda images: images,
    "mirrored": lambda images: images[:, :, ::-1],
    "cropped": _cropped,
    "darker": lambda images: (0.8 * images).astype(np.uint8),
    "noise": _noisy,
    "JPEG, quality 30": _compressed,
    "blurred": _blurred,
    "upside down": lambda images: images[:, ::-1],
    "red and blue swapped": lambda images: images[..., ::-1],
}


def found_by_details(known: np.ndarray, rows: np.ndarray, copies: np.ndarray) -> float:
    """Returns the fraction of copies that are found, by details of pixels.

    Args:
        known: uint8 [N, height, width, C].
        rows: The originals of the copies: int [M].
        copies: uint8 [M, height, width, C].
    """
    small = Thumbnails(known, _BYTES)
    search = CopySearch(small)
    unrelated = search.best(small, np.arange(len(known))).similarity
    found = search.best(Thumbnails(copies, _BYTES))
    is_similar = found.similarity >= copy_threshold(unrelated, _SPREADS)
    return float(np.mean(is_similar & (found.index == rows)))


def found_by_features(known: np.ndarray, rows: np.ndarray, copies: np.ndarray) -> float:
    """Returns the same, by the correlation of standardised features: float [N, F]."""
    known, copies = (
        each / np.linalg.norm(each, axis=1, keepdims=True) for each in (known, copies)
    )
    among = known @ known.T
    np.fill_diagonal(among, -1)
    similar = copies @ known.T
    is_similar = similar.max(axis=1) >= copy_threshold(among.max(axis=1), _SPREADS)
    return float(np.mean(is_similar & (similar.argmax(axis=1) == rows)))


def _row(
    name: str, split: Split, order: np.ndarray, embedding: Embedding
) -> tuple[float, ...]:
    """Returns both rates of copies, and both areas under the curve."""
    change, features = CHANGES[name], Features(split.images, embedding)
    known, rows = features(split.images), order[:_COPIES]
    copies = change(split.images[rows])
    sides = split.take(order[:_SIDE]), split.take(order[_SIDE : 2 * _SIDE])
    first, second = (each.in_memory(lambda done, total: None) for each in sides)
    changed = type(second)(change(second.images), second.labels)
    return (
        found_by_details(split.images, rows, copies),
        found_by_features(known, rows, features(copies)),
        shift.told_apart(first, changed, _BYTES)[0],
        shift.told_apart_by(features(first.images), features(changed.images))[0],
    )


def main(argv: Sequence[str]) -> None:
    """Prints a table of all changes."""
    del argv
    from framework import data
    from framework.diagnose.core import embedding

    values = flags.FLAGS
    own = embedding.of_flags(values.embedding, values.embedding_pixels)
    if own is None:
        raise app.UsageError("give --embedding=FILE.keras")
    split = data.build(values.dataset).validation.in_memory(lambda done, total: None)
    order = np.random.default_rng(0).permutation(len(split))
    print("change                 copies found        told apart (AUC)")
    print("                       details  features   properties  features")
    for name in CHANGES:
        details, features, area, own_area = _row(name, split, order, own)
        print(f"{name:21}{details:9.0%}{features:10.0%}{area:13.2f}{own_area:10.2f}")


if __name__ == "__main__":
    _define()
    app.run(main)
