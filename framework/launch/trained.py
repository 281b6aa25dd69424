"""A run's trained network, loaded from its folder without the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from framework import models
from framework.augment import normalize
from framework.augment.normalize import Normalizer
from framework.config import Config, spec
from framework.data import fit
from framework.data import record as data_record
from framework.errors import UsageError
from framework.launch import given as given_lib
from framework.launch import run_folder, sources, trust
from framework.launch import weights as weights_lib
from framework.launch.export import export_model, probabilities
from framework.loop import checkpoint_files
from framework.loop.checkpoint_files import Checkpoint
from framework.models import ModelFunction
from framework.numerics.metrics import from_log_probabilities, from_logits, summarize
from framework.optim import precision

_NORMALIZE, _EMA = "normalize/", "ema/"
# What predictions depend on. The others need not be importable here.
_NOT_NEEDED = ("dataset", "augment", "optimizer", "schedule", "loss")


# Images of bytes as dark as this fraction of those in training are probably not scaled
# as those: a photograph at night is brighter, and 1/16 and 1/255 are usual mistakes.
_DARK = 0.125


@dataclasses.dataclass(eq=False)
class Trained:
    """A trained network.

    Attributes:
        model: Maps normalized images to logits. With `--ema`, it has the average of the
            weights, as evaluations do.
        normalize: Normalization of pixels.
        image_shape: Height, width and channels of an image.
        dtype: That of the images it was trained on, uint8 or float32.
        class_names: The names of the classes, in the order of the logits.
        step: The number of optimizer steps of the weights.
        config: The configuration of the run.
        pixel_range: The least and the greatest value of a training image; equal if
            unknown.
        several_labels: Whether an image may have several labels.
        resize: How image files are fitted to `image_shape`, as in training.
    """

    model: keras.Model
    normalize: Normalizer
    image_shape: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    class_names: tuple[str, ...]
    step: int
    config: Config = dataclasses.field(default_factory=Config)
    pixel_range: tuple[float, float] = (0.0, 0.0)
    several_labels: bool = False
    resize: str = fit.SQUASH

    def use(self, checkpoint: Checkpoint) -> None:
        """Sets the weights to those of a checkpoint, as evaluations use them.

        Args:
            checkpoint: A checkpoint of the same run.

        Raises:
            RunError: It is of another model.
        """
        _assign(self.model, self.config, checkpoint)
        self.step = checkpoint.step

    def logits(self, images: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """Returns the logits of each class, float32 [N, K].

        Args:
            images: [N, height, width, C] as in training, or one image of [height,
                width, C]: uint8 from 0 to 255 if the data set has bytes.
            batch_size: Images per call of the model.

        Raises:
            UsageError: The images have another shape, or are floats instead of bytes.
        """
        if images.shape == self.image_shape:
            images = images[np.newaxis]
        self._check(images)
        parts = [np.zeros((0, len(self.class_names)), np.float32)]
        for start in range(0, len(images), batch_size):
            batch = self.normalize(tf.constant(images[start : start + batch_size]))
            logits = self.model(batch, training=False)
            parts.append(tf.cast(logits, tf.float32).numpy())
        return np.concatenate(parts)

    def predict(self, images: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """Returns the probabilities of each class, float32 [N, K]: see `logits`."""
        logits = self.logits(images, batch_size)
        return probabilities(logits, self.several_labels).numpy()

    def evaluate(
        self, images: np.ndarray, labels: np.ndarray, batch_size: int = 256
    ) -> dict[str, float]:
        """Returns the metrics of labelled images.

        Args:
            images: [N, height, width, C], as in training.
            labels: int [N], from 0 to K - 1; or [N, K] of 0 and 1, several labels each.
            batch_size: Images per call of the model.

        Returns:
            accuracy, loss (mean cross-entropy in nats), balanced_accuracy and others;
            see `framework.numerics.metrics.summarize`.

        Raises:
            UsageError: Images or labels do not fit.
        """
        labels, classes = np.asarray(labels), len(self.class_names)
        if self.several_labels:
            _check_several(labels, (len(images), classes))
            logits = self.logits(images, batch_size)
            return summarize(from_logits(logits, labels), self.class_names)
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise UsageError(
                f"labels must be class numbers [{len(images)}], not {labels.dtype} "
                f"{list(labels.shape)}; convert one-hot ones with labels.argmax(axis=1)"
            )
        if len(labels) == 0 or labels.min() < 0 or labels.max() >= classes:
            raise UsageError(
                f"labels must be one or more numbers from 0 to {classes - 1}"
            )
        logs = tf.nn.log_softmax(self.logits(images, batch_size)).numpy()
        return summarize(from_log_probabilities(logs, labels), self.class_names)

    def _check(self, images: np.ndarray) -> None:
        """Raises UsageError if images do not fit."""
        if images.shape[1:] != self.image_shape:
            raise UsageError(
                f"images must be [N, {', '.join(map(str, self.image_shape))}], as in "
                f"training, not {list(images.shape)}"
            )
        if self.dtype == np.uint8 and images.dtype != np.uint8:
            raise UsageError(
                f"the network was trained on uint8 images from 0 to 255; give these, "
                f"not {images.dtype}"
            )

    def scale_warning(self, images: np.ndarray) -> str:
        """Returns a warning if images seem to be scaled otherwise than in training."""
        low, high = self.pixel_range
        if not images.size or low == high:
            return ""
        lowest, highest = float(images.min()), float(images.max())
        is_beyond = max(low - lowest, highest - high) > high - low
        is_dark = max(abs(lowest), abs(highest)) < _DARK * max(abs(low), abs(high))
        if not is_beyond and not is_dark:
            return ""
        return (
            f"the images have values from {lowest:g} to {highest:g}; those in training "
            f"had {low:g} to {high:g}: are they scaled alike?"
        )

    def export(self, folder: str | Path) -> None:
        """Writes a SavedModel; see `framework.launch.export.export_model`."""
        export_model(self.model, self.normalize, folder, self.several_labels)


def _check_several(labels: np.ndarray, shape: tuple[int, int]) -> None:
    """Raises UsageError unless labels are 0 or 1, of a shape [N, K], and N above 0."""
    if labels.shape != shape or not len(labels) or not np.isin(labels, (0, 1)).all():
        raise UsageError(
            f"labels must be 0 or 1 for each class, {list(shape)}, not {labels.dtype} "
            f"{list(labels.shape)}"
        )


def load(
    folder: str | Path,
    weights: str = "best",
    model: ModelFunction | None = None,
    *,
    trust_run: bool = False,
) -> Trained:
    """Loads the network of a run; the run's data are not needed.

    Nothing is written, and the run may still be training.

    Args:
        folder: The folder of the run.
        weights: One of `framework.launch.weights.WEIGHTS`.
        model: The function that builds its model, if it was given in Python.
        trust_run: See `framework.launch.trust`.

    Raises:
        UsageError: There is no run, or none with such weights; its model was given in
            Python and is not given here; or it is not trusted.
        RunError: The weights are damaged, or of another model.
    """
    run = Path(folder)
    config = run_folder.read_config(run)
    if "model" in given_lib.fields(config) and model is None:
        raise UsageError(
            f"the model of the run in {run} was given in Python; give it to "
            f"framework.launch.trained.load as well"
        )
    given = _NOT_NEEDED if model is None else (*_NOT_NEEDED, "model")
    if _are_members(config, model is not None):
        given = (*given, "experiment")
    trust.load(run, config, trust_run, given)
    record = data_record.read(run)
    if record is None:
        raise UsageError(f"{run} has no data.json, which has the classes; restore it")
    checkpoint = weights_lib.read(run, config, weights)
    height, width, channels = record.fields["image_shape"]
    shape, names = (height, width, channels), tuple(record.fields["class_names"])
    function = model
    if function is None:
        files = sources.find(dataclasses.replace(config, workdir=str(run), fresh=False))
        function = models.build(config.model, files)
    with precision.policy(config.precision):
        network = function(shape, len(names))
    models.check(network, shape, len(names))
    _assign(network, config, checkpoint)
    dtype = np.dtype(record.fields["dtype"])
    values = _starting_with(checkpoint.values, _NORMALIZE)
    scaling = normalize.restored(config.normalize, dtype, values)
    return Trained(
        network,
        scaling,
        shape,
        dtype,
        names,
        checkpoint.step,
        config,
        record.pixel_range,
        record.has_several_labels,
        record.decoding.get("resize", fit.SQUASH),
    )


def _are_members(config: Config, is_model_given: bool) -> bool:
    """Returns whether the network needs no code but that of this package.

    The experiment that started the run may add members of its own to the families.
    """
    names = {call.name for call in spec.parts(config.normalize)}
    known = {*normalize.NORMALIZATIONS}
    if not is_model_given:
        names.add(spec.single(config.model).name)
        known |= {*models.MODELS}
    return names <= known


def _assign(network: keras.Model, config: Config, checkpoint: Checkpoint) -> None:
    """Sets the variables of a network to those that evaluations use."""
    variables = {
        f"model/{index}": variable.value
        for index, variable in enumerate(network.variables)
    }
    values = checkpoint.values
    known = {name: each for name, each in values.items() if name.startswith("model/")}
    checkpoint_files.assign(variables, known, checkpoint.path)
    averages = _starting_with(values, _EMA)
    if config.ema and averages:
        for index, weight in enumerate(network.trainable_variables):
            weight.assign(averages[str(index)])


def _starting_with(
    values: Mapping[str, np.ndarray], prefix: str
) -> dict[str, np.ndarray]:
    """Returns the values whose names start with a prefix, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }
