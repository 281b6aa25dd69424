"""Initial weights and update rules of a run: --init_from, --freeze, --lr_scale."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from framework import models
from framework.config import Config, update_rules
from framework.config.update_rules import Freeze
from framework.errors import UsageError
from framework.launch import trained
from framework.loop.plan import Plan
from framework.models import by_name, freezing, names, saved_model, weight_files
from framework.models.by_name import Match
from framework.optim.update_factors import UpdateFactors


@dataclasses.dataclass(frozen=True, eq=False)
class Initial:
    """What a network was built from.

    Attributes:
        files: The files it was read from; see `sources.find`.
        values: The initial weights by name, if --init_from is a folder, by its text.
        match: The weights that --init_from has set; None without it.
        lines: Lines of the banner, by heading.
        normalize: The normalization spec in use, which the network may determine.
    """

    files: Mapping[str, Path]
    values: Mapping[str, Mapping[str, np.ndarray]] = dataclasses.field(
        default_factory=dict
    )
    match: Match | None = None
    lines: Mapping[str, str] = dataclasses.field(default_factory=dict)
    normalize: str = Config.normalize


def with_own_normalization(config: Config, files: Mapping[str, Path]) -> Config:
    """Replaces the default normalization where the network has a scaling of its own.

    Args:
        config: The configuration.
        files: From `sources.find`.

    Raises:
        UsageError: The network's file cannot be read.
    """
    if config.normalize != Config.normalize or config.model.startswith("given("):
        return config
    own = models.normalization(config.model, files)
    return dataclasses.replace(config, normalize=own) if own else config


def load(config: Config, model: keras.Model, files: Mapping[str, Path]) -> Initial:
    """Sets the weights of a model to those of --init_from.

    Args:
        config: The configuration.
        model: The model, in its strategy's scope.
        files: From `sources.find`.

    Raises:
        UsageError: There are no weights, none of them has a name and shape of the
            model, or the order of their rows in it is unknown.
        RunError: The file is damaged.
    """
    if not config.init_from:
        return Initial(files, normalize=config.normalize)
    path = files[config.init_from]
    if path.is_dir() and not saved_model.is_saved_model(path):
        values = _of_run(path)
    elif path.exists() or path.suffix:
        try:
            values = weight_files.read(path)
        except UsageError as problem:
            raise UsageError(f"--init_from: {problem}") from None
    else:
        raise UsageError(f"--init_from: there is no run and no file {path}")
    try:
        match = by_name.assign(model, values, weight_files.is_channels_first(path))
    except UsageError as problem:
        raise UsageError(f"--init_from={config.init_from}: {problem}") from None
    by_name.require_a_match(match, f"--init_from={config.init_from}")
    line = {"initial weights": f"{config.init_from}: {match.summary()}"}
    of_folder = {config.init_from: values} if path.is_dir() else {}
    return Initial(files, of_folder, match, line, config.normalize)


def _of_run(folder: Path) -> dict[str, np.ndarray]:
    """Returns the best weights of a run by name."""
    network = trained.load(folder).model
    return {weight.name: weight.variable.numpy() for weight in names.weights(network)}


def update_factors(
    config: Config, model: keras.Model, plan: Plan
) -> tuple[UpdateFactors | None, dict[str, str]]:
    """Returns the factors of the updates, and lines for the banner by heading.

    Args:
        config: The configuration.
        model: A built model.
        plan: The event schedule.

    Raises:
        UsageError: A rule matches nothing, or nothing is left to train.
    """
    if not config.freeze and not config.lr_scale:
        return None, {}

    def steps(rule: Freeze) -> int | None:
        if rule.until is None:
            return None
        return rule.until.steps(plan.steps_per_epoch, plan.total_steps)

    rules = freezing.plan(
        model,
        update_rules.parse_freeze(config.freeze),
        update_rules.parse_scales(config.lr_scale),
        steps,
    )
    factors = UpdateFactors(
        model.trainable_variables, rules.factors, rules.frozen_until
    )
    return factors, rules.lines
