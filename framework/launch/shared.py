"""Runs of one process that differ in numbers only share their compiled programs.

Tracing and optimizing its graphs takes a run seconds, more than a short run trains.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
from collections.abc import Iterator

import keras
import numpy as np

from framework.config import Config
from framework.data.dataset import Dataset
from framework.data.images import Progress
from framework.launch import checks, components
from framework.launch.components import Components
from framework.models import ModelFunction

# The fields of a config that no graph and no initial weight depends on: the learning
# rate is a variable of the graphs.
_FREE = ("learning_rate", "workdir")
# How many programs are kept, such as those of the seeds of a sweep.
_MOST = 3
# Programs with more bytes of images and variables are not kept: they train for long,
# and the next run may need the memory.
_MOST_BYTES = 2**28


@dataclasses.dataclass(frozen=True, eq=False)
class _Program:
    """The components of an earlier run.

    Attributes:
        config: The config of the run, without the fields of `_FREE`.
        components: Its components.
        initial: The initial values of their variables, by name.
    """

    config: Config
    components: Components
    initial: dict[str, np.ndarray]

    def reset(self, learning_rate: float) -> Components:
        """Returns the components as they were before the run."""
        for name, variable in self.components.variables().items():
            variable.assign(self.initial[name])
        self.components.loop.start_again()
        self.components.state.learning_rate.set_peak(learning_rate)
        return self.components


_programs: contextvars.ContextVar[list[_Program] | None] = contextvars.ContextVar(
    "programs", default=None
)


@contextlib.contextmanager
def programs() -> Iterator[None]:
    """Shares compiled programs between the runs in the block.

    A run then trains the variables of an earlier one, whose result must not be in use
    any more. Its numbers are those that it has alone.
    """
    token = _programs.set([])
    try:
        yield
    finally:
        _programs.reset(token)


def build(
    config: Config,
    model: ModelFunction | keras.Model | None,
    dataset: Dataset | None,
    progress: Progress,
) -> Components:
    """Builds the components of a run, or reuses those of an earlier one.

    Args:
        config: As of `components.build`.
        model: As of `components.build`.
        dataset: As of `components.build`.
        progress: As of `components.build`.

    Raises:
        UsageError: The config is wrong.
        RunError: The data cannot be used.
    """
    kept = _programs.get()
    if kept is None or model is not None or dataset is not None:
        return components.build(config, model, dataset, progress)
    default = Config()
    key = dataclasses.replace(
        config, **{name: getattr(default, name) for name in _FREE}
    )
    for program in kept:
        if program.config == key:
            checks.check(config)
            return program.reset(config.learning_rate)
    built = components.build(config, None, None, progress)
    initial = {name: value.numpy() for name, value in built.variables().items()}
    variables = sum(np.asarray(value).nbytes for value in initial.values())
    if _bytes(built) + variables <= _MOST_BYTES:
        kept.append(_Program(key, built, initial))
        del kept[:-_MOST]
    return built


def _bytes(built: Components) -> int:
    """Returns how many bytes the images of a run have."""
    dataset = built.examples.dataset
    return sum(
        int(np.prod(split.shape)) * split.dtype.itemsize
        for split in (dataset.train, dataset.validation)
    )
