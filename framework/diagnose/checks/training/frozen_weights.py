"""Weights are frozen."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import Decision
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above, at_most
from framework.diagnose.core.trials import Trials
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.label_signal import LabelSignal
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.measure.updates import LossGradients


@dataclasses.dataclass(frozen=True)
class FrozenWeights(Check):
    """Looks for weights without a gradient, or declared not trainable.

    Why it matters:
        Random weights that are never trained limit what the others can learn.
    Evidence:
        Weights without a gradient, those of them that outputs depend on, and kernels
        that are declared not trainable.
    How it is decided:
        Weights that outputs depend on, that no gradient has ever come to, decide where
        not even training images are learnt; otherwise a trial that trains all weights.
    Remedy:
        Set trainable=True, and let gradients through.
    Sources:
        `tf.GradientTape`; kernels whose sign is turned.

    Attributes:
        fitted_accuracy: Training accuracy whose lower bound shows that enough weights
            are trained.
    """

    cause_name: ClassVar[str] = "frozen_weights"
    phase: ClassVar[Phase] = Phase.UPDATES
    fitted_accuracy: float = 0.95

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        gradients = measured.get(LossGradients)
        without, fixed = gradients.without_gradient, gradients.fixed
        if not without and not fixed:
            return None
        names = [*without, *fixed]
        what = "the loss does not depend on" if without else "training leaves alone"
        if gradients.untrained:
            what = "outputs depend on, but no gradient has ever come to"
        # What is random stays so, and not even training images are learnt.
        accuracy = measured.get(Accuracy).train_clean.accuracy
        is_fitted = accuracy.low >= self.fitted_accuracy
        return Suspicion(
            is_certain=bool(gradients.untrained) and not is_fitted,
            message=f"{what} {len(names)} weights: {', '.join(names[:4])}",
            evidence=(
                Evidence(
                    "weights without a gradient",
                    float(len(without)),
                    above(0.0),
                    "the gradient of the loss at the first weights",
                ),
                Evidence(
                    "those that outputs depend on, beside biases of exactly 0",
                    float(len(gradients.untrained)),
                    above(0.0).note(": random, and to stay so"),
                    "outputs with the kernel's sign turned",
                ),
                Evidence(
                    "kernels declared not trainable",
                    float(len(fixed)),
                    above(0.0).note(
                        "; as they should be where they were trained before"
                    ),
                    "layer.trainable",
                ),
            ),
            advice="set trainable=True, and let gradients through to these layers",
            intervention=Intervention(unfreeze=True),
            refute="no higher accuracy after training these weights",
        )


@dataclasses.dataclass(frozen=True)
class UnsuitedFrozenWeights(Check):
    """Looks for pretrained weights that are frozen, and see less than a simple probe.

    Why it matters:
        What a network has learnt of other images, and keeps, need not show the classes
        of these.
    Evidence:
        Accuracy on training images, beside that of a linear probe of untrained features
        on images that it was not fitted to.
    How it is decided:
        By a trial that trains all weights, as long as the run where the budget is
        enough, once nothing else has helped. A curve that rises is no case: then the
        rest is still learning.
    Remedy:
        Train these layers as well, or take others that were trained on such images.
    Sources:
        Yosinski et al. (2014): how transferable features are falls with the distance
        of the tasks.

    Attributes:
        fits: Training accuracy from where on frozen weights are a choice: all weights
            gain a little in any case. A base of other digits gave .91; one of clothes
            that did not suit .48.
    """

    cause_name: ClassVar[str] = "frozen_weights"
    phase: ClassVar[Phase] = Phase.LAST
    fits: float = 0.85

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        names = list(measured.get(LossGradients).pretrained)
        if not names or measured.get(Plateau).verdict == "improving":
            return None
        # On inputs of another scale, or by moments of others, the best weights see
        # nothing.
        if {"unnormalized_inputs", "train_eval_mismatch"} & measured.confirmed:
            return None
        learnt = measured.get(Accuracy).train_clean.accuracy
        probe = measured.get(LabelSignal).signals["train"]
        if learnt.value > self.fits or learnt.high >= probe.accuracy.low:
            return None
        return Suspicion(
            message=(
                f"{len(names)} pretrained weights are frozen ({', '.join(names[:4])}), "
                f"and {learnt.value:.1%} of the training images are learnt with them; "
                f"a probe of untrained features is right about "
                f"{probe.accuracy.value:.1%} of images that it was not fitted to: what "
                f"they have learnt elsewhere does not show these classes"
            ),
            evidence=(
                Evidence(
                    "accuracy on training images",
                    learnt,
                    at_most(self.fits).note(
                        ", and the interval below that of the probe"
                    ),
                    "evaluation mode, no augmentation",
                ),
                Evidence(
                    "accuracy of a probe of untrained features",
                    probe.accuracy,
                    "the interval above that of the model",
                    f"{probe.probe}, on training images that it was not fitted to",
                ),
            ),
            advice=(
                "train these layers as well (fine-tuning), or take a base that was "
                "trained on images like these"
            ),
            intervention=Intervention(unfreeze=True),
            refute="no higher accuracy after training these weights",
        )

    def decide(
        self, suspicion: Suspicion, measured: Measurements, trials: Trials
    ) -> Decision:
        """See base class. The head is new as well, and a third is short for both."""
        del measured
        assert suspicion.intervention is not None
        lengths = trials.whole if trials.can_afford(trials.whole) else 1.0
        return trials.run(self.cause_name, suspicion.intervention, lengths)
