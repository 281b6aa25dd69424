"""Contexts with a linear program, which learns in milliseconds."""

import numpy as np
import pytest

from framework.data.arrays import digits
from framework.data.split import Split
from framework.diagnose.core.architecture import Architecture
from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.measurement import Measurements, NotApplicableError
from framework.diagnose.core.program import Program, TrialResult
from framework.diagnose.core.settings import TrainingSettings
from framework.numerics.metrics import Predictions

_EMPTY = Split(np.zeros((0, 1)), np.zeros(0, np.int32))


class LinearProgram(Program):
    """Ridge regression on pixels, of images pooled to 8x8; keeps interventions."""

    def __init__(self, train, num_classes, outermost=(), scale=True):
        self.train_split = train
        self.num_classes = num_classes
        self.outermost = outermost
        self.scale = scale
        self.interventions = []
        self.kernel = self._fit(train, np.ones(len(train)))

    @property
    def architecture(self):
        return Architecture((), self.outermost, 0, {})

    def _features(self, images):
        values = np.asarray(images, np.float64)
        if values.ndim == 4:
            step = -(-values.shape[1] // 8)
            values = values[:, ::step, ::step]
        values = values.reshape(len(values), -1)
        is_bytes = np.asarray(self.train_split.images).dtype == np.uint8
        values = values / 255 if is_bytes else values
        return np.column_stack([values, np.ones(len(values))])

    def _fit(self, split, weights):
        features = self._features(split.images)
        targets = np.eye(self.num_classes)[split.labels]
        gram = (features.T * weights) @ features
        gram += 1e-3 * len(features) * np.eye(len(gram)) * gram.trace() / gram.size
        return np.linalg.solve(gram, (features.T * weights) @ targets)

    def predict(self, images, training=False):
        return (self._features(images) @ self.kernel).astype(np.float32)

    def inputs(self, images):
        return np.asarray(images, np.float32) / (255 if self.scale else 1)

    def predict_live(self, images):
        return self.predict(images)

    def predict_reestimated(self, images, train_images):
        raise NotApplicableError("there is no batch norm")

    def penalty(self, at_initialization):
        return 0.0

    def loss(self, labels, outputs):
        raise NotImplementedError

    def depends_on(self, images, names):
        raise NotImplementedError

    def step_records(self, count, at_initialization):
        raise NotImplementedError

    def update_vectors(self, split):
        raise NotApplicableError("there are no steps")

    def step_gradients(self, split, at_initialization, draw, is_training):
        raise NotApplicableError("there are no steps")

    def update_norm(self, split, rate_factor):
        raise NotApplicableError("there are no steps")

    def gradients(self, split, at_initialization):
        raise NotImplementedError

    def activations(self, images, at_initialization, training=False):
        raise NotImplementedError

    def weights(self, at_initialization):
        return {}

    def train(self, name, intervention, epochs, at_initialization, allowance=None):
        self.interventions.append(intervention)
        if set(intervention.differences()) - {"train", "balance", "augment"}:
            raise NotApplicableError("this is a linear program")
        split = intervention.train or self.train_split
        weights = np.ones(len(split))
        if intervention.balance:
            weights = 1.0 / np.bincount(split.labels)[split.labels]
            weights *= len(split) / weights.sum()
        kernel, self.kernel = self.kernel, self._fit(split, weights)
        validation = self.predict(self.validation_images).argmax(axis=1)
        train = self.predict(self.train_split.images).argmax(axis=1)
        self.kernel = kernel
        return TrialResult(validation, train, epochs)

    def prolonged(self, trained, further):
        raise NotApplicableError("this is a linear program")


def make_settings(**changes):
    """Returns settings of a short training; `changes` replace fields."""
    fields = {
        "batch_size": 32,
        "train_images": 1000,
        "steps_per_epoch": 100,
        "epochs": 10,
        "learning_rate": 0.01,
        "highest_rate": 0.01,
    }
    return TrainingSettings(**{**fields, **changes})


def make_context(train, validation, dev=None, settings=None, **changes):
    """Returns a context of a linear program; `changes` replace its fields."""
    classes = int(max(train.labels.max(), validation.labels.max())) + 1
    program = LinearProgram(train, classes)
    program.validation_images = validation.images
    predicted = program.predict(validation.images).argmax(axis=1)
    wrong = (predicted != validation.labels).astype(np.int32)
    confidence = np.ones(len(wrong), np.float32)
    fields = {
        "class_names": tuple(f"class{index}" for index in range(classes)),
        "train": train,
        "dev": _EMPTY if dev is None else dev,
        "validation": validation,
        "labels": {"train": train.labels, "validation": validation.labels},
        "first_epoch_labels": None,
        "program": program,
        "rows": (),
        "predictions": (
            Predictions(validation.labels, predicted, wrong, confidence, confidence),
        ),
        "settings": make_settings(train_images=len(train), **(settings or {})),
    }
    return DiagnosisContext(**{**fields, **changes})


def nearest(made):
    """Makes a program predict the label of the nearest training image."""
    images = made.train.images.reshape(len(made.train), -1).astype(np.float32)
    classes = made.num_classes

    def predict(wanted, training=False):
        wanted = wanted.reshape(len(wanted), -1).astype(np.float32)
        near = (images**2).sum(1) - 2 * wanted @ images.T
        return np.eye(classes, dtype=np.float32)[made.train.labels[near.argmin(1)]]

    made.program.predict = predict
    return made


@pytest.fixture(scope="session")
def context():
    """Makes a context: `context(train, validation, dev=None, **fields)`."""
    return make_context


@pytest.fixture(scope="session")
def settings():
    """Makes training settings: `settings(**fields)`."""
    return make_settings


@pytest.fixture(scope="session")
def measured():
    """Makes what checks see: `measured(*measurements, **settings)`."""

    def make(*known, **changes):
        return Measurements(None, make_settings(**changes), known)

    return make


@pytest.fixture(scope="session")
def memorizing():
    """Makes a context's program predict the nearest training label: `f(context)`."""
    return nearest


@pytest.fixture(scope="session")
def scans():
    """Handwritten digits: a data set in which nothing is wrong."""
    return digits()
