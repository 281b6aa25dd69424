"""Subjects with a linear model, which learns in milliseconds."""

import types

import numpy as np
import pytest

from framework.data.arrays import digits
from framework.data.dataset import Split
from framework.diagnose.change import CannotChangeError
from framework.diagnose.subject import Branch, Program, Subject
from framework.numerics.metrics import Predictions

_NOT = Split(np.zeros((0, 1)), np.zeros(0, np.int32))


class LinearProgram(Program):
    """Ridge regression on pixels, of images pooled to 8x8; changes are recorded."""

    def __init__(self, train, num_classes, layers=(), scale=True):
        self.train = train
        self.num_classes = num_classes
        self.layers = layers
        self.scale = scale
        self.changes = []
        self.kernel = self._fit(train, np.ones(len(train)))

    @property
    def model(self):
        return types.SimpleNamespace(layers=self.layers, _layers=(), weights=())

    def _features(self, images):
        values = np.asarray(images, np.float64)
        if values.ndim == 4:
            step = -(-values.shape[1] // 8)
            values = values[:, ::step, ::step]
        values = values.reshape(len(values), -1)
        values = (
            values / 255 if np.asarray(self.train.images).dtype == np.uint8 else values
        )
        return np.column_stack([values, np.ones(len(values))])

    def _fit(self, split, weights):
        features = self._features(split.images)
        targets = np.eye(self.num_classes)[split.labels]
        gram = (features.T * weights) @ features
        gram += 1e-3 * len(features) * np.eye(len(gram)) * gram.trace() / gram.size
        return np.linalg.solve(gram, (features.T * weights) @ targets)

    def ask(self, images, training=False):
        return (self._features(images) @ self.kernel).astype(np.float32)

    def inputs(self, images):
        return np.asarray(images, np.float32) / (255 if self.scale else 1)

    def ask_live(self, images):
        return self.ask(images)

    def ask_reestimated(self, images, train):
        raise CannotChangeError

    def penalty(self, fresh):
        return 0.0

    def loss(self, labels, outputs):
        raise NotImplementedError

    def steps(self, count, fresh):
        raise NotImplementedError

    def applied(self, split):
        raise CannotChangeError

    def moved(self, split, factor):
        raise CannotChangeError

    def gradients(self, split, fresh):
        raise NotImplementedError

    def activations(self, images, fresh):
        raise NotImplementedError

    def weights(self, fresh):
        raise NotImplementedError

    def experiment(self, name, change, epochs, fresh):
        self.changes.append(change)
        differences = change.differences()
        if set(differences) - {"train", "balance", "augment"}:
            raise CannotChangeError
        split = change.train or self.train
        weights = np.ones(len(split))
        if change.balance:
            weights = 1.0 / np.bincount(split.labels)[split.labels]
            weights *= len(split) / weights.sum()
        kernel, self.kernel = self.kernel, self._fit(split, weights)
        found = self.ask(self.validation_images).argmax(axis=1)
        clean = self.ask(self.train.images).argmax(axis=1)
        self.kernel = kernel
        return Branch(found, clean, epochs)


def make_subject(train, validation, dev=None, **changes):
    """Returns a subject; `changes` replace its fields."""
    classes = int(max(train.labels.max(), validation.labels.max())) + 1
    program = LinearProgram(train, classes)
    program.validation_images = validation.images
    predicted = program.ask(validation.images).argmax(axis=1)
    wrong = (predicted != validation.labels).astype(np.int32)
    confidence = np.ones(len(wrong), np.float32)
    fields = {
        "class_names": tuple(f"class{index}" for index in range(classes)),
        "train": train,
        "dev": _NOT if dev is None else dev,
        "validation": validation,
        "labels": {"train": train.labels, "validation": validation.labels},
        "fed": None,
        "program": program,
        "rows": (),
        "predictions": (
            Predictions(validation.labels, predicted, wrong, confidence, confidence),
        ),
        "settings": {
            "epochs": 10,
            "steps_per_epoch": 100,
            "batch_size": 32,
            "train_images": len(train),
        },
    }
    return Subject(**{**fields, **changes})


def nearest(made):
    """Has a model say of each image what is said of the nearest training image."""
    images = made.train.images.reshape(len(made.train), -1).astype(np.float32)
    classes = made.num_classes

    def ask(asked, training=False):
        asked = asked.reshape(len(asked), -1).astype(np.float32)
        near = (images**2).sum(1) - 2 * asked @ images.T
        return np.eye(classes, dtype=np.float32)[made.train.labels[near.argmin(1)]]

    made.program.ask = ask
    return made


@pytest.fixture(scope="session")
def subject():
    """Makes a subject: `subject(train, validation, dev=None, **fields)`."""
    return make_subject


@pytest.fixture(scope="session")
def learnt_by_heart():
    """Has a subject's model say what the nearest training image is: `f(subject)`."""
    return nearest


@pytest.fixture(scope="session")
def scans():
    """Handwritten digits: a data set in which nothing is wrong."""
    return digits()
