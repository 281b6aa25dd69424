"""Batches that hold few classes each, as sorted images give."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.diagnose.change import Change
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.subject import Subject

# Five standard deviations: no shuffling in a lifetime gives that.
_Z = 5.0
# Of many images, a trace of an order is significant, but teaches as well.
_SHARE = 0.9
_PERMUTATIONS = 100


def measure(subject: Subject) -> dict[str, Any]:
    """Compares how mixed the batches of the first epoch are with shuffled ones."""
    if subject.fed is None:
        return {}
    size = int(subject.settings["batch_size"])
    fed = np.unique(subject.fed, return_inverse=True)[1].reshape(-1)
    if len(fed) <= size or size < 2:
        return {}
    generator = np.random.Generator(np.random.PCG64(0))
    null = [_entropy(generator.permutation(fed), size) for _ in range(_PERMUTATIONS)]
    observed, mean, spread = _entropy(fed, size), np.mean(null), np.std(null)
    return {
        "batches/entropy": observed,
        "batches/shuffled": float(mean),
        "batches/z": float((mean - observed) / max(spread, 1e-9)),
    }


def rule(measures: Measures) -> Finding | None:
    """Fires where batches are less mixed than chance would have them."""
    observed, shuffled = measures["batches/entropy"], measures["batches/shuffled"]
    if measures["labels/illegal"]:
        return None
    if measures["batches/z"] <= _Z or observed >= _SHARE * shuffled:
        return None
    return Finding(
        cause="unshuffled_batches",
        status="suspected",
        message=(
            f"a batch holds {2**observed:.1f} classes' worth of labels on average, and "
            f"shuffled ones would hold {2**shuffled:.1f}: images are fed in an order"
        ),
        evidence=(
            Evidence(
                "entropy of the labels of a batch, in bits",
                observed,
                f"below {_SHARE:.0%} of the {shuffled:.3g} of shuffled ones",
                "our own choice",
            ),
            Evidence(
                "standard deviations below shuffled ones",
                measures["batches/z"],
                f"above {_Z:g}",
                f"{_PERMUTATIONS} permutations of the same labels",
            ),
        ),
        remedy=Remedy(
            "shuffle all training images anew in each epoch: a buffer of tf.data as "
            "large as the data set, or shuffle=True"
        ),
        refute="a run on shuffled images that ends no higher",
    )


def change(measures: Measures) -> Change:
    """Returns what would mend it."""
    return Change(shuffle=True)


def _entropy(fed: np.ndarray, size: int) -> float:
    """Returns the mean entropy of whole batches, in bits."""
    batches, most = len(fed) // size, int(fed.max()) + 1
    cells = np.arange(batches * size) // size * most + fed[: batches * size]
    shares = np.bincount(cells, minlength=batches * most).reshape(batches, most) / size
    logs = np.log2(np.where(shares > 0, shares, 1))
    return float(-(shares * logs).sum(axis=1).mean())
