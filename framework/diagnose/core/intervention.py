"""A change of a training: tried, printed and applied as one object."""

from __future__ import annotations

import dataclasses
import functools
import math
import shlex
from collections.abc import Mapping
from typing import Any, get_type_hints

from framework.config import Config, spec
from framework.config.durations import Duration
from framework.data import exclusion
from framework.data.split import Split
from framework.diagnose.core import model_spec
from framework.diagnose.core.measurement import NotApplicableError, Part
from framework.diagnose.core.settings import TrainingSettings
from framework.errors import UsageError

_FACTORS = (
    "learning_rate_factor",
    "batch_size_factor",
    "width_factor",
    "train_for_factor",
)
# Changes of the model or of which images are trained on, which no flag expresses. Of
# the others, those of the model are in `model_spec`.
_BEYOND_FLAGS = ("reinitialize", "activation", "unfreeze", "train")
# Changes of the images and labels; and those of the training only, which leave the
# model before its first step as it is, with its loss and its gradients.
_OF_DATA = {"standardize", "rescale", "train", "exclude"}
_OF_TRAINING = {
    "learning_rate_factor",
    "constant_learning_rate",
    "train_for_factor",
    "shuffle",
    "seed",
}
# The loss that is the mean cross-entropy of logits.
_CONSISTENT = "cross_entropy"
# The fields of a config that an intervention can change.
_CONFIG_FIELDS = (
    "exclude",
    "sampling",
    "batch_size",
    "learning_rate",
    "schedule",
    "normalize",
    "augment",
    "model",
    "loss",
    "clip_norm",
    "optimizer",
    "train_for",
    "early_stopping",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Intervention:
    """Differences from the original training; defaults change nothing.

    Attributes:
        learning_rate_factor: Multiplies the learning rate.
        constant_learning_rate: Replaces the schedule, before the factor; 0 for none.
        batch_size_factor: Multiplies the batch size; the learning rate stays.
        standardize: Whether to scale inputs to mean 0 and standard deviation 1 of each
            channel.
        rescale: The factor and the offset of all inputs; None leaves them.
        consistent_loss: Whether to train logits with the mean cross-entropy.
        reinitialize: Whether to draw kernels by He or Glorot, and set biases to 0.
        activation: Of the hidden layers; "" leaves them.
        width_factor: Multiplies units and filters of the hidden layers.
        dropout: The rate of all dropout layers; None leaves them.
        weight_decay: Of the optimizer and the layers; None leaves it.
        augment: The augmentation spec of the training images; "" for none, None leaves
            it.
        clip_norm: The largest global norm of the gradient; 0 leaves it.
        balance: Whether to draw all classes equally often.
        shuffle: Whether to draw a new order in each epoch.
        unfreeze: Whether to train all weights.
        keras_step: Whether to train by Keras's own step instead of the program's.
        unweighted: Whether all examples count the same, whatever weights were given.
        train: Images to train on instead; None leaves them.
        exclude: Lists of training images to leave out: CSV files for --exclude.
        train_for_factor: Multiplies the length of the training, and of all parts of its
            schedule that are given in percent; early stopping is left out then.
        seed: Is added to the seed of the training, to repeat a trial.

    Example:
        >>> slower = Intervention(learning_rate_factor=0.1)
        >>> (slower | Intervention(learning_rate_factor=0.1)).learning_rate_factor
        0.010000000000000002
        >>> slower.flags(Config(learning_rate=0.05))
        ('--learning_rate=0.005',)
    """

    learning_rate_factor: float = 1.0
    constant_learning_rate: float = 0.0
    batch_size_factor: float = 1.0
    standardize: bool = False
    rescale: tuple[float, float] | None = None
    consistent_loss: bool = False
    reinitialize: bool = False
    activation: str = ""
    width_factor: float = 1.0
    dropout: float | None = None
    weight_decay: float | None = None
    augment: str | None = None
    clip_norm: float = 0.0
    balance: bool = False
    shuffle: bool = False
    unfreeze: bool = False
    keras_step: bool = False
    unweighted: bool = False
    train: Split | None = None
    exclude: tuple[str, ...] = ()
    train_for_factor: float = 1.0
    seed: int = 0

    def differences(self) -> dict[str, Any]:
        """Returns the fields that are not at their defaults, by name."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) is not field.default
            and getattr(self, field.name) != field.default
        }

    @property
    def leaves(self) -> Part | None:
        """The part of a program that is as it was without this; None for none.

        Example:
            >>> Intervention(learning_rate_factor=10.0).leaves.name
            'START'
            >>> Intervention(dropout=0.5).leaves.name
            'DATA'
        """
        names = set(self.differences())
        if names & _OF_DATA:
            return None
        # Without augmentation, the layers of the model that augment do nothing either.
        is_fed = {"augment"} if self.augment else set()
        return Part.START if names <= _OF_TRAINING | is_fed else Part.DATA

    def __or__(self, other: Intervention) -> Intervention:
        """Returns both in one: factors are multiplied, and lists are joined.

        Otherwise `other` wins.
        """
        both: dict[str, Any] = {
            name: getattr(self, name) * getattr(other, name) for name in _FACTORS
        }
        both["exclude"] = tuple(dict.fromkeys((*self.exclude, *other.exclude)))
        return Intervention(**{**self.differences(), **other.differences(), **both})

    def apply(self, config: Config) -> Config:
        """Returns a config with all that a config can express.

        What it cannot is left to `code`; see `beyond_flags`.

        Raises:
            NotApplicableError: It is about a training step that this framework
                replaces.
        """
        if self.shuffle or self.keras_step:
            raise NotApplicableError("this framework shuffles, by a step of its own")
        if self.unweighted:
            raise NotApplicableError("its examples have no weights of their own")
        if self.rescale is not None:
            raise NotApplicableError("this framework scales inputs by its own flag")
        rate = self.constant_learning_rate or config.learning_rate
        rate *= self.learning_rate_factor
        size = max(round(config.batch_size * self.batch_size_factor), 1)
        parts = config.shards or config.accumulate
        fields: dict[str, Any] = {
            "batch_size": -(-size // parts) * parts,
            "seed": (config.seed + self.seed) % 2**32,
        }
        if rate != config.learning_rate:
            # Eight digits are all that float32 has, and print well.
            fields["learning_rate"] = float(f"{rate:.8g}")
        if self.constant_learning_rate:
            fields["schedule"] = "constant"
        if self.train_for_factor != 1.0:
            fields["train_for"] = _multiplied(config.train_for, self.train_for_factor)
            fields["early_stopping"] = 0
        if self.exclude:
            present = exclusion.split(config.exclude)
            fields["exclude"] = ",".join(dict.fromkeys((*present, *self.exclude)))
        if self.balance:
            fields["sampling"] = "balanced"
        if self.standardize:
            fields["normalize"] = "standard"
        if self.augment is not None:
            fields["augment"] = self.augment
        if self.dropout is not None or self.width_factor != 1.0:
            fields["model"] = model_spec.changed(
                config.model, self.dropout, self.width_factor
            )
        if self.consistent_loss and _has_own_loss(config):
            fields["loss"] = _CONSISTENT
        if self.clip_norm:
            fields["clip_norm"] = self.clip_norm
        if self.weight_decay is not None:
            optimizer = spec.single(config.optimizer)
            arguments = {**optimizer.kwargs, "weight_decay": self.weight_decay}
            fields["optimizer"] = spec.written(
                optimizer.name, optimizer.args, arguments
            )
        return dataclasses.replace(config, **fields)

    def flags(self, config: Config) -> tuple[str, ...]:
        """Returns the flags of `apply`, each quoted for a shell."""
        try:
            changed = self.apply(config)
        except NotApplicableError:
            return ()
        return tuple(
            shlex.quote(f"--{name}={getattr(changed, name)}")
            for name in _CONFIG_FIELDS
            if getattr(changed, name) != getattr(config, name)
        )

    def beyond_flags(self, config: Config) -> tuple[str, ...]:
        """Returns the names of the changes that `apply` leaves to `code`.

        Args:
            config: Of the run; of its model and its loss depends what flags can say.
        """
        names = [name for name in _BEYOND_FLAGS if name in self.differences()]
        if self.consistent_loss and not _has_own_loss(config):
            # So it is the outputs that do not match.
            names.append("consistent_loss")
        for name in ("dropout", "width_factor"):
            alone = {name: getattr(self, name)}
            if name in self.differences() and not _is_said(alone, config):
                names.append(name)
        return tuple(names)

    def as_json(self) -> dict[str, Any] | None:
        """Returns the differences as a JSON object; None if it has images of its own.

        >>> Intervention(clip_norm=1.0).as_json()
        {'clip_norm': 1.0}
        """
        return None if self.train is not None else self.differences()

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> Intervention:
        """Returns the intervention of `as_json`.

        >>> Intervention.of_json({"clip_norm": 1.0}).differences()
        {'clip_norm': 1.0}

        Raises:
            UsageError: It is not as written.
        """
        values = dict(fields)
        for name, value in values.items():
            kind = _json_types().get(name)
            if isinstance(value, list):
                values[name] = value = tuple(value)
            if kind is None or not _is_of(value, kind):
                raise UsageError(f"{name}={value!r} is no change of a training")
        return cls(**values)

    def code(self, settings: TrainingSettings) -> tuple[str, ...]:
        """Returns lines of Python that do the same to a Keras program.

        They use the names `keras`, `np`, `model`, `x_train`, `y_train` and
        `x_validation`.
        """
        from framework.diagnose.core import keras_code

        return keras_code.lines(self, settings)


@functools.cache
def _json_types() -> dict[str, Any]:
    """Returns the type of each field that JSON can hold."""
    return {
        name: kind
        for name, kind in get_type_hints(Intervention).items()
        if name != "train"
    }


def _is_said(change: Mapping[str, Any], config: Config) -> bool:
    """Returns whether the model's spec says a change, or the model has it already."""
    changed = Intervention(**change).apply(config).model
    present = model_spec.arguments(config.model)
    has_it = "dropout" in change and present.get("dropout") == change["dropout"]
    return changed != config.model or has_it


def _has_own_loss(config: Config) -> bool:
    """Returns whether the loss is the user's, not one of logits that comes with us."""
    return ":" in config.loss


def _is_of(value: object, kind: Any) -> bool:
    """Returns whether a value is of the type of a field, and finite."""
    if kind == tuple[str, ...]:
        return isinstance(value, tuple) and all(isinstance(each, str) for each in value)
    if kind == tuple[float, float] | None:
        return (
            isinstance(value, tuple)
            and len(value) == 2
            and all(_is_of(each, float) for each in value)
        )
    if isinstance(value, float):
        return math.isfinite(value) and kind in (float, float | None)
    if isinstance(value, int) and not isinstance(value, bool):
        return kind in (int, float, float | None)
    return kind in (type(value), type(value) | None)


def _multiplied(length: str, factor: float) -> str:
    """Returns a length in steps or epochs times a factor, to a tenth of an epoch.

    >>> _multiplied("20ep", 4 / 3), _multiplied("500", 2.0)
    ('26.7ep', '1000')
    """
    duration = Duration.parse(length)
    digits = 1 if duration.unit else 0
    return str(Duration(round(duration.value * factor, digits), duration.unit))
