"""Whether each weight gets the update that the loss asks for."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.subject import Subject

# A tenth of the learning rate must move weights a tenth as far; at least so nearly.
_SLOWER, _SLOW_ENOUGH = 0.1, 0.5
# Gradients of biases that a norm cancels are rounding errors.
_NO_GRADIENT = 1e-7
_ASKED, _LEARNT = 64, 0.95
# Statistics and the like are never trained.
_LARGE = ("kernel", "embeddings")
# Dropout and the like make a step's gradient differ from another's by less.
_CONSTANT, _SCALED = 0.02, 0.3


def measure(subject: Subject) -> dict[str, Any]:
    """Returns what the loss asks of each weight, and what steps do with it."""
    batch = _batch(subject, 0)
    gradients = subject.program.gradients(batch, fresh=True)
    found: dict[str, Any] = {
        "updates/gradients": {
            name: None if value is None else float(np.linalg.norm(value))
            for name, value in gradients.items()
        },
        "updates/frozen": _frozen(subject),
        "updates/as_drawn": _as_drawn(
            subject, [name for name, value in gradients.items() if value is None]
        ),
    }
    # A step of the user's own may need its own optimizer, and fail in any way.
    with contextlib.suppress(Exception):
        found |= _applied(subject)
    with contextlib.suppress(CannotChangeError, ZeroDivisionError):
        usual = subject.program.moved(batch, 1.0)
        found["updates/slower"] = subject.program.moved(batch, _SLOWER) / usual
    return found


def _batch(subject: Subject, place: int):
    size = min(int(subject.settings["batch_size"]), len(subject.train))
    start = place * size % max(len(subject.train) - size + 1, 1)
    return subject.train.take(np.arange(start, start + size))


def _frozen(subject: Subject) -> dict[str, int]:
    """Returns kernels and embeddings that are declared fixed, and their sizes."""
    model = subject.program.model
    trained = {id(weight) for weight in model.trainable_weights}
    return {
        weight.path: int(np.prod(weight.shape))
        for weight in model.weights
        if id(weight) not in trained and weight.path.rpartition("/")[2] in _LARGE
    }


def _as_drawn(subject: Subject, cut: list[str]) -> list[str]:
    """Returns kernels without a gradient that matter, and have never been trained.

    What was trained elsewhere has biases that are not 0.
    """
    weights = {weight.path: weight for weight in subject.program.model.weights}
    biases = [weights[name].numpy() for name in cut if name.endswith("/bias")]
    if not biases or any(np.any(each) for each in biases):
        return []
    images = subject.train.images[:_ASKED]
    before, found = subject.program.ask(images), []
    for name in [each for each in cut if each.endswith("/kernel")]:
        value = weights[name].numpy()
        weights[name].assign(-value)
        if not np.array_equal(before, subject.program.ask(images)):
            found.append(name)
        weights[name].assign(value)
    return found


def _applied(subject: Subject) -> dict[str, Any]:
    """Returns what a first step of the program's own does with two batches."""
    unmoved, scales, cosines = None, [], []
    for place in range(2):
        batch = _batch(subject, place)
        gradients = subject.program.gradients(batch, fresh=True)
        applied = subject.program.applied(batch)
        names = [
            name
            for name, value in gradients.items()
            if value is not None and np.linalg.norm(value) > _NO_GRADIENT
        ]
        still = {name for name in names if not np.any(applied[name])}
        unmoved = still if unmoved is None else unmoved & still
        moving = [name for name in names if name not in still]
        if moving:
            a = np.concatenate([applied[name].ravel() for name in moving])
            g = np.concatenate([gradients[name].ravel() for name in moving])
            scales.append(float(np.linalg.norm(a) / np.linalg.norm(g)))
            cosines.append(float(a @ g / np.linalg.norm(a) / np.linalg.norm(g)))
    return {
        "updates/unmoved": sorted(unmoved or ()),
        "updates/scales": scales,
        "updates/cosines": cosines,
    }


