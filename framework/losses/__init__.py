"""The losses that a `--loss` spec can name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from framework.config import reference, spec
from framework.errors import UsageError
from framework.losses import hardest, per_example
from framework.losses.hardest import kept_fraction

# From labels, int32 [B] (or [B, K] of 0 and 1, where there are several each), and
# logits, float32 [B, K], to losses, float32 [B].
Loss = Callable[["tf.Tensor", "tf.Tensor"], "tf.Tensor"]

# Each takes labels and logits first, then the arguments of the spec. A parameter named
# class_counts receives the number of training images of each class.
LOSSES: dict[str, Callable[..., Any]] = {
    "cross_entropy": per_example.cross_entropy,
    "focal": per_example.focal,
    "poly1": per_example.poly1,
    "logit_adjusted": per_example.logit_adjusted,
    "binary_cross_entropy": per_example.binary_cross_entropy,
    "ohem": hardest.ohem,
}
_BINARY = "binary_cross_entropy"
_COUNTS, _IMAGES, _SMOOTHING = "class_counts", "num_images", "label_smoothing"


def build(
    text: str, label_smoothing: float = 0.0, several_labels: bool = False
) -> Callable[..., Loss]:
    """Returns a function from the training images of each class to the loss of a spec.

    The function also takes the number of all training images, which differs from the
    sum if images have several labels.

    >>> loss = build("focal(gamma=0)")(np.array([50, 50]))
    >>> print(loss(tf.constant([0]), tf.constant([[0.0, 0.0]])).numpy().round(3))
    [0.693]

    Args:
        text: A member of `LOSSES` with its arguments, or `module:function(...)`, a
            function of labels and logits that returns a loss for each example.
        label_smoothing: Passed on to a member that has such a parameter.
        several_labels: Whether labels are int32 [B, K] of 0 and 1.

    Raises:
        UsageError: The spec is wrong (the message marks the place), or the loss has no
            label smoothing of its own, or does not take several labels.
    """
    call = spec.single(text)
    if several_labels and call.name in LOSSES and call.name != _BINARY:
        raise UsageError(
            f"--loss={text} needs one label per image, but the data have several; use "
            f"--loss={_BINARY}, or class numbers [N] as labels"
        )
    function = spec.look_up(call, LOSSES, "loss")
    is_loss = spec.takes(function, 2)
    spec.require(call, is_loss, "a function of (labels, logits, ...)")
    arguments = _arguments(call, function, label_smoothing)
    return functools.partial(_bind, call.name, function, arguments, several_labels)


def counts_images(text: str) -> bool:
    """Returns whether a loss depends on how many training images a class has.

    >>> counts_images("logit_adjusted"), counts_images("focal(gamma=1)")
    (True, False)

    Args:
        text: A member of `LOSSES` with its arguments, or `module:function(...)`.
    """
    call = spec.single(text)
    function = spec.look_up(call, LOSSES, "loss")
    if call.name in LOSSES and call.name != "logit_adjusted":
        return _arguments(call, function, 0.0).get("class_weights") == "balanced"
    return _COUNTS in inspect.signature(function).parameters


def with_spec_signature(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a placeholder with the signature of a loss in specs.

    In a spec, labels, logits and class counts are not given.

    >>> str(inspect.signature(with_spec_signature(lambda y, z, tau=2.0: z)))
    '(tau=2.0)'
    """

    def placeholder() -> None:
        pass

    signature = inspect.signature(function)
    free = list(signature.parameters.values())[2:]
    kept = [each for each in free if each.name not in (_COUNTS, _IMAGES)]
    # `inspect.signature` reads this attribute, which the type of functions lacks.
    placeholder.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=kept
    )
    return placeholder


def _arguments(
    call: spec.Call, function: Callable[..., Any], label_smoothing: float
) -> dict[str, Any]:
    """Returns the arguments of a call, with --label_smoothing."""
    names = inspect.signature(function).parameters
    arguments = spec.arguments(call, with_spec_signature(function))
    if label_smoothing:
        if _SMOOTHING not in names:
            raise UsageError(
                f"{call.name} has no label smoothing; leave out "
                f"--label_smoothing={label_smoothing}"
            )
        if arguments.get(_SMOOTHING):
            raise UsageError(
                f"the label smoothing is given twice; leave out "
                f"--label_smoothing={label_smoothing}"
            )
        arguments[_SMOOTHING] = label_smoothing
    smoothing = arguments.get(_SMOOTHING, 0.0)
    if call.name in LOSSES and not 0 <= smoothing < 1:
        raise UsageError(f"label_smoothing must be from 0 to below 1, not {smoothing}")
    return arguments


def _bind(
    name: str,
    function: Callable[..., Any],
    arguments: dict[str, Any],
    several_labels: bool,
    class_counts: np.ndarray,
    num_images: int | None = None,
) -> Loss:
    """Returns a loss with all arguments; checks it on two examples.

    Raises:
        UsageError: It fails, or does not return a loss for each example.
    """
    known = {_COUNTS: class_counts, _IMAGES: num_images}
    names = inspect.signature(function).parameters
    counts = {name: value for name, value in known.items() if name in names}
    arguments = {**arguments, **counts}
    loss = functools.partial(function, **arguments)
    labels = tf.constant([0, len(class_counts) - 1], tf.int32)
    if several_labels:
        labels = tf.one_hot(labels, len(class_counts), dtype=tf.int32)
    logits = tf.zeros([2, len(class_counts)])
    try:
        losses = loss(labels, logits)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        text = str(problem) if name in LOSSES else reference.summary(problem)
        raise UsageError(f"--loss: {name}: {text}") from problem
    shape = getattr(losses, "shape", None)
    if shape != (2,) or losses.dtype != tf.float32:
        found = f"{losses.dtype.name} {list(shape)}" if shape is not None else losses
        raise UsageError(
            f"--loss: {name} must return a float32 loss for each example, [2] for 2 "
            f"examples, not {found}"
        )
    return loss


__all__ = ["LOSSES", "Loss", "build", "kept_fraction", "with_spec_signature"]
