"""Initial weights, what they make of gradients, and units that never fire."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from framework.diagnose import surgery
from framework.diagnose.change import Change
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.subject import Subject

_IMAGES = 512
_BATCH = 128
# Kernels are drawn with a spread of sqrt(1 / fan-in) to sqrt(2 / fan-in).
_SPREAD_LOW, _SPREAD_HIGH = 0.1, 4.0
# He's rule keeps signals of one size.
_GROWTH = 10.0
# AUTOTRAINER's (Zhang et al., ICSE 2021), and the smallness it asks for as well.
_VANISHED, _SMALL = 1e-3, 1e-4
# That of healthy nets at their first step is 0.1 to 10.
_EXPLODED = 100.0
# A unit is dead if it fires for no image: those that fire for few are detectors of a
# class. A layer is if half of its units are (SageMaker Debugger).
_FIRES, _DEAD = 1e-5, 0.5
# Training leaves small healthy nets with up to 60 % of a layer's units unused.
_DEAD_SINCE = 0.75
# A net that has learnt all has units enough.
_LEARNT = 0.95
_SATURATING = ("sigmoid", "tanh", "softmax", "hard_sigmoid", "softsign")


def measure(subject: Subject) -> dict[str, Any]:
    """Measures kernels and gradients before the first step, and units then and now."""
    weights = subject.program.weights(fresh=True)
    kernels = {
        name: value for name, value in weights.items() if name.endswith("kernel")
    }
    batch = subject.train.take(np.arange(min(_BATCH, len(subject.train))))
    gradients = subject.program.gradients(batch, fresh=True)
    norms = [
        float(np.linalg.norm(gradients[name]))
        for name in kernels
        if gradients.get(name) is not None
    ]
    images = subject.train.images[:_IMAGES]
    return {
        "weights/spreads": {n: _relative_spread(v) for n, v in kernels.items()},
        "weights/gradients": norms,
        "weights/growth": _growth(subject, images),
        "weights/dead_at_first": _dead(subject, images, fresh=True),
        "weights/dead": _dead(subject, images, fresh=False),
        "weights/saturating": _hidden(subject.program.model, _SATURATING),
        "weights/softmax": _hidden(subject.program.model, ("softmax",)),
    }


def _growth(subject: Subject, images: np.ndarray) -> float:
    """Returns how much larger signals are at the end of the hidden layers at first."""
    seen = subject.program.activations(images, fresh=True)
    names = [layer.name for layer in surgery.with_weights(subject.program.model)]
    spreads = [float(seen[name].std()) for name in names[:-1] if name in seen]
    if len(spreads) < 2 or not spreads[0] > 0:
        return 1.0
    return spreads[-1] / spreads[0]


def _relative_spread(kernel: np.ndarray) -> float:
    """Returns the spread of a kernel, in units of sqrt(1.5 / fan-in)."""
    fan_in = max(int(np.prod(kernel.shape[:-1])), 1)
    return float(kernel.std() / math.sqrt(1.5 / fan_in))


def _dead(subject: Subject, images: np.ndarray, fresh: bool) -> float:
    """Returns the largest share of dead units that a hidden rectifying layer has."""
    seen = subject.program.activations(images, fresh)
    last = list(seen)[-1:]
    found = [0.0]
    for name, values in seen.items():
        if name in last or values.ndim < 2 or values.min() < 0:
            continue
        if values.ndim > 2:
            # A filter fires for an image if it does anywhere in it.
            values = values.max(axis=tuple(range(1, values.ndim - 1)))
        if np.all(values <= 0) or "relu" in _kind(subject, name):
            fires = values.max(axis=0) >= _FIRES
            found.append(float(1 - fires.mean()))
    return max(found)


def _kind(subject: Subject, name: str) -> str:
    for layer in surgery.leaves(subject.program.model):
        if layer.name == name:
            activation = getattr(layer, "activation", None)
            return (
                f"{type(layer).__name__} {getattr(activation, '__name__', '')}".lower()
            )
    return ""


def _hidden(model: Any, names: Sequence[str]) -> int:
    """Returns how many hidden layers have one of some activations."""
    layers = surgery.leaves(model)
    last = [*surgery.with_weights(model)[-1:], *layers[-1:]]
    return sum(
        getattr(getattr(layer, "activation", None), "__name__", "") in names
        for layer in layers
        if layer not in last
    )


def bad_initialization(measures: Measures) -> Finding | None:
    """Fires where kernels are constant, or far too small or large."""
    spreads = measures["weights/spreads"]
    # A last layer of zeros is a choice, and a good one.
    hidden = dict(list(spreads.items())[:-1]) or spreads
    low, high = min(hidden.values(), default=1.0), max(spreads.values(), default=1.0)
    growth = measures["weights/growth"]
    if low >= _SPREAD_LOW and high <= _SPREAD_HIGH and not growth > _GROWTH:
        return None
    return Finding(
        cause="bad_initialization",
        status="suspected",
        message=(
            f"initial kernels have from {low:.3g} to {high:.3g} times the spread that "
            f"keeps signals of one size from layer to layer, which grow {growth:.3g}-"
            f"fold through the hidden layers"
            + (": units of a layer are all alike" if low < 1e-6 else "")
        ),
        evidence=(
            Evidence(
                "smallest spread of a kernel, in sqrt(1.5 / fan-in)",
                low,
                f"below {_SPREAD_LOW}",
                "Glorot & Bengio (2010) have 0.8 or so, He et al. (2015) 1.2",
            ),
            Evidence(
                "largest spread of a kernel",
                high,
                f"above {_SPREAD_HIGH:g}",
                "as above",
            ),
            Evidence(
                "spread after the hidden layers, in that of the first",
                growth,
                f"above {_GROWTH:g}",
                "before the first step",
            ),
        ),
        remedy=Remedy("draw kernels by He's or Glorot's rule, and set biases to 0"),
        refute="training from weights drawn so, and reaching no more",
    )


def vanishing_gradients(measures: Measures) -> Finding | None:
    """Fires where the first layer gets next to no gradient at the first step."""
    norms = measures["weights/gradients"]
    if len(norms) < 3:
        return None
    ratio = norms[0] / max(norms[-1], 1e-30)
    deep = measures["weights/saturating"] >= 3
    vanished = ratio < _VANISHED or norms[0] < _SMALL
    competes = measures["weights/softmax"] > 0
    if not (vanished or competes or (deep and ratio < 0.1)):
        return None
    return Finding(
        cause="vanishing_gradients",
        status="suspected",
        message=(
            f"at the first step the first layer has a gradient of {norms[0]:.2g}, "
            f"{ratio:.2g} times that of the last; {measures['weights/saturating']} "
            f"hidden layers saturate, {measures['weights/softmax']} of them a softmax"
        ),
        evidence=(
            Evidence(
                "gradient of the first layer, in that of the last",
                ratio,
                f"below {_VANISHED}, or 0.1 where three layers saturate, or a softmax",
                "AUTOTRAINER, ICSE 2021; before the first step",
            ),
        ),
        remedy=Remedy(
            "use ReLU with He's initial weights, batch norm, or residual connections"
        ),
        refute="training with ReLU and He's initial weights, and reaching no more",
    )


def exploding_gradients(measures: Measures) -> Finding | None:
    """Fires where gradients are huge from the start."""
    norms = measures["weights/gradients"]
    # NumPy's maximum is NaN if one of them is.
    largest = float(np.max(norms, initial=0.0))
    if largest < _EXPLODED:
        return None
    return Finding(
        cause="exploding_gradients",
        status="suspected",
        message=f"at the first step a layer has a gradient of {largest:.3g}",
        evidence=(
            Evidence(
                "largest gradient of a layer",
                largest,
                f"above {_EXPLODED:g}",
                "before the first step; healthy nets have 0.1 to 10",
            ),
        ),
        remedy=Remedy(
            "clip the norm of the gradient, or add batch norm", ("--clip_norm=1",)
        ),
        refute="training with clipped gradients, and reaching no more",
    )


def dead_from_the_start(measures: Measures) -> Finding | None:
    """Fires where half of a layer's units do not fire at the first step either."""
    return dead_units(measures) if measures["weights/dead_at_first"] > _DEAD else None


