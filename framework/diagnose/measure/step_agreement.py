"""Whether the program's own step follows the gradient of the compiled loss."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from framework.data.split import Split
from framework.diagnose.core.measurement import Measurement, NotApplicableError
from framework.numerics.intervals import Estimate

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext
    from framework.diagnose.core.program import Gradients

# Each batch is a sample; the quantile is Student's for one less.
_BATCHES, _STUDENT = 4, 3.182
_MOST_IMAGES = 64
# Gradients this much shorter than that of all weights are rounding errors, as those of
# biases that a norm cancels.
_ROUNDING = 1e-5
# Cosines of the same gradients, computed twice.
_SAME = 0.999

Pair = tuple["Gradients", "Gradients"]


@dataclasses.dataclass(frozen=True)
class StepAgreement(Measurement):
    """Cosines between the gradient that the step uses and that of the compiled loss.

    Labels are permuted within their batch: so neither is near 0, whatever was learnt,
    and two functions are compared rather than two fits. Noise of dropout and the like
    is corrected for. The length of the gradient of a weight is not compared: clipping,
    optimizers and learning rates of layers do not matter.

    Attributes:
        cosines: By the weights at which gradients are taken: "first" are those before
            the first step, "last" those after the last one.
        responses: The same of the changes of both gradients with the labels, where
            the gradients differ.
    """

    cosines: Mapping[str, Estimate]
    responses: Mapping[str, Estimate]

    @classmethod
    def measure(cls, context: DiagnosisContext) -> StepAgreement:
        """See base class."""
        cosines, responses = {}, {}
        for place in ("first", "last"):
            result = _agreement(context, place == "first", is_training=True)
            if result is not None and result[0].value < _SAME and _has_modes(context):
                # A step that runs the model in evaluation mode has that gradient.
                other = _agreement(context, place == "first", is_training=False)
                result = max((each for each in (result, other) if each), key=_least)
            if result is not None:
                cosines[place] = result[0]
                # Equal gradients respond equally; and clipped ones are not additive.
                if result[0].value < _SAME:
                    responses[place] = result[1]
        if not cosines:
            raise NotApplicableError("no gradient is finite and differs from 0")
        return cls(cosines, responses)

    @property
    def lowest(self) -> Estimate:
        """The cosine that is lowest for certain: that of the least upper bound."""
        every = (*self.cosines.values(), *self.responses.values())
        return min(every, key=lambda each: each.high)


def _has_modes(context: DiagnosisContext) -> bool:
    """Returns whether a layer does something else in training mode."""
    return any(
        layer.dropout_rate or layer.is_random or layer.kind.endswith("Normalization")
        for layer in context.program.architecture.layers
    )


def _least(estimates: Sequence[Estimate]) -> float:
    return min(each.value for each in estimates)


def _agreement(
    context: DiagnosisContext, at_initialization: bool, is_training: bool
) -> tuple[Estimate, Estimate] | None:
    """Returns the cosine of gradients, and that of their responses to labels.

    None where gradients vanish, or are not finite.
    """
    names: list[str] = []
    gradients, responses = [], []
    for splits in _batches(context):
        one, other = (
            [
                context.program.step_gradients(
                    split, at_initialization, draw, is_training
                )
                for draw in range(2)
            ]
            for split in splits
        )
        names = names or _names(one[0])
        gradients.append(_products(one, names))
        change = [
            (_less(a[0], b[0], names), _less(a[1], b[1], names))
            for a, b in zip(one, other, strict=True)
        ]
        responses.append(_products(change, names))
    tables = np.array(gradients), np.array(responses)
    if not names or not all(
        np.isfinite(table).all() and table[:, 2].sum() > 0 for table in tables
    ):
        return None
    return _cosine(tables[0]), _cosine(tables[1])


def _batches(context: DiagnosisContext) -> list[tuple[Split, Split]]:
    """Returns batches, each with its labels permuted in two ways."""
    generator = np.random.Generator(np.random.PCG64(0))
    size = min(context.settings.batch_size, _MOST_IMAGES, len(context.train))
    batches = []
    for _ in range(_BATCHES):
        rows = np.sort(generator.permutation(len(context.train))[:size])
        split = context.train.take(rows)
        labels = np.asarray(split.labels)
        batches.append(
            (
                Split(split.images, generator.permutation(labels)),
                Split(split.images, generator.permutation(labels)),
            )
        )
    return batches


def _names(pair: Pair) -> list[str]:
    """Returns the weights that the loss depends on and the step moves."""
    used, of_loss = pair
    norms = {
        name: float(np.linalg.norm(value))
        for name, value in of_loss.items()
        if value is not None
    }
    least = _ROUNDING * float(np.linalg.norm(list(norms.values())))
    return [name for name, norm in norms.items() if norm > least and np.any(used[name])]


def _less(one: Gradients, other: Gradients, names: Sequence[str]) -> Gradients:
    return {name: _of(one, name) - _of(other, name) for name in names}


def _of(gradients: Gradients, name: str) -> np.ndarray:
    value = gradients[name]
    assert value is not None
    return value


def _products(draws: Sequence[Pair], names: Sequence[str]) -> np.ndarray:
    """Returns inner products between two draws, by weight: float64 [5, V].

    Noise of one draw is independent of that of the other, so that it is 0 in the mean.
    The rows: the step's gradient and the loss's, the step's alone, the loss's alone,
    the signs of the step's and the loss's, the signs of the loss's and the loss's.
    """
    rows: list[list[float]] = [[], [], [], [], []]
    for name in names:
        (used, loss), (other_used, other_loss) = (
            tuple(_of(each, name).astype(np.float64).ravel() for each in pair)
            for pair in draws
        )
        products = (
            (used @ other_loss + other_used @ loss) / 2,
            used @ other_used,
            loss @ other_loss,
            (np.sign(used) @ other_loss + np.sign(other_used) @ loss) / 2,
            (np.sign(loss) @ other_loss + np.sign(other_loss) @ loss) / 2,
        )
        for row, product in zip(rows, products, strict=True):
            row.append(float(product))
    return np.array(rows)


def _cosine(tables: np.ndarray) -> Estimate:
    """Returns the mean cosine over weights, by the jackknife over batches.

    Args:
        tables: Products of each batch, float64 [B, 5, V].
    """
    total = tables.sum(axis=0)
    value = _value(total)
    without = [_value(total - each) for each in tables]
    count = len(tables)
    error = math.sqrt((count - 1) * float(np.var(without)))
    return Estimate(value, value - _STUDENT * error, value + _STUDENT * error)


def _value(table: np.ndarray) -> float:
    """Returns the better of two cosines: of values by weight, and of signs.

    Signs alone are what is left of a gradient by Adam's first step, or once it is
    clipped element by element.
    """
    both, used, loss, signs, own_signs = table
    # As long as the loss's, by weight; what has no length but noise has no direction.
    factors = np.where(
        used > 0, np.sqrt(np.maximum(loss, 0) / np.maximum(used, 1e-300)), 0.0
    )
    by_value = float((both * factors).sum() / loss.sum())
    slope = float(own_signs.sum())
    by_sign = float(signs.sum() / slope) if slope > 0 else 0.0
    return float(np.clip(max(by_value, by_sign), -1.0, 1.0))
