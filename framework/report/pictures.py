"""The pictures of an evaluation: confusion, calibration, and single images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from framework.numerics import metrics as metrics_lib
from framework.numerics.metrics import Predictions
from framework.report import figures

# Of the images at indices, int64 [n]: [n, height, width, C], and names of their files.
Take = Callable[[np.ndarray], tuple[np.ndarray, Sequence[str]]]

# The number of images of a gallery.
_IMAGES = 16


def of_evaluation(
    predictions: Predictions, class_names: Sequence[str], take: Take
) -> dict[str, bytes]:
    """Draws the pictures of an evaluation; none where images have several labels.

    Args:
        predictions: Of all examples of a split.
        class_names: Names of the classes.
        take: Returns images of the split, and the names of their files.

    Returns:
        PNG by name: confusion, reliability, and galleries of the images with
        the highest loss among the errors, of the highest confidence (of each predicted
        class in turn), and of the lowest.
    """
    if predictions.has_several_labels:
        return {}
    is_right = predictions.predicted == predictions.labels
    matrix = metrics_lib.confusion(predictions, len(class_names))
    pictures = {
        "confusion": figures.confusion(matrix, class_names),
        "reliability": figures.reliability(is_right, predictions.confidence),
    }
    galleries = chosen(predictions)
    used, place = np.unique(
        np.concatenate(list(galleries.values())), return_inverse=True
    )
    images, files = take(used)
    places = np.split(place, np.cumsum([len(rows) for rows in galleries.values()])[:-1])
    for (name, rows), where in zip(galleries.items(), places, strict=True):
        if len(rows):
            captions = [
                f"{files[position]}\n{_caption(predictions, row, class_names)}"
                for row, position in zip(rows, where, strict=True)
            ]
            pictures[name] = figures.captioned(images[where], captions)
    return pictures


def chosen(predictions: Predictions) -> dict[str, np.ndarray]:
    """Returns the indices of the images of each gallery, int64 [n]."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    worst = wrong[np.argsort(-predictions.losses[wrong], kind="stable")]
    order = np.argsort(-predictions.confidence, kind="stable")
    galleries = {
        "worst_errors": worst,
        "most_certain": _in_turn(order, predictions.predicted),
        "least_certain": order[::-1],
    }
    return {name: rows[:_IMAGES] for name, rows in galleries.items()}


def _in_turn(order: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Returns the first image of each predicted class, then the second of each.

    Many are certain to the last digit, and otherwise all would be of one class.

    Args:
        order: int [N], the images in order.
        predicted: int [N], the predicted class of each image.
    """
    rank = np.zeros(len(order), np.int64)
    for label in np.unique(predicted):
        members = predicted[order] == label
        rank[members] = np.arange(members.sum())
    result: np.ndarray = order[np.argsort(rank, kind="stable")]
    return result


def _caption(predictions: Predictions, row: int, class_names: Sequence[str]) -> str:
    """Returns the true class and the predicted one, each on a line of its own."""
    label, predicted = predictions.labels[row], predictions.predicted[row]
    confidence = f"({predictions.confidence[row]:.0%})"
    if label == predicted:
        return f"{class_names[label]}\nright {confidence}"
    return f"{class_names[label]}\npredicted {confidence}:\n{class_names[predicted]}"