def wrong_variables(measures: Measures) -> Finding | None:
    """Fires where a step leaves weights as they are that the loss depends on."""
    unmoved, cosines = measures["updates/unmoved"], measures["updates/cosines"]
    gradients = measures["updates/gradients"]
    if unmoved:
        message = (
            f"a training step does not move {len(unmoved)} of {len(gradients)} weights "
            f"that the loss depends on: {', '.join(unmoved[:4])}"
        )
    elif cosines and max(cosines) < -0.5:
        message = "a training step moves the weights up the gradient, not down"
    else:
        return None
    return Finding(
        cause="wrong_variables",
        status="suspected",
        message=message,
        evidence=(
            Evidence(
                "weights with a gradient that a step does not move",
                float(len(unmoved)),
                "above 0",
                "one step of the program's own from the first weights",
            ),
            Evidence(
                "cosine of update and downhill direction",
                float(min(cosines, default=1.0)),
                "below -0.5",
                "the same step",
            ),
        ),
        remedy=Remedy(
            "take gradients by model.trainable_variables, and hand all of them to "
            "optimizer.apply_gradients"
        ),
        refute="a step after which each of these weights has changed",
    )


def frozen_weights(measures: Measures) -> Finding | None:
    """Fires where weights have no gradient, or are declared not to be trained."""
    gradients, frozen = measures["updates/gradients"], measures["updates/frozen"]
    cut = [name for name, value in gradients.items() if value is None]
    if not cut and not frozen:
        return None
    names = [*cut, *frozen]
    what = "the loss does not depend on" if cut else "training leaves alone"
    random = measures["updates/as_drawn"]
    if random:
        what = "outputs depend on, but no gradient has ever come to"
    return Finding(
        cause="frozen_weights",
        # What is random stays so, and not even training images are learnt.
        status=(
            "confirmed"
            if random and measures["clean/accuracy"].low < _LEARNT
            else "suspected"
        ),
        message=f"{what} {len(names)} weights: {', '.join(names[:4])}",
        evidence=(
            Evidence(
                "weights without a gradient",
                float(len(cut)),
                "above 0",
                "the gradient of the loss at the first weights",
            ),
            Evidence(
                "those that outputs depend on, beside biases of exactly 0",
                float(len(random)),
                "above 0: random, and to stay so",
                "outputs with the kernel's sign turned",
            ),
            Evidence(
                "kernels declared not trainable",
                float(len(frozen)),
                "above 0; as they should be where they were trained before",
                "layer.trainable",
            ),
        ),
        remedy=Remedy("set trainable=True, and let gradients through to these layers"),
        refute="training them as well, and reaching no more",
    )


def learning_rate_frozen(measures: Measures) -> Finding | None:
    """Fires where a change of the learning rate does not change a step."""
    slower = measures["updates/slower"]
    if not slower > _SLOW_ENOUGH:
        return None
    return Finding(
        cause="learning_rate_frozen",
        status="confirmed",
        message=(
            f"with a tenth of the learning rate a step moves the weights {slower:.2g} "
            f"times as far: the rate that acts is not the optimizer's, so no schedule "
            f"and no plateau reducer has any effect"
        ),
        evidence=(
            Evidence(
                "size of a step at a tenth of the learning rate, in usual ones",
                slower,
                f"above {_SLOW_ENOUGH}; it should be {_SLOWER}",
                "the same batch from the same state, twice",
            ),
        ),
        remedy=Remedy(
            "read the rate from optimizer.learning_rate in each step; a Python number "
            "is written into the graph when tf.function traces it"
        ),
        refute="a step at a tenth of the rate that is a tenth as long",
    )


def replica_scaling(measures: Measures) -> Finding | None:
    """Fires where each step multiplies the gradient of the mean loss by a constant."""
    scales = measures["updates/scales"]
    if measures.get("updates/slower", 0.0) > _SLOW_ENOUGH:
        # The step does not ask the optimizer, so that nothing is known of its scale.
        return None
    if len(scales) < 2 or min(measures["updates/cosines"]) < 0.9:
        return None
    low, high = min(scales), max(scales)
    if high - low > _CONSTANT * high or abs(np.log(max(high, 1e-12))) < _SCALED:
        return None
    return Finding(
        cause="replica_scaling",
        status="suspected",
        message=(
            f"each step uses {high:.3g} times the gradient of the mean loss: losses "
            f"are divided by the wrong number, such as that of one replica"
        ),
        evidence=(
            Evidence(
                "gradient that is used, in gradients of the mean loss",
                high,
                "the same for two batches, and not 1",
                "two steps of the program's own from the first weights",
            ),
        ),
        remedy=Remedy(
            "divide the sum of the losses by the global batch size: "
            "tf.nn.compute_average_loss(losses, global_batch_size=...)"
        ),
        refute="a ratio of 1, with dropout off",
    )


def by_plain_steps(measures: Measures) -> Change:
    """Returns a change to Keras's own step."""
    del measures
    return Change(plain_step=True)


def all_trained(measures: Measures) -> Change:
    """Returns a change that trains what was left alone."""
    del measures
    return Change(trainable=True)
