"""The facts about a run that TensorBoard shows once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from framework.report import pictures, tags


def _no_weights() -> Mapping[str, np.ndarray]:
    return {}


@dataclasses.dataclass(frozen=True, eq=False)
class About:
    """The facts about a run that are written once.

    Attributes:
        config: The fields that the run's numbers depend on.
        changed: Those of them that are not the default, or are often varied.
        facts: Lines about the run by heading, as on the console.
        environment: Machine, command and versions, by name.
        model: The layers of the network.
        class_names: Names of the classes.
        samples: Rows of images, each a training image and augmentations of it,
            [columns, height, width, C]; may be empty.
        validation: Returns the validation images at indices, int64 [n]: [n, height,
            width, C], and the names of their files, or their indices.
        schedule: The parts of the learning rate: the step of their begin, and text.
        weights: Returns values of the network's weights by name, for histograms.
        metrics: Names of further metrics that HParams compares.
        compared: Names of the fields that HParams compares; None for `changed`.
        is_rate_adapted: Whether the schedule observes evaluations, as plateau does.
        is_listed: Whether TensorBoard finds the files: not those of a part of another
            run, which it would list beside that.
    """

    config: Mapping[str, object]
    changed: Mapping[str, object]
    facts: Mapping[str, str]
    environment: Mapping[str, object]
    model: str
    class_names: Sequence[str]
    samples: Sequence[np.ndarray]
    validation: pictures.Take
    schedule: Sequence[tuple[int, str]] = ()
    weights: Callable[[], Mapping[str, np.ndarray]] = _no_weights
    metrics: Sequence[str] = ()
    compared: Collection[str] | None = None
    is_rate_adapted: bool = False
    is_listed: bool = True


def texts(about: About) -> dict[str, str]:
    """Returns the texts in Markdown by tag: what differs from the defaults first."""
    others = {k: v for k, v in about.config.items() if k not in about.changed}
    return {
        "about/config": "**Set, or not the default**\n\n"
        f"{tags.table(about.changed)}\n\n**Defaults**\n\n{tags.table(others)}",
        "about/run": tags.table(about.facts, "what"),
        "about/model": "".join(f"    {x}\n" for x in about.model.splitlines()),
        "about/environment": tags.table(about.environment, "what"),
    }
