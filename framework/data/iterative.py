"""Iterative stratification: divides images of several labels each in proportion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def iterative_parts(
    labels: np.ndarray,
    sizes: Sequence[int],
    seed: int,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Divides examples into parts in which each label is as frequent as in all.

    Sechidis, Tsoumakas & Vlahavas, "On the stratification of multi-label data" (2011):
    takes the label with the fewest examples left, and gives each of these to the part
    that lacks most examples of it; of several such to the one that lacks most examples
    of any label, then at random. Examples without a label come last. Unlike there, a
    part never gets more than its size, and whole groups are divided, large ones first.

    >>> labels = np.array([[1, 0], [1, 0], [1, 1], [1, 1], [0, 0], [0, 0]])
    >>> iterative_parts(labels, (3, 3), seed=0).tolist()
    [1, 0, 1, 0, 1, 0]

    Args:
        labels: int [N, K] of 0 and 1.
        sizes: The number of examples of each part; their sum is N.
        seed: Seed of the random order and of ties.
        groups: int [N], what must not be divided; the last group of a part may then be
            larger than what is left of its size. None if nothing.

    Returns:
        The part of each example, int64 [N], from 0.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    if groups is None:
        groups = np.arange(len(labels))
    _, members = np.unique(groups, return_inverse=True)
    weights = np.bincount(members)
    counts = np.zeros((len(weights), labels.shape[1]))
    np.add.at(counts, members, labels)
    order = generator.permutation(len(weights))
    order = order[np.argsort(-weights[order], kind="stable")]
    ties = generator.random((len(weights), len(sizes)))
    room = np.asarray(sizes, np.float64)
    needed = np.outer(room / max(len(labels), 1), counts.sum(axis=0))
    parts = np.full(len(weights), -1, np.int64)

    def assign(group: int, wanted: np.ndarray) -> None:
        wanted = np.where(room > 0, wanted, -np.inf)
        part = np.lexsort((ties[group], room, wanted))[-1]
        parts[group] = part
        room[part] -= weights[group]
        needed[part] -= counts[group]

    while (left := counts[parts < 0].sum(axis=0)).any():
        label = np.argmin(np.where(left > 0, left, np.inf))
        for group in order[(parts[order] < 0) & (counts[order, label] > 0)]:
            assign(group, needed[:, label])
    for group in order[parts[order] < 0]:
        assign(group, room)
    return parts[members]
