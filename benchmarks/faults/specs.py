"""Random flags and specs."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.faults.inputs import ANY, SMALL, Input
from framework import augment, data, losses, models, schedules
from framework.augment import normalize
from framework.config import Config
from framework.optim import optimizers

_DRAWN = 500
_FAMILIES: Mapping[str, Mapping[str, Callable]] = {
    "augment": augment.AUGMENTATIONS,
    "dataset": data.DATASETS,
    "loss": losses.LOSSES,
    "model": models.MODELS,
    "normalize": normalize.NORMALIZATIONS,
    "optimizer": optimizers.OPTIMIZERS,
    "schedule": schedules.SCHEDULES,
}
# These are drawn image by image, or downloaded: a great number is no fault.
_SLOW = ("drawn_flowers", "tfds", "noise")
_NOT_IN_SPECS = ("image_shape", "num_classes", "t", "T", "self", "labels", "logits")
_NUMBERS = (
    "0",
    "-1",
    "1",
    "2",
    "0.5",
    "-0.5",
    "1e-300",
    "1e300",
    "1e999",
    "-1e999",
    "2147483648",
    "9223372036854775808",
    "9" * 50,
    "1e-9",
    "1_000",
    "0x10",
    "00",
)
_LITERALS = (
    "None",
    "True",
    "'x'",
    "''",
    "()",
    "[]",
    "{}",
    "{1}",
    "b'x'",
    "1j",
    "...",
    "nan",
    "(1,)",
    "(0, 0)",
    "(1, 2, 3)",
    "(2, 1)",
    "('a',)",
    "((1,),)",
    "10ep",
    "5%",
    "0ep",
    "200%",
    "'10ep'",
    "'5%'",
    "'-5%'",
    "'validation/loss'",
    "'linear'",
    "'\\n'",
    "'\\x1b[2J'",
    "'\\ud800'",
    "'\u202e'",
    "'a' * 9",
    "-'a'",
    "1 + 1",
)
_TEXTS = (
    "",
    " ",
    "x",
    "-1",
    "0",
    "1",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "1e-999",
    "9" * 400,
    "2147483648",
    "9223372036854775808",
    "1.5",
    "0x10",
    "1_000",
    "\u0661",
    "1,5",
    "true",
    "None",
    "--",
    "-",
    "=",
    "'",
    '"',
    "\\",
    "a\nb",
    "a\rb",
    "a\tb",
    "\x1b[2J",
    "\x00",
    "\x7f",
    "\x9b2J",
    "\ud800".encode("utf-8", "surrogatepass").hex(),
    "\udcff\udcfe",
    "\u202e\u2066",
    "\U0001f600" * 9,
    "\u00e9",
    "a" * 5000,
    "%s%n",
    "{x}",
    "$(x)",
    "10ep",
    "10%",
    "0ep",
    "1e9ep",
    "-5ep",
    "nanep",
    "5 ep ",
    "0%",
)
_PIECES = (*"()+*,='\"\\#%[]{}:;.~ \n\t\x00\x1b\u00e9", "ep", "**", "lambda:", "1e999")


def drawn(seed: int, count: int = _DRAWN) -> list[Input]:
    """Returns inputs drawn at random; each depends on the seed and its place only."""
    return [_drawn(np.random.default_rng([seed, place])) for place in range(count)]


def fields() -> list[str]:
    """Returns the names of all flags that define a run."""
    return [field.name for field in dataclasses.fields(Config)]


def with_flag(flag: str, value: str, codes: frozenset[int]) -> Input:
    """Returns a command with one flag more."""
    arguments = (*SMALL, f"--{flag}={value}")
    free = ("here/run",)
    if flag == "workdir" and value == "~/run":
        free = ("run",)
    elif flag == "workdir" and not value.startswith("~"):
        # Wherever that is.
        free = ("here", "x")
    return Input(f"--{flag}={value!r}", arguments, codes, free=free)


def _drawn(generator: np.random.Generator) -> Input:
    kind = generator.choice(["flag", "call", "call", "mutation", "mutation", "long"])
    if kind == "flag":
        # Paths are drawn by hand only: they may be anybody's.
        names = [name for name in fields() if name not in ("workdir", "service")]
        flag, value = str(generator.choice(names)), _pick(generator, _TEXTS)
        return with_flag(flag, value, ANY)
    flag = str(generator.choice(sorted(_FAMILIES)))
    if kind == "call":
        value = _call(generator, flag)
    elif kind == "mutation":
        value = _mutated(generator, _call(generator, flag, plain=True))
    else:
        value = _long(generator, _call(generator, flag))
    return with_flag(flag, value, ANY)


def _call(generator: np.random.Generator, flag: str, plain: bool = False) -> str:
    """Returns a call of a member of a family, most of whose arguments are wrong."""
    family = _FAMILIES[flag]
    name = _pick(generator, sorted(set(family) - set(_SLOW)))
    if name in ("arrays", "folder", "fashion_mnist"):
        given = [
            _pick(generator, ("'data.npz'", "'.'", "'nowhere'", "''", "'~nobody'"))
        ]
    else:
        given = []
    parameters = [
        parameter
        for parameter in inspect.signature(family[name]).parameters
        if parameter not in (*_NOT_IN_SPECS, "path")
    ]
    for parameter in parameters:
        if generator.uniform() < (0.3 if plain else 0.6):
            pool = _NUMBERS if generator.uniform() < 0.6 else _LITERALS
            given.append(f"{parameter}={_pick(generator, pool)}")
    return f"{name}({', '.join(given)})"


def _mutated(generator: np.random.Generator, text: str) -> str:
    """Returns a text with one to three pieces inserted, deleted or doubled."""
    for _ in range(generator.integers(1, 4)):
        place, end = np.sort(generator.integers(0, len(text) + 1, 2))
        end = min(end, place + 3)
        piece = generator.choice(["", text[place:end] * 2, _pick(generator, _PIECES)])
        text = text[:place] + str(piece) + text[end:]
    return text


def _long(generator: np.random.Generator, call: str) -> str:
    """Returns a sum, product or nest of many equal parts."""
    count = int(generator.choice([20, 300, 980, 3000]))
    joined = f" {_pick(generator, '+*')} ".join([call] * count)
    return str(generator.choice([joined[:100_000], "(" * count + call + ")" * count]))


def _pick(generator: np.random.Generator, values: Sequence[str]) -> str:
    return values[generator.integers(len(values))]
