"""Galleries of the page: images to look at, as PNG data URIs."""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Mapping, Sequence

import numpy as np

from framework.diagnose.measure.most_shifted import MostShifted
from framework.diagnose.report import data_problems
from framework.diagnose.report.data_problems import DataProblem, Place

# Images of a gallery, and the pixels of their longer side: five galleries of coloured
# noise, which does not compress, are 2.5 MB.
MOST, SIDE = 24, 72
# What does not fit into a caption is in data.csv.
_MOST_CHARACTERS = 120
_TITLES: Mapping[str, tuple[str, str]] = {
    data_problems.EXACT: (
        "Equal images",
        "Pairs whose pixels are the same. Across the splits, validation measures what "
        "was learnt by heart.",
    ),
    data_problems.NEAR: (
        "Nearly equal images",
        "Pairs that show the same: compressed, moved, cropped or mirrored.",
    ),
    data_problems.LABEL: (
        "Doubtful labels",
        "The label contradicts those of similar images. Some are hard images with the "
        "right label.",
    ),
    data_problems.ODD: ("Odd files", "Look whether they belong to the data."),
}


@dataclasses.dataclass(frozen=True)
class Picture:
    """One image.

    Attributes:
        uri: A PNG as data URI.
        name: Its split, and its file with the folder or its position.
        label: The name of its class.
        is_tiny: Whether it has so few pixels that these are shown as squares.
    """

    uri: str
    name: str
    label: str
    is_tiny: bool


@dataclasses.dataclass(frozen=True)
class Item:
    """One image, or a pair side by side.

    Attributes:
        pictures: One or two.
        note: What is remarkable.
        is_alarming: Whether it makes validation or training wrong for certain, such as
            a pair across the splits.
    """

    pictures: tuple[Picture, ...]
    note: str
    is_alarming: bool = False


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Some images with a common remark.

    Attributes:
        title: A heading.
        text: What they have in common.
        items: In order, the most remarkable first.
        total: How many there are, shown or not.
    """

    title: str
    text: str
    items: tuple[Item, ...]
    total: int


def shown(problems: Sequence[DataProblem]) -> list[DataProblem]:
    """Returns the problems that galleries show: the first of each kind."""
    result = []
    for kind in _TITLES:
        some = [each for each in problems if each.kind == kind]
        result += some[: MOST // (2 if some and some[0].other is not None else 1)]
    return result


def of_problems(
    problems: Sequence[DataProblem], pictures: Mapping[Place, np.ndarray]
) -> tuple[Gallery, ...]:
    """Returns the galleries of an audit.

    Args:
        problems: Those of the audit, in order.
        pictures: The images of those that are `shown`, from `thumbnail`.
    """
    galleries = []
    for kind, (title, text) in _TITLES.items():
        items = tuple(
            _item(each, pictures) for each in shown(problems) if each.kind == kind
        )
        total = sum(each.kind == kind for each in problems)
        if items:
            galleries.append(Gallery(title, text, items, total))
    return tuple(galleries)


def _item(problem: DataProblem, pictures: Mapping[Place, np.ndarray]) -> Item:
    places = [each for each in (problem.place, problem.other) if each is not None]
    notes = [problem.note] if problem.note else []
    if problem.is_across:
        notes.append("across the splits")
    if problem.labels_differ:
        notes.append("different labels")
    if problem.kind == data_problems.LABEL and problem.score is not None:
        notes.append(f"probability of the label {problem.score:.1%}")
    return Item(
        tuple(
            _picture(pictures[each], each.split, each.image, each.label)
            for each in places
        ),
        "; ".join(notes),
        problem.is_across or problem.labels_differ,
    )


def of_shift(shifted: MostShifted) -> Gallery:
    """Returns the validation images that differ most from training images."""
    items = tuple(
        Item(
            (_picture(thumbnail(image, shifted.range), "validation", place, label),),
            f"{distance:+.1f} deviations",
        )
        for place, label, image, distance in zip(
            shifted.places,
            shifted.labels,
            shifted.images,
            shifted.distances.tolist(),
            strict=True,
        )
    )
    return Gallery(
        "Validation images that differ most from training",
        f"By {shifted.name}: how far they are from the median training image, in "
        f"standard deviations of the training images.",
        items[:MOST],
        shifted.total,
    )


def thumbnail(image: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Returns a small image, uint8 [h, w] or [h, w, 3], of at most `SIDE` pixels.

    Args:
        image: [height, width, C]; of other than three channels, the first is shown.
        limits: What becomes black, and what white.
    """
    from PIL import Image

    low, high = limits
    values = (np.asarray(image, np.float32) - low) / max(high - low, 1e-9)
    values = np.clip(np.nan_to_num(values), 0.0, 1.0)
    pixels = np.round(255 * values).astype(np.uint8)
    pixels = pixels[..., :3] if pixels.shape[-1] == 3 else pixels[..., 0]
    picture = Image.fromarray(pixels)
    # Smaller ones are enlarged by the browser.
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(picture)


def data_uri(pixels: np.ndarray) -> str:
    """Returns an image as a PNG in a data URI.

    Args:
        pixels: From `thumbnail`.
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _picture(pixels: np.ndarray, split: str, image: str, label: str) -> Picture:
    # The folder and the file; data.csv has the whole path.
    name = "/".join(image.split("/")[-2:]) if "/" in image else f"image {image}"
    return Picture(
        data_uri(pixels),
        shortened(f"{split} {name}"),
        shortened(label),
        max(pixels.shape[:2]) <= SIDE // 2,
    )


def shortened(text: str, most: int = _MOST_CHARACTERS) -> str:
    """Returns a text without its middle, if it is too long for a caption.

    >>> shortened("0123456789", 5)
    '01…89'
    """
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
