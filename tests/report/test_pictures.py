"""Tests of framework/report/pictures.py."""

import numpy as np

from framework.numerics.metrics import Predictions
from framework.report import pictures

NAMES = ("cat", "dog")


def predictions(labels, predicted, confidence, losses):
    return Predictions(
        np.array(labels),
        np.array(predicted),
        None,
        np.array(confidence, np.float32),
        np.array(losses, np.float32),
    )


OUTPUTS = predictions([0, 1, 1, 0], [0, 1, 0, 1], [0.6, 0.9, 0.7, 0.8], [1, 2, 3, 4])
SURE = predictions([0, 0, 0, 1], [0, 0, 0, 1], [0.9, 0.8, 0.7, 0.6], [1, 1, 1, 1])


def test_galleries_are_of_the_worst_the_most_and_the_least_certain():
    galleries = pictures.chosen(OUTPUTS)
    assert {name: rows.tolist() for name, rows in galleries.items()} == {
        "worst_errors": [3, 2],
        "most_certain": [1, 2, 3, 0],
        "least_certain": [0, 2, 3, 1],
    }


def test_the_most_certain_are_of_each_class_in_turn():
    assert pictures.chosen(SURE)["most_certain"].tolist() == [0, 3, 1, 2]


def test_each_image_is_read_once():
    asked = []

    def take(rows):
        asked.extend(rows)
        return np.zeros((len(rows), 4, 4, 1), np.uint8), [f"{row}.png" for row in rows]

    drawn = pictures.of_evaluation(OUTPUTS, NAMES, take)
    assert sorted(asked) == [0, 1, 2, 3]
    assert list(drawn) == [
        "confusion",
        "reliability",
        "worst_errors",
        "most_certain",
        "least_certain",
    ]
    assert all(png.startswith(b"\x89PNG") for png in drawn.values())


def test_captions_have_the_confidence_and_both_classes_whole(monkeypatch):
    drawn = {}

    def captioned(images, captions):
        drawn[len(captions)] = captions
        return b""

    monkeypatch.setattr(pictures.figures, "captioned", captioned)
    names = ("golden retriever", "labrador retriever")
    outputs = predictions([0, 1, 1], [1, 1, 1], [1.0, 0.9, 0.8], [9, 1, 1])
    pictures.of_evaluation(
        outputs, names, lambda rows: (np.zeros((len(rows), 4, 4, 1)), ["a"] * len(rows))
    )
    assert drawn[1] == ["a\ngolden retriever\npredicted (100%):\nlabrador retriever"]
    assert drawn[3][1] == "a\nlabrador retriever\nright (90%)"


def test_without_errors_there_is_no_gallery_of_them():
    outputs = predictions([0, 1], [0, 1], [0.6, 0.9], [1, 2])

    def take(rows):
        return np.zeros((len(rows), 4, 4, 1), np.uint8), list(map(str, rows))

    assert "worst_errors" not in pictures.of_evaluation(outputs, NAMES, take)


def test_images_of_several_labels_have_no_pictures():
    labels = np.ones((2, 2), np.int32)
    outputs = Predictions(labels, labels, None, labels / 2, np.zeros(2))
    assert pictures.of_evaluation(outputs, NAMES, lambda rows: ([], [])) == {}
