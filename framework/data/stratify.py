"""Divides examples in the proportions of the classes, without dividing a group.

A group is what must stay together, such as all images of a patient or of a video:
images of one patient in training and in validation make accuracy too high.
"""

from __future__ import annotations

import numpy as np

from framework.data.iterative import iterative_parts


def stratified_split(
    labels: np.ndarray,
    fraction: float,
    seed: int,
    groups: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Divides examples into two parts with the same proportions of classes.

    >>> stratified_split(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.25, seed=0)
    (array([0, 1, 3, 4, 5, 6]), array([2, 7]))

    Args:
        labels: int [N]; or [N, K] of 0 and 1, several labels each; see
            `iterative_parts`.
        fraction: The fraction of each class that goes to the second part, as nearly
            as several labels each allow; at least one example of a class stays in the
            first.
        seed: Seed of the random division.
        groups: int [N], what must not be divided; see `grouped_split`.

    Returns:
        The indices of both parts, int64, each in ascending order.
    """
    if labels.ndim == 2:
        count = min(int(np.floor(fraction * len(labels) + 0.5)), len(labels) - 1)
        return sample(labels, max(count, 0), seed, groups)
    if groups is not None:
        return grouped_split(labels, groups, fraction, seed)
    generator = np.random.Generator(np.random.PCG64(seed))
    second = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(int(np.floor(fraction * len(members) + 0.5)), len(members) - 1)
        second[generator.permutation(members)[:count]] = True
    return np.flatnonzero(~second), np.flatnonzero(second)


def sample(
    labels: np.ndarray, count: int, seed: int, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Divides examples of several labels each into two parts of given sizes.

    >>> labels = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    >>> first, second = sample(labels, 2, seed=0)
    >>> labels[second].sum(axis=0).tolist()
    [1, 1]

    Args:
        labels: int [N, K] of 0 and 1.
        count: The size of the second part. It is smaller where an example must stay in
            the first as the only one of a label.
        seed: Seed of the random division.
        groups: int [N], what must not be divided; then the size is met as nearly as
            the sizes of the groups allow.

    Returns:
        The indices of both parts, int64, each in ascending order.
    """
    sizes = (len(labels) - count, count)
    second = iterative_parts(labels, sizes, seed, groups) == 1
    for label in np.flatnonzero(labels.any(axis=0)):
        members = np.flatnonzero(labels[:, label])
        if second[members].all():
            first = members[0]
            second[first if groups is None else groups == groups[first]] = False
    return np.flatnonzero(~second), np.flatnonzero(second)


def grouped_split(
    labels: np.ndarray, groups: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Divides examples into two parts, without dividing a group.

    Goes through the groups, the largest first and those of one size in random order. A
    group goes to the second part if that brings the numbers of its classes nearer to
    `fraction` of all (by the chi-squared distance), and each class keeps a group in the
    first part.

    >>> grouped_split(np.array([0, 0, 0, 1, 1, 1]), np.arange(6) // 2, 1 / 3, seed=0)
    (array([0, 1, 4, 5]), array([2, 3]))

    Args:
        labels: int [N].
        groups: int [N], the group of each example.
        fraction: The fraction of the examples of each class that goes to the second
            part, as nearly as the sizes of the groups allow.
        seed: Seed of the random order.

    Returns:
        The indices of both parts, int64, each in ascending order.
    """
    counts, members = _count(labels, groups)
    totals = counts.sum(axis=0)
    target, have = fraction * totals, np.zeros(len(totals))
    # The number of groups in the first part that have images of a class.
    holders = (counts > 0).sum(axis=0)
    chosen = np.zeros(len(counts), bool)
    for group in _largest_first(counts, seed):
        present = counts[group] > 0
        before, after = have - target, have + counts[group] - target
        gain = ((before**2 - after**2) / totals).sum()
        if gain > 0 and (holders[present] > 1).all():
            chosen[group] = True
            have += counts[group]
            holders -= present
    is_second = chosen[members]
    return np.flatnonzero(~is_second), np.flatnonzero(is_second)


def _count(labels: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images per group and class, [G, K], and the group of each image."""
    _, columns = np.unique(labels, return_inverse=True)
    _, members = np.unique(groups, return_inverse=True)
    counts = np.zeros((members.max(initial=-1) + 1, columns.max(initial=-1) + 1))
    np.add.at(counts, (members, columns), 1)
    return counts, members


def _largest_first(counts: np.ndarray, seed: int) -> np.ndarray:
    """Returns the order of the groups; those of one size are in random order."""
    generator = np.random.Generator(np.random.PCG64(seed))
    order = generator.permutation(len(counts))
    return order[np.argsort(-counts[order].sum(axis=1), kind="stable")]


def folds(
    labels: np.ndarray, groups: np.ndarray | None, count: int, seed: int
) -> np.ndarray:
    """Divides examples into folds with the same proportions of classes.

    Without groups, the numbers of each class differ by 1 at most between folds, and so
    do the sizes of the folds. A group goes, the largest first, to the fold that is then
    nearest to the proportions of all (by the chi-squared distance).

    >>> folds(np.array([0, 0, 0, 0, 1, 1]), None, 2, seed=0).tolist()
    [1, 0, 0, 1, 1, 0]

    Args:
        labels: int [N]; or [N, K] of 0 and 1, for which the numbers of each class
            differ by little more.
        groups: int [N], what must not be divided; None if nothing.
        count: The number of folds.
        seed: Seed of the random order.

    Returns:
        The fold of each example, int64 [N], from 0.
    """
    if labels.ndim == 2:
        sizes = [len(range(fold, len(labels), count)) for fold in range(count)]
        return iterative_parts(labels, sizes, seed, groups)
    if groups is not None:
        return _grouped_folds(labels, groups, count, seed)
    generator = np.random.Generator(np.random.PCG64(seed))
    places, start = np.empty(len(labels), np.int64), 0
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        # Each class begins where the one before ended: then the folds are of one size.
        places[members] = (start + np.arange(len(members))) % count
        start += len(members)
    return places


def _grouped_folds(
    labels: np.ndarray, groups: np.ndarray, count: int, seed: int
) -> np.ndarray:
    counts, members = _count(labels, groups)
    totals = counts.sum(axis=0)
    have = np.zeros((count, counts.shape[1]))
    chosen = np.zeros(len(counts), np.int64)
    for group in _largest_first(counts, seed):
        excess = have - totals / count
        growth = (((excess + counts[group]) ** 2 - excess**2) / totals).sum(axis=1)
        chosen[group] = np.argmin(growth)
        have[chosen[group]] += counts[group]
    return chosen[members]
