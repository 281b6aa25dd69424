"""Checks the values of a config, field by field."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from framework.config import spec, update_rules
from framework.config.durations import Duration
from framework.config.fold import Fold
from framework.config.portion import Portion
from framework.config.step_range import StepRange
from framework.errors import UsageError
from framework.system import paths, printable, waiting

_DURATIONS = ("train_for", "evaluate_every", "checkpoint_every", "log_every")
_SPECS = ("dataset", "sampling", "normalize", "optimizer", "schedule", "loss")
# More than any processor has; each is a thread of the system.
_MAX_THREADS = 1024
_THREADS = f"from 0 to {_MAX_THREADS}"
_SPECS_OR_EMPTY = ("augment", "metrics", "hooks", "report")

_Parsed = TypeVar("_Parsed")


def check_type(name: str, value: object, kind: type, choices: tuple[str, ...]) -> None:
    """Checks one value without regard to its meaning.

    Args:
        name: The name of its field.
        value: The value.
        kind: The type of its field: bool, float, int or str.
        choices: The permitted values; () for any.

    Raises:
        UsageError: It is of another type, not finite, not one line of text, or not
            among the choices.
    """
    permitted = (int, float) if kind is float else kind
    if not isinstance(value, permitted) or (
        # A bool is an int to Python.
        isinstance(value, bool) and kind is not bool
    ):
        is_length = name in _DURATIONS and type(value) in (int, float)
        hint = f"; {value} epochs are '{value}ep'" if is_length else ""
        raise UsageError(
            f"--{name} must be of type {kind.__name__}, not {value!r}{hint}"
        )
    if isinstance(value, str) and printable.control_character(value):
        # A newline would start another flag in flags.txt.
        raise UsageError(f"--{name} must be one line of text, not {value!r}")
    if choices:
        _require(name, value, value in choices, f"one of {', '.join(choices)}")
    if isinstance(value, float):
        _require(name, value, math.isfinite(value), "a finite number")


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Checks all values of a config by their meaning.

    Args:
        values: The values by field, each of the right type.

    Returns:
        The same values; folds and paths in the form in which they are compared.

    Raises:
        UsageError: A value is out of range or cannot be parsed.
    """
    values = dict(values)
    for name in _DURATIONS:
        _check_duration(name, values[name])
    for name in (*_SPECS, *_SPECS_OR_EMPTY):
        _check_spec(name, values[name])
    _check_ranges(values)
    if values["test"]:
        _parse("test", values["test"], Portion.parse)
    if values["fold"]:
        values["fold"] = str(_parse("fold", values["fold"], Fold.parse))
    if values["profile"]:
        _parse("profile", values["profile"], StepRange.parse)
    _parse("freeze", values["freeze"], update_rules.parse_freeze)
    _parse("lr_scale", values["lr_scale"], update_rules.parse_scales)
    exclude = values["exclude"]
    files = exclude.split(",") if exclude else []
    _require("exclude", exclude, all(map(str.strip, files)), "paths of CSV files")
    for name in ("workdir", "cache"):
        _require(name, values[name], bool(values[name]), "the path of a folder")
    for name in ("init_from", "cache", "workdir"):
        values[name] = paths.expand(values[name], f"--{name}")
    waiting.parse_seconds(values["wait_for"])
    return values


def _check_ranges(values: Mapping[str, Any]) -> None:
    """Raises UsageError if a number is out of range."""

    def require(name: str, condition: bool, what: str) -> None:
        _require(name, values[name], condition, what)

    require("learning_rate", values["learning_rate"] > 0, "positive")
    for name in ("batch_size", "accumulate", "keep_checkpoints", "keep_best"):
        require(name, values[name] >= 1, "at least 1")
    for name in ("clip_norm", "early_stopping", "devices", "steps_per_call"):
        require(name, values[name] >= 0, "0 or more")
    require("threads", 0 <= values["threads"] <= _MAX_THREADS, _THREADS)
    for name in ("label_smoothing", "ema", "train_dev"):
        require(name, 0 <= values[name] < 1, "from 0 to below 1")
    require("seed", 0 <= values["seed"] < 2**32, "from 0 to 2**32 - 1")
    size = values["batch_size"]
    is_divisor = size % values["accumulate"] == 0
    require("accumulate", is_divisor, f"a divisor of --batch_size={size}")
    shards = values["shards"]
    if shards:
        is_power = shards >= 2 and shards.bit_count() == 1
        require("shards", is_power, "0, or a power of two from 2")
        is_divisor = size % shards == 0
        require("shards", is_divisor, f"a divisor of --batch_size={size}")


def _check_duration(name: str, text: str) -> None:
    duration = _parse(name, text, Duration.parse)
    _require(name, text, duration.value > 0, "longer than 0")
    if name == "train_for":
        _require(name, text, duration.unit != "%", "in steps or epochs")


def _check_spec(name: str, text: str) -> None:
    if text.strip():
        _parse(name, text, spec.parse)
    else:
        _require(name, text, name in _SPECS_OR_EMPTY, "a name(...)")


def _parse(name: str, text: str, parse: Callable[[str], _Parsed]) -> _Parsed:
    """Parses the text of a field, which is named in the error if it cannot be."""
    try:
        return parse(text)
    except UsageError as problem:
        raise UsageError(f"--{name}: {problem}") from None


def _require(name: str, value: object, condition: bool, what: str) -> None:
    if not condition:
        raise UsageError(f"--{name} must be {what}, not {value!r}")
