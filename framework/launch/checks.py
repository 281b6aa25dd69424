"""Checks a config, by itself and against the data and the devices of a run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping

import keras

from framework import augment, data, losses, models, schedules
from framework import metrics as metrics_lib
from framework.augment import normalize
from framework.config import Config, spec
from framework.data import sampling
from framework.data.dataset import Dataset
from framework.data.examples import Examples
from framework.data.servers import Servers
from framework.errors import UsageError
from framework.loop.evaluate import metric_names
from framework.metrics import METRICS, Metric
from framework.models import probabilities
from framework.optim import optimizers


def check(config: Config, given: Collection[str] = ()) -> None:
    """Validates a config as far as possible without loading TensorFlow or data.

    Args:
        config: The configuration.
        given: The fields to skip, because their components are given in Python.

    Raises:
        UsageError: A spec names something unknown, or has wrong arguments.
    """
    checks: dict[str, Callable[[str], object]] = {
        "dataset": data.check,
        "augment": augment.build,
        "normalize": normalize.parse,
        "model": models.build,
        "optimizer": optimizers.build,
        "schedule": schedules.build,
        "sampling": sampling.build,
        "loss": functools.partial(losses.build, label_smoothing=config.label_smoothing),
        "metrics": metrics_lib.build,
    }
    for name, check_spec in checks.items():
        if name in given:
            continue
        try:
            check_spec(getattr(config, name))
        except UsageError as problem:
            raise UsageError(f"--{name}: {problem}") from None
    if config.input == "service":
        Servers.parse(config.service, 0.0, config.i_trust_this_network)
    if config.shards and config.accumulate > 1:
        raise UsageError(
            f"--shards={config.shards} computes a batch in parts already; leave out "
            f"--accumulate={config.accumulate}"
        )
    if config.shards and config.strategy == "tpu":
        raise UsageError(
            f"--shards={config.shards} does not work with --strategy=tpu; leave it out"
        )


def check_batch_size(config: Config, images: int, replicas: int) -> None:
    """Checks that batches can be drawn and divided.

    Args:
        config: The configuration.
        images: The number of training images.
        replicas: The number of devices.

    Raises:
        UsageError: A batch is too large, or cannot be divided evenly.
    """
    size, divisor = config.batch_size, replicas * config.accumulate
    if config.shards % replicas:
        raise UsageError(
            f"--shards must be a multiple of the number of devices, {replicas}, which "
            f"must be a power of two, not {config.shards}"
        )
    if size > images:
        raise UsageError(
            f"--batch_size must be at most the number of training images, {images:,}, "
            f"not {size:,}"
        )
    if size % divisor:
        raise UsageError(
            f"--batch_size must be a multiple of {divisor} ({replicas} devices times "
            f"--accumulate={config.accumulate}), not {size}"
        )
    if config.jit and replicas > 1:
        raise UsageError("--jit works on one device only; leave out --jit or --devices")


def check_metrics(
    metrics: Mapping[str, Metric],
    examples: Examples,
    monitor: str,
    rate: schedules.LearningRate,
) -> None:
    """Checks the metrics of the evaluations, and that those observed are among them.

    Args:
        metrics: Further metrics of the evaluations, by name.
        examples: The examples.
        monitor: The metric that determines the best evaluation.
        rate: The learning rate, which may observe metrics.

    Raises:
        UsageError: A metric fails, or an observed one is not measured.
    """
    dataset = examples.dataset
    splits = {"train": dataset.train, "validation": dataset.validation}
    weighted = [name for name, split in splits.items() if split.weights is not None]
    has_dev = len(examples.train_dev) > 0
    several = dataset.has_several_labels
    names = metric_names(
        dataset.class_names, has_dev, weighted, has_several_labels=several
    )
    taken = [name.partition("/")[2] for name in names]
    metrics_lib.check(metrics, dataset.num_classes, taken, several)
    names = metric_names(dataset.class_names, has_dev, weighted, metrics, several)
    rate.check_monitors(names)
    if monitor not in names:
        raise UsageError(
            f"--monitor must be a metric of an evaluation, not {monitor!r}; known "
            f"are {', '.join(names)}"
        )


def check_outputs(model: keras.Model, image_shape: tuple[int, int, int]) -> None:
    """Checks that a model does not return probabilities.

    Args:
        model: A built model.
        image_shape: Height, width and channels.

    Raises:
        UsageError: It does, so that the loss would apply the activation a second time.
    """
    activation = probabilities.returned(model, image_shape)
    if activation:
        raise UsageError(
            f"the model returns probabilities, of a {activation} at its end, but the "
            f"loss takes logits and would apply the {activation} a second time; leave "
            f"it out, as in Dense(..., activation=None)"
        )


def check_several_labels(config: Config) -> None:
    """Checks that no flag needs one label per image, since the data have several.

    Raises:
        UsageError: A flag does.
    """
    losses.build(config.loss, config.label_smoothing, several_labels=True)
    for name in ("sampling", "exclude", "metrics"):
        value = getattr(config, name)
        # A metric of the user's own may take several labels.
        is_own = name == "metrics" and not set(_metric_names(value)) & set(METRICS)
        if value != getattr(Config, name) and not is_own:
            raise UsageError(
                f"--{name}={value} needs one label per image, but the data have "
                f"several; leave it out"
            )


def check_stream(config: Config, replicas: int) -> None:
    """Checks that no flag needs training images by position, which a stream lacks.

    Args:
        config: The configuration.
        replicas: The number of devices.

    Raises:
        UsageError: A flag does.
    """
    # Nothing is held out by default either.
    names = ("train_dev", "test", "fold", "exclude", "sampling", "shards", "diagnose")
    wrong = [name for name in names if getattr(config, name) != getattr(Config, name)]
    if not config.train_dev:
        wrong.remove("train_dev")
    if config.input == "service":
        wrong.append("input")
    if config.on_nonfinite == "rollback":
        wrong.append("on_nonfinite")
    if losses.counts_images(config.loss):
        wrong.append("loss")
    for name in wrong:
        raise UsageError(
            f"--{name}={getattr(config, name)} needs to know all training images, and "
            f"these come from a stream; leave it out"
        )
    if replicas > 1:
        raise UsageError(
            f"a stream is read on one device only, not on {replicas}; leave out "
            f"--strategy and --devices"
        )


def refuse_stream(dataset: Dataset, what: str) -> None:
    """Raises UsageError if the training images are a stream.

    Args:
        dataset: The data set.
        what: What is refused, such as "a diagnosis".
    """
    if dataset.stream:
        raise UsageError(
            f"{what} needs to know all training images, and these come from a stream; "
            f"give arrays or files, or use framework.explain or explain_loop"
        )


def _metric_names(text: str) -> list[str]:
    return [call.name for call in spec.parts(text)]
