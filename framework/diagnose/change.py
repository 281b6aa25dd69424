"""What an experiment does differently from the run that is diagnosed."""

from __future__ import annotations

import dataclasses
from typing import Any

from framework.data.dataset import Split


class CannotChangeError(Exception):
    """The program has nothing that could be changed so."""


@dataclasses.dataclass(frozen=True, eq=False)
class Change:
    """Differences; what is at its default stays as it is.

    Attributes:
        learning_rate: What to multiply it by.
        constant_rate: What it is throughout, instead of what a schedule says; 0 for
            none.
        batch_size: What to multiply it by; the learning rate stays.
        standardize: Scale inputs to mean 0 and standard deviation 1 of each channel.
        consistent_loss: Mean cross-entropy that fits what the model returns.
        initialize: Draw kernels by He or Glorot, and set biases to 0.
        activation: Of the hidden layers.
        width: What to multiply units and filters of the hidden layers by.
        dropout: Of all dropout layers.
        weight_decay: That of the optimizer, and that of layers.
        augment: Random changes of the training images, by their spec; "" for none.
        clip_norm: The largest global norm of the gradient.
        norm_momentum: Of batch norm's moving statistics.
        balance: Draw all classes equally often.
        shuffle: Draw a new order in each epoch.
        trainable: Train all weights.
        plain_step: Train by Keras's own step, whatever step the program has.
        train: Images to train on instead.
    """

    learning_rate: float = 1.0
    constant_rate: float = 0.0
    batch_size: float = 1.0
    standardize: bool = False
    consistent_loss: bool = False
    initialize: bool = False
    activation: str = ""
    width: float = 1.0
    dropout: float | None = None
    weight_decay: float | None = None
    augment: str | None = None
    clip_norm: float = 0.0
    norm_momentum: float = 0.0
    balance: bool = False
    shuffle: bool = False
    trainable: bool = False
    plain_step: bool = False
    train: Split | None = None

    def differences(self) -> dict[str, Any]:
        """Returns what is not at its default, by name."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) is not field.default
            and getattr(self, field.name) != field.default
        }

    def __or__(self, other: Change) -> Change:
        """Returns both changes in one; factors are multiplied, else `other` rules."""
        factors = {
            name: getattr(self, name) * getattr(other, name)
            for name in ("learning_rate", "batch_size", "width")
        }
        return Change(**{**self.differences(), **other.differences(), **factors})
