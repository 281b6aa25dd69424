"""How a program was trained, as far as it is known."""

from __future__ import annotations

import dataclasses

from framework.config import Config


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """The settings of the original training.

    Attributes:
        batch_size: Images of a batch.
        train_images: Images of the training split.
        steps_per_epoch: Training steps of an epoch.
        epochs: The length of the training.
        learning_rate: The base rate.
        highest_rate: The highest rate that the schedule reaches.
        optimizer: Its name.
        weight_decay: Of the optimizer.
        augment: The augmentation spec; "" for none.
        early_stopping: Evaluations without progress that end training; 0 for never.
        diverged_in: The step in which numbers were no longer finite, where training
            ended; 0 if it has ended otherwise.
        seconds: How long it took, with its evaluations; 0 if that is not known.
        has_rate_callback: Whether callbacks of `fit` change the learning rate.
        has_loss_scale: Whether a Keras optimizer is wrapped to scale the loss.
        validation_is_random: Whether two passes give different validation images.
        validation_is_reshuffled: Whether those of the second pass were in training or
            validation in the first: the data are divided anew in each pass.
        config: The run's config; None for a Keras program.
    """

    batch_size: int
    train_images: int
    steps_per_epoch: int
    epochs: float
    learning_rate: float
    highest_rate: float
    optimizer: str = ""
    weight_decay: float = 0.0
    augment: str = ""
    early_stopping: int = 0
    diverged_in: int = 0
    seconds: float = 0.0
    has_rate_callback: bool = False
    has_loss_scale: bool = False
    validation_is_random: bool = False
    validation_is_reshuffled: bool = False
    config: Config | None = None
