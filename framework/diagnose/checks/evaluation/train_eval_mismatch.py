"""Training and evaluation mode differ."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.checks.evaluation import other_weights
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import MINIMUM_GAIN, is_gain, threshold
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above
from framework.diagnose.measure.cross_evaluation import CrossEvaluation
from framework.diagnose.measure.loop_behaviour import LoopModes
from framework.diagnose.measure.reported import ReportedMetrics
from framework.diagnose.measure.train_eval_modes import (
    ReestimatedStatistics,
    TrainEvalModes,
    ValidationModes,
)

_NAME = "train_eval_mismatch"
_TRAINING_STEP = "call the model with training=True in the step"


@dataclasses.dataclass(frozen=True)
class EvaluatedInTrainingMode(Check):
    """Compares the reported accuracy with that of training mode.

    Why it matters:
        Dropout and the moments of single batches make a model worse than it is.
    Evidence:
        The reported accuracy, the counted one, and the one in training mode.
    How it is decided:
        The reported accuracy lies within the interval of training mode, and is clearly
        below that of evaluation mode.
    Remedy:
        Call the model with training=False.
    Sources:
        The cross-evaluation; `keras.Model.__call__`.
    """

    cause_name: ClassVar[str] = _NAME
    phase: ClassVar[Phase] = Phase.EVALUATION

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        metrics = measured.get(ReportedMetrics)
        if not other_weights.are_reported(metrics) or metrics.accuracy is None:
            return None
        if not other_weights.are_in_training_mode(measured, metrics):
            return None
        training = measured.get(CrossEvaluation).accuracy("validation", mode="training")
        assert training is not None
        counted = metrics.counted_accuracy
        return Suspicion(
            is_certain=True,
            message=(
                f"the reported validation accuracy is {metrics.accuracy:.1%}, as in "
                f"training mode, but {counted:.1%} of the images are right in "
                f"evaluation mode"
            ),
            evidence=(
                Evidence(
                    "reported accuracy", metrics.accuracy, "", "the last evaluation"
                ),
                Evidence(
                    "accuracy on validation images in training mode",
                    training,
                    "the reported one lies within",
                    "the cross-evaluation",
                ),
                Evidence(
                    "accuracy in evaluation mode",
                    counted,
                    f"{MINIMUM_GAIN:.0%} or more above the reported one",
                    "predictions compared with labels in NumPy",
                ),
            ),
            advice="call the model with training=False in the evaluation step",
            code=("outputs = model(x_validation, training=False)",),
            refute="an evaluation by model(x, training=False) that gives the same",
            cost=other_weights.shortfall(metrics),
        )


@dataclasses.dataclass(frozen=True)
class WrongMovingStatistics(Check):
    """Re-estimates batch norm's moving statistics, without changing a weight.

    Why it matters:
        Moving statistics with too long a memory, or of other images, make the model
        another one in evaluation mode.
    Evidence:
        The gain in accuracy by new statistics; the accuracy in either mode.
    How it is decided:
        By that gain; no training is needed.
    Remedy:
        A momentum whose memory is shorter than the run.
    Sources:
        `keras.layers.BatchNormalization`.
    """

    cause_name: ClassVar[str] = _NAME
    phase: ClassVar[Phase] = Phase.TRAINING

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        gain = measured.get(ReestimatedStatistics).gain
        if not is_gain(gain):
            return None
        return Suspicion(
            is_certain=True,
            message=(
                f"with statistics of batch norm taken anew, and the same weights, "
                f"validation accuracy is {gain.value:+.1%}: the moving ones are not "
                f"those of the images"
            ),
            evidence=(
                Evidence(
                    "gain in validation accuracy by statistics taken anew",
                    gain,
                    threshold(MINIMUM_GAIN),
                    "forward passes over training images; no weight changes",
                ),
                Evidence(
                    "accuracy on training images in training mode, above evaluation "
                    "mode",
                    measured.get(TrainEvalModes).drop,
                    "shown only",
                    "the same images",
                ),
            ),
            advice=(
                f"{_TRAINING_STEP}, and give batch norm a momentum whose memory, "
                f"1 / (1 - momentum) steps, is shorter than the run"
            ),
            code=(
                "for layer in model.layers:",
                "    if isinstance(layer, keras.layers.BatchNormalization):",
                "        layer.momentum = 0.9",
            ),
            refute="no higher accuracy with re-estimated statistics",
            cost=gain,
        )


@dataclasses.dataclass(frozen=True)
class BetterInTrainingMode(Check):
    """Evaluates the same weights in the other mode, on images of both splits.

    Why it matters:
        Frozen batch norm may train by the moments of each batch, and be evaluated by
        moments that were stored for other images; no statistics taken anew show it.
    Evidence:
        Accuracy in training mode less that in evaluation mode, on training and on
        validation images.
    How it is decided:
        By these: the weights are the same, and what only training mode does (dropout,
        moments of small batches) makes it worse. Where statistics taken anew gain as
        well, `WrongMovingStatistics` says more.
    Remedy:
        Freeze batch norm so that it trains by its stored moments; or let it train.
    Sources:
        keras-team/keras, pull request 9965; `keras.layers.BatchNormalization`.
    """

    cause_name: ClassVar[str] = _NAME
    phase: ClassVar[Phase] = Phase.EVALUATION

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        modes = measured.get(TrainEvalModes)
        if not is_gain(modes.drop):
            return None
        gain = measured.get(ValidationModes).gain
        if not is_gain(gain):
            return None
        anew = measured.find(ReestimatedStatistics)
        if anew is not None and is_gain(anew.gain):
            return None
        unchanged = len(modes.unchanged_statistics)
        which = f"; {unchanged} of them are as before the first step" * bool(unchanged)
        return Suspicion(
            is_certain=True,
            message=(
                f"with the same weights, validation accuracy is {gain.value:+.1%} in "
                f"training mode: the model is trained by the moments of each batch, "
                f"and evaluated by stored ones that are not those of the images{which}"
            ),
            evidence=(
                Evidence(
                    "accuracy on validation images in training mode, above evaluation "
                    "mode",
                    gain,
                    threshold(MINIMUM_GAIN),
                    "the same images and weights",
                ),
                Evidence(
                    "the same on training images",
                    modes.drop,
                    threshold(MINIMUM_GAIN),
                    "so that it is not the validation images that differ",
                ),
            ),
            advice=(
                "call a frozen network with training=False in the model, so that its "
                "batch norm trains by what it is evaluated by; or let its batch norm "
                "train"
            ),
            code=("features = base(inputs, training=False)",),
            refute="an accuracy in training mode that is no higher",
            cost=gain,
        )


@dataclasses.dataclass(frozen=True)
class NeverInTrainingMode(Check):
    """Looks for moving statistics that no step has ever updated.

    Why it matters:
        Steps that call the model in evaluation mode train without dropout, with moments
        that are wrong.
    Evidence:
        The moving statistics before the first step and now.
    How it is decided:
        By a trial of Keras's own step, which trains in training mode.
    Remedy:
        Call the model with training=True in the step.
    Sources:
        `keras.Model.__call__`.
    """

    cause_name: ClassVar[str] = _NAME
    phase: ClassVar[Phase] = Phase.TRAINING

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        names = measured.get(TrainEvalModes).unchanged_statistics
        if not names or _NAME in measured.confirmed:
            return None
        return Suspicion(
            message=(
                f"training has left {len(names)} moving statistics of batch norm as "
                f"they were before the first step: steps call the model in evaluation "
                f"mode"
            ),
            evidence=(
                Evidence(
                    "moving statistics that have never changed",
                    float(len(names)),
                    above(0.0),
                    "compared with those before the first step",
                ),
            ),
            advice=_TRAINING_STEP,
            intervention=Intervention(keras_step=True),
            code=("outputs = model(x_train, training=True)  # in a step of your own",),
            refute="no higher accuracy after training in training mode",
        )


@dataclasses.dataclass(frozen=True)
class LoopModesDiffer(Check):
    """Calls the model of a loop in both modes.

    Why it matters:
        Steps in evaluation mode train without dropout and leave the moving statistics
        of batch norm as they were; evaluation in training mode depends on the batch.
    Evidence:
        Accuracy in training mode, less that in evaluation mode, on both splits.
    How it is decided:
        The same weights do better in training mode: then what evaluation mode uses
        instead is wrong, for certain. A model that is right in evaluation mode alone
        was perhaps never trained in training mode; that is not decided.
    Remedy:
        training=True in the step, and training=False in evaluation.
    Sources:
        `keras.Model.__call__`; `torch.nn.Module.train`.

    Attributes:
        lost: Accuracy on training images that training mode keeps above that of the
            most frequent class: less has been learnt in evaluation mode only. Of ten
            classes, dropout of a half keeps far more.
    """

    cause_name: ClassVar[str] = _NAME
    phase: ClassVar[Phase] = Phase.TRAINING
    lost: float = 0.1

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        modes = measured.get(LoopModes)
        is_better = is_gain(modes.on_validation)
        is_lost = (
            modes.train_accuracy < modes.majority + self.lost
            and modes.on_train.high < -MINIMUM_GAIN
            and modes.on_train.value < -2 * self.lost
        )
        if not (is_better or is_lost):
            return None
        what = (
            "the moving statistics that evaluation mode uses are not those of the "
            "images"
            if is_better
            else "steps seem to call the model in evaluation mode"
        )
        return Suspicion(
            is_certain=is_better,
            message=(
                f"with the same weights, accuracy in training mode is "
                f"{modes.on_validation.value:+.1%} on validation images and "
                f"{modes.on_train.value:+.1%} on training images, against evaluation "
                f"mode: {what}"
            ),
            evidence=(
                Evidence(
                    "accuracy on validation images in training mode, less that in "
                    "evaluation mode",
                    modes.on_validation,
                    threshold(MINIMUM_GAIN),
                    "predict(..., training=True), in batches of about 256",
                ),
                Evidence(
                    "the same on training images",
                    modes.on_train,
                    f"or near chance, and lower by {2 * self.lost:g} or more",
                    "predict(..., training=True)",
                ),
            ),
            advice=(
                "call the model with training=True in the step and training=False in "
                "evaluation (PyTorch: model.train() and model.eval())"
            ),
            code=("outputs = model(x, training=True)  # in the step",),
            refute="equal accuracy in both modes",
            cost=modes.on_validation if is_better else None,
        )
