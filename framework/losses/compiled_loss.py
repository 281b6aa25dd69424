"""Compares the loss that a Keras model was compiled with to that of a run."""

from __future__ import annotations

import contextlib
from typing import Any

import keras

from framework.config import spec
from framework.errors import UsageError

# Names in `keras.losses` of what a member of `LOSSES` computes for class numbers, with
# the same label smoothing.
_SAME: dict[str, tuple[str, ...]] = {
    "cross_entropy": (
        "CategoricalCrossentropy",
        "SparseCategoricalCrossentropy",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
    ),
    "binary_cross_entropy": ("BinaryCrossentropy", "binary_crossentropy"),
}


def check(model: keras.Model, text: str, label_smoothing: float) -> None:
    """Checks that a model was not compiled with another loss than a run trains by.

    Args:
        model: The model; one that was not compiled with a loss fits any.
        text: The `--loss` spec.
        label_smoothing: That of `--label_smoothing`.

    Raises:
        UsageError: It was.
    """
    loss = getattr(model, "loss", None)
    if loss is None:
        return
    if isinstance(loss, str):
        with contextlib.suppress(ValueError):
            loss = keras.losses.get(loss)
    call = spec.single(text)
    given = call.kwargs.get("label_smoothing", label_smoothing)
    config = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
    kinds = [getattr(keras.losses, name) for name in _SAME.get(call.name, ())]
    is_same = loss in kinds or type(loss) in kinds
    if is_same and config.get("label_smoothing", 0.0) == given:
        return
    raise UsageError(
        f"the model is compiled with the loss {_shown(loss, config)}, but "
        f"--loss={text} with label smoothing {given:g} would train it; pass this loss "
        f"as --loss (--loss=help lists them), or do not give compile() a loss"
    )


def _shown(loss: Any, config: dict[str, Any]) -> str:
    smoothing = config.get("label_smoothing")
    if isinstance(loss, keras.losses.Loss):
        name = type(loss).__name__
        return f"{name}(label_smoothing={smoothing:g})" if smoothing else name
    return getattr(loss, "__name__", None) or repr(loss)
