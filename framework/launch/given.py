"""The model and the data set of a run that were given in Python, not by its flags."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from framework.config import Config
from framework.data.dataset import Dataset
from framework.errors import UsageError
from framework.models import ModelFunction

_PREFIX = "given("
_FIELDS = ("model", "dataset")


@dataclasses.dataclass(frozen=True, eq=False)
class Given:
    """The components of a run that were given in Python; None for those of its config.

    Attributes:
        model: A function of an image's shape and the number of classes that builds the
            model; or a model, of which there is one only: it cannot be trained anew.
        dataset: The data set.
    """

    model: ModelFunction | keras.Model | None = None
    dataset: Dataset | None = None

    @property
    def names(self) -> list[str]:
        """The fields of the config that these replace."""
        return [name for name in _FIELDS if getattr(self, name) is not None]

    @property
    def builder(self) -> ModelFunction | None:
        """The function that builds the model.

        Raises:
            UsageError: A built model was given.
        """
        if isinstance(self.model, keras.Model):
            raise UsageError(
                "the run was given a built model, which is trained by now; pass run() "
                "a function (image_shape, num_classes) -> model instead"
            )
        return self.model

    def described(self, config: Config, model: keras.Model, data: Dataset) -> Config:
        """Returns a config that names what was given.

        Args:
            config: The config.
            model: The network of the run.
            data: The data set of the run, as it is divided.
        """
        described: dict[str, Any] = {}
        if self.model is not None:
            described["model"] = f"{_PREFIX}parameters={model.count_params()})"
        if self.dataset is not None:
            train = data.stream.images if data.stream else len(data.train)
            sizes = f"train={train}, validation={len(data.validation)}"
            described["dataset"] = f"{_PREFIX}{data.name!r}, {sizes})"
        return dataclasses.replace(config, **described)


# Of a run that was given nothing.
NOTHING = Given()


def fields(config: Config) -> list[str]:
    """Returns the fields of a run's config that were given in Python.

    >>> fields(Config(model="given(parameters=650)"))
    ['model']
    """
    return [name for name in _FIELDS if getattr(config, name).startswith(_PREFIX)]


def call(config: Config, changed: Config, names: Sequence[str]) -> tuple[str, ...]:
    r"""Returns the lines of Python that train with another config.

    They use the names `config`, `model` and `dataset`, as the user gave them.

    >>> changed = Config(model="given(parameters=650)", learning_rate=0.1)
    >>> print("\n".join(call(changed, changed, ["learning_rate"])))
    changed = dataclasses.replace(config, learning_rate=0.1)
    run(changed, model=model)

    Args:
        config: Of the run.
        changed: The config to train with.
        names: The fields that change.
    """
    changes = ", ".join(f"{name}={getattr(changed, name)!r}" for name in names)
    given = "".join(f", {name}={name}" for name in fields(config))
    return (
        f"changed = dataclasses.replace(config, {changes})",
        f"run(changed{given})",
    )
