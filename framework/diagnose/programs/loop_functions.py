"""The functions by which an author describes a training loop of any kind."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs.trial_data import batch_size
from framework.errors import UsageError

# Images of one call of `predict`.
_BATCH = 256
# What `train` or `build` can take to change a training, by its field of an
# intervention; those of `_FED` change the data.
_TAKEN = {
    "learning_rate_factor": "learning_rate",
    "constant_learning_rate": "learning_rate",
    "batch_size_factor": "batch_size",
    "weight_decay": "weight_decay",
    "dropout": "dropout",
    "clip_norm": "clip_norm",
    "activation": "activation",
    "width_factor": "width_factor",
    "shuffle": "shuffle",
    "augment": "augment",
}
_FED = {"standardize", "rescale", "balance", "train", "seed", "train_for_factor"}

Data = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class LoopFunctions:
    """The functions of a loop.

    Attributes:
        build: Returns a model; may take `seed`.
        train: `train(model, data, epochs)` trains in place or returns the model; may
            take changes by name.
        predict: `predict(model, images)` returns [N, K]; may take `training`.
    """

    build: Callable[..., Any]
    train: Callable[..., Any]
    predict: Callable[..., Any]

    def default(self, name: str) -> Any:
        """Returns the default value of an argument of `train` or `build`, or None."""
        for function in (self.train, self.build):
            parameter = inspect.signature(function).parameters.get(name)
            if parameter is not None and parameter.default is not parameter.empty:
                return parameter.default
        return None

    def built(self, seed: int, changes: Mapping[str, Any]) -> Any:
        """Returns a model before its first step."""
        return self.build(**_accepted(self.build, {"seed": seed, **changes}))

    def trained(
        self, model: Any, data: Data, epochs: int, changes: Mapping[str, Any]
    ) -> Any:
        """Returns the model after some epochs."""
        result = self.train(model, data, epochs, **_accepted(self.train, changes))
        return model if result is None else result

    def outputs(self, model: Any, images: np.ndarray, training: bool) -> np.ndarray:
        """Returns the outputs of a model: float32 [N, K].

        Raises:
            NotApplicableError: `predict` takes no `training`.
            UsageError: It does not return numbers for each image.
        """
        mode: dict[str, bool] = {}
        if takes(self.predict, "training"):
            mode["training"] = training
        elif training:
            raise NotApplicableError("predict() takes no training")
        count = max(math.ceil(len(images) / _BATCH), 1)
        parts = [
            _as_array(self.predict(model, part, **mode), len(part))
            for part in np.array_split(images, count)
        ]
        return np.concatenate(parts)

    def arguments(
        self, intervention: Intervention, learning_rate: float, size: int
    ) -> dict[str, Any]:
        """Returns the arguments of `train` or `build` that are an intervention.

        Args:
            intervention: What is different from the original training.
            learning_rate: Of the original training; 0 if it is not known.
            size: The images of a batch of the original training.

        Raises:
            NotApplicableError: They take no such argument.
        """
        arguments: dict[str, Any] = {}
        for name, value in intervention.differences().items():
            if name in _FED:
                continue
            argument = _TAKEN.get(name)
            functions = self.train, self.build
            if argument is None or not any(takes(each, argument) for each in functions):
                raise NotApplicableError(f"train() takes no {argument or name}")
            arguments[argument] = value
        rate = intervention.constant_learning_rate or learning_rate
        if "learning_rate" in arguments:
            if not rate:
                raise NotApplicableError(
                    "learning_rate has no default value in train(), which is that of "
                    "the original training"
                )
            arguments["learning_rate"] = rate * intervention.learning_rate_factor
        if "batch_size" in arguments:
            arguments["batch_size"] = batch_size(size, intervention)
        return arguments


def takes(function: Callable[..., Any], name: str) -> bool:
    """Returns whether a function names an argument in its signature."""
    return name in inspect.signature(function).parameters


def _accepted(
    function: Callable[..., Any], changes: Mapping[str, Any]
) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if takes(function, name)}


def _as_array(given: Any, count: int) -> np.ndarray:
    if hasattr(given, "detach"):
        # A tensor of PyTorch.
        given = given.detach().cpu().numpy()
    result = np.asarray(given, np.float32)
    if result.ndim == 1:
        result = result[:, None]
    if result.ndim != 2 or len(result) != count:
        raise UsageError(
            f"predict() must return logits or probabilities [N, classes], "
            f"[{count}, classes] here, not {list(result.shape)}"
        )
    return result