def dead_units(measures: Measures) -> Finding | None:
    """Fires where half of a layer's units never fire."""
    now, first = measures["weights/dead"], measures["weights/dead_at_first"]
    least = _DEAD if first > _DEAD else _DEAD_SINCE
    if now <= least or measures["clean/accuracy"].low > _LEARNT:
        return None
    when = "from the start" if first > _DEAD else "since training began"
    return Finding(
        cause="dead_units",
        status="suspected",
        message=f"{now:.0%} of the units of a hidden layer are dead {when}",
        evidence=(
            Evidence(
                "dead units in the layer that has most",
                now,
                f"above {least}",
                f"those that fire for none of {_IMAGES} training images",
            ),
            Evidence("the same before the first step", first, "", "the same images"),
        ),
        remedy=Remedy("use leaky ReLU, He's initial weights, or a lower learning rate"),
        refute="training with leaky ReLU, and reaching no more",
    )


def redraw(measures: Measures) -> Change:
    """Returns a change to initial weights of the usual size."""
    del measures
    return Change(initialize=True)


def rectify(measures: Measures) -> Change:
    """Returns a change to ReLU, with the initial weights that belong to it."""
    del measures
    return Change(initialize=True, activation="relu")


def clip(measures: Measures) -> Change:
    """Returns a change to gradients of norm 1 at most."""
    del measures
    return Change(clip_norm=1.0)


def leak(measures: Measures) -> Change:
    """Returns a change to units that cannot die."""
    del measures
    return Change(activation="leaky_relu", initialize=True)
