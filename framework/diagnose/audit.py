"""Audits a data set image by image, without any training.

Its images are read once. Duplicates are looked for within and across the splits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from framework.data import formats
from framework.data.dataset import Dataset
from framework.data.files import Files
from framework.data.split import LabelledImages, LazySplit, Split
from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.embedding import Embedding
from framework.diagnose.measure import duplicate_pairs, ridge
from framework.diagnose.measure.duplicate_pairs import Pairs
from framework.diagnose.measure.features import (
    Features,
    Scale,
    are_images,
    with_channels,
)
from framework.diagnose.measure.label_agreement import doubtful
from framework.diagnose.measure.samples import chosen
from framework.diagnose.report import data_problems, galleries
from framework.diagnose.report.data_problems import DataProblem, Place
from framework.diagnose.report.galleries import Gallery
from framework.errors import RunError

# The number of images that features are scaled by.
_SAMPLE = 5_000
_SPLITS = ("train", "validation")
SEVERAL_LABELS = (
    "doubtful labels: not applicable, since images have several labels; duplicates "
    "with different labels are those that differ in any label"
)


@dataclasses.dataclass(frozen=True, eq=False)
class Audit:
    """The result of an audit.

    Attributes:
        name: Of the data set.
        counts: The number of images that were read, by split.
        problems: What is wrong, in the order of reading.
        notes: What the data set itself has to say, and what was not looked for.
        pictures: Small images of the first problems; see `galleries.shown`.
    """

    name: str
    counts: dict[str, int]
    problems: tuple[DataProblem, ...]
    notes: tuple[str, ...]
    pictures: Mapping[Place, np.ndarray]

    @property
    def galleries(self) -> tuple[Gallery, ...]:
        """The first problems of each kind with their images."""
        return galleries.of_problems(self.problems, self.pictures)

    def __str__(self) -> str:
        counts = " and ".join(f"{n:,} of {name}" for name, n in self.counts.items())
        lines = [f"{self.name}: {counts}", *self.notes]
        text = data_problems.summary(self.problems)
        return "".join(f"{line}\n" for line in lines) + (text or "nothing is odd\n")


@dataclasses.dataclass(frozen=True, eq=False)
class _Images:
    """The readable images of both splits, one after the other.

    Attributes:
        images: [N, height, width, C].
        labels: int [N]; or [N, K] of 0 and 1.
        places: Of each.
    """

    images: np.ndarray
    labels: np.ndarray
    places: list[Place]


def audit(
    dataset: Dataset,
    progress: Callable[[str], None] = lambda what: None,
    embedding: Embedding | None = None,
) -> Audit:
    """Returns duplicates, unreadable and odd files, and doubtful labels.

    Args:
        dataset: Its images are read into memory.
        progress: Called with what is being done.
        embedding: The features by which labels are judged; untrained ones if None.

    Raises:
        RunError: No image can be read.
        UsageError: The embedding cannot take the images.
    """
    problems: list[DataProblem] = []
    progress("reading all images")
    parts = [_read(dataset, name, problems) for name in _SPLITS]
    every = _Images(
        np.concatenate([each.images for each in parts]),
        np.concatenate([each.labels for each in parts]),
        [place for each in parts for place in each.places],
    )
    if not len(every.images):
        raise RunError(f"{dataset.name}: no image can be read")
    if embedding is not None:
        embedding.check(every.images)
    progress("looking for duplicates")
    problems += _duplicates(every)
    problems += [
        DataProblem(data_problems.ODD, every.places[row], note="all pixels are equal")
        for row in duplicate_pairs.blank(every.images)
    ]
    notes = tuple(dataset.notes)
    if every.labels.ndim == 2:
        notes = (*notes, SEVERAL_LABELS)
    else:
        progress("looking for doubtful labels")
        problems += _doubtful(every, dataset.class_names, embedding)
        if embedding is not None:
            notes = (*notes, f"labels are judged by {embedding}")
    counts = {name: len(each.labels) for name, each in zip(_SPLITS, parts, strict=True)}
    ordered = data_problems.ordered(problems)
    return Audit(dataset.name, counts, ordered, notes, _pictures(ordered, every))


def galleries_of(context: DiagnosisContext) -> tuple[Gallery, ...]:
    """Returns the galleries of a program whose data were given as arrays.

    Args:
        context: Of the program; at most 5,000 images of each split are looked at.
    """
    splits = []
    for split in (context.train, context.validation):
        if not are_images(split.images):
            return ()
        images = with_channels(split.images)
        kind = np.uint8 if images.dtype == np.uint8 else np.float32
        splits.append(Split(images.astype(kind), split.labels))
    train, validation = splits
    dataset = Dataset("the data", train, validation, context.class_names)
    return audit(dataset, embedding=context.embedding).galleries


def _read(dataset: Dataset, name: str, problems: list[DataProblem]) -> _Images:
    """Returns the readable images of a split; adds the problems of its files."""
    split: LabelledImages = getattr(dataset, name)
    names = split.paths or tuple(map(str, range(len(split))))
    labels = np.asarray(split.labels)
    places = [
        Place(name, names[row], _label_text(label, dataset.class_names))
        for row, label in enumerate(labels)
    ]
    if not (isinstance(split, LazySplit) and isinstance(split.images, Files)):
        images = split.in_memory(lambda done, total: None).images
        return _Images(images, labels, places)
    images, rows, unreadable = split.images.load_readable(lambda done, total: None)
    for row, reason in unreadable.items():
        kind = data_problems.UNREADABLE
        problems.append(DataProblem(kind, places[row], note=reason))
    for row in rows:
        if note := _suffix_problem(Path(names[row])):
            problems.append(DataProblem(data_problems.ODD, places[row], note=note))
    return _Images(images, labels[rows], [places[row] for row in rows])


def _label_text(label: np.ndarray, class_names: tuple[str, ...]) -> str:
    """Returns the class of an image; of several labels, all of them."""
    if not label.ndim:
        return class_names[label]
    return " + ".join(class_names[each] for each in np.flatnonzero(label)) or "no class"


def _suffix_problem(path: Path) -> str:
    """Returns the problem with the name of a file, or ""."""
    kind = formats.of_content(formats.head(path))
    if not kind or kind == formats.of_name(path):
        return ""
    return f"a {kind} file with the suffix {path.suffix}"


def _duplicates(every: _Images) -> list[DataProblem]:
    exact = duplicate_pairs.exact(every.images)
    problems = _problems(data_problems.EXACT, exact, every)
    if are_images(every.images):
        near = duplicate_pairs.near(every.images, exact)
        problems += _problems(data_problems.NEAR, near, every)
    return problems


def _problems(kind: str, pairs: Pairs, every: _Images) -> list[DataProblem]:
    return [
        DataProblem(
            kind,
            every.places[first],
            every.places[second],
            float(similarity),
            "mirrored" if is_mirrored else "",
        )
        for first, second, similarity, is_mirrored in zip(
            pairs.first, pairs.second, pairs.similarity, pairs.is_mirrored, strict=True
        )
    ]


def _doubtful(
    every: _Images, class_names: tuple[str, ...], embedding: Embedding | None
) -> list[DataProblem]:
    some = every.images[chosen(len(every.images), _SAMPLE)]
    features = Features(some, embedding)(every.images)
    penalty = ridge.PENALTY if embedding is None else ridge.OF_EMBEDDING
    rows, probabilities, expected = doubtful(features, every.labels, penalty)
    return [
        DataProblem(
            data_problems.LABEL,
            every.places[row],
            score=float(probability),
            note=f"similar images are {class_names[label]}",
        )
        for row, probability, label in zip(rows, probabilities, expected, strict=True)
    ]


def _pictures(
    problems: Sequence[DataProblem], every: _Images
) -> dict[Place, np.ndarray]:
    """Returns small images of the problems that galleries show."""
    places = {
        place
        for each in galleries.shown(problems)
        for place in (each.place, each.other)
        if place is not None
    }
    scale = Scale.of(every.images)
    return {
        place: galleries.thumbnail(image, (scale.low, scale.high))
        for place, image in zip(every.places, every.images, strict=True)
        if place in places
    }
