r"""How well planted wrong labels are found, by untrained features and by an embedding.

    taskset -c 1 python -m benchmarks.planted_labels \
        --dataset='folder("flowers", size=96)' --embedding=lite0.keras

Gives a fraction of all images a wrong label, drawn evenly from the other classes.
Prints the area under the curve of the probability of the label, out of fold, and how
many labels an audit would list, and how many of these are planted.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import numpy as np
from absl import app, flags


def _define() -> None:
    """Defines the flags: not on import, since other programs have some of these."""
    flags.DEFINE_string("dataset", "", "Spec of the data set.")
    flags.DEFINE_string("embedding", "", "File of a network, such as lite0.keras.")
    flags.DEFINE_string("embedding_pixels", "", "Pixels that it takes, such as raw.")
    flags.DEFINE_float("fraction", 0.2, "Fraction of wrong labels, such as 0.2.")
    flags.DEFINE_integer("seeds", 3, "Number of draws of these, such as 3.")


@dataclasses.dataclass(frozen=True)
class Recovery:
    """How well wrong labels are found.

    Attributes:
        auc: The probability that a wrong label has a lower probability than a right
            one.
        listed: The number of labels that an audit lists.
        planted: The fraction of these that are wrong.
        found: The fraction of wrong labels that are listed.
    """

    auc: float
    listed: int
    planted: float
    found: float


def plant(
    labels: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels of which some are wrong, and which these are: bool [N].

    >>> labels, is_wrong = plant(np.zeros(10, int) + [0, 1] * 5, 0.2, seed=0)
    >>> int(is_wrong.sum()), int(np.sum(labels != [0, 1] * 5))
    (2, 2)

    Args:
        labels: int [N].
        fraction: Of wrong ones.
        seed: Of the draw.
    """
    generator = np.random.default_rng(seed)
    is_wrong = np.zeros(len(labels), bool)
    is_wrong[generator.permutation(len(labels))[: round(fraction * len(labels))]] = True
    classes = int(labels.max()) + 1
    others = generator.integers(1, classes, len(labels))
    return np.where(is_wrong, (labels + others) % classes, labels), is_wrong


def recovery(
    features: np.ndarray, labels: np.ndarray, is_wrong: np.ndarray, penalty: float
) -> Recovery:
    """Returns how well wrong labels are found by features.

    Args:
        features: float32 [N, F].
        labels: int [N], from 0 to K - 1.
        is_wrong: bool [N].
        penalty: Of the probe.
    """
    from scipy import stats

    from framework.diagnose.measure import label_agreement

    probabilities = label_agreement.label_probabilities(features, labels, penalty)
    own = probabilities[np.arange(len(labels)), labels]
    statistic = stats.mannwhitneyu(own[~is_wrong], own[is_wrong]).statistic
    count = int(is_wrong.sum())
    rows, _, _ = label_agreement.doubtful(features, labels, penalty)
    planted = int(is_wrong[rows].sum())
    return Recovery(
        auc=float(statistic / (count * (len(labels) - count))),
        listed=len(rows),
        planted=planted / max(len(rows), 1),
        found=planted / count,
    )


def main(argv: Sequence[str]) -> None:
    """Prints a table of both."""
    del argv
    from framework import data
    from framework.diagnose.core import embedding
    from framework.diagnose.measure import ridge
    from framework.diagnose.measure.features import Features

    values = flags.FLAGS
    dataset = data.build(values.dataset)
    splits = [
        split.in_memory(lambda done, total: None)
        for split in (dataset.train, dataset.validation)
    ]
    images = np.concatenate([split.images for split in splits])
    labels = np.concatenate([split.labels for split in splits]).astype(np.int64)
    own = embedding.of_flags(values.embedding, values.embedding_pixels)
    print(f"{len(images):,} images of {images.shape[1]}x{images.shape[2]}")
    print("features                      seed    AUC  listed  planted  found  seconds")
    for each in (None, own) if own else (None,):
        begun = time.monotonic()
        features = Features(images, each)(images)
        seconds = time.monotonic() - begun
        penalty = ridge.PENALTY if each is None else ridge.OF_EMBEDDING
        for seed in range(values.seeds):
            planted = plant(labels, values.fraction, seed)
            result = recovery(features, *planted, penalty)
            print(
                f"{each or 'untrained'!s:30}{seed:4} {result.auc:6.3f}"
                f"{result.listed:8,}{result.planted:9.0%}{result.found:7.1%}"
                f"{seconds:9.0f}"
            )


if __name__ == "__main__":
    _define()
    app.run(main)
