"""Regularization is too strong."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import (
    Condition,
    Threshold,
    above,
    at_least,
    at_most,
    surely_below,
)
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.regularization import Regularization
from framework.diagnose.measure.train_eval_modes import TrainEvalModes
from framework.numerics.intervals import Estimate


@dataclasses.dataclass(frozen=True)
class OverRegularized(Check):
    """Looks for regularization that keeps training images from being learnt.

    Why it matters:
        A net that cannot learn training images cannot know others.
    Evidence:
        Training accuracy, the highest dropout and what all of it costs in training
        mode, the penalty of weights.
    How it is decided:
        By a trial without any of it.
    Remedy:
        Weaker dropout, weight decay and augmentation.
    Sources:
        TheDeepChecker compares the gradients of penalty and loss so.

    Attributes:
        fitted_accuracy: Training accuracy whose lower bound shows that nothing is in
            the way.
        dropout: The rate from where on it is suspected: more than the 0.5 that
            Srivastava et al. (2014) found to work for hidden layers.
        dropout_gap: With dropout of any rate, if accuracy on training images is this
            far lower in training mode than in evaluation mode, all layers together drop
            too much: what they leave does not hold the classes.
        kept: Where nothing is learnt, no mode is better than the other, and dropout
            layers are suspected that together keep no more than this part of the
            values: one layer of the usual .5 keeps more.
        decay: The least product of weight decay, learning rate and steps: weights would
            shrink to a twentieth by it alone.
        augmentation_gap: If the reported training accuracy is this far below that in
            evaluation mode, augmentation lowers it. Where training images are predicted
            no better than this above the most frequent class, nothing is learnt.
    """

    cause_name: ClassVar[str] = "over_regularized"
    phase: ClassVar[Phase] = Phase.TRAINING
    fitted_accuracy: float = 0.95
    dropout: float = 0.55
    dropout_gap: float = 0.10
    kept: float = 0.4
    decay: float = 3.0
    augmentation_gap: float = 0.10

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        clean = measured.get(Accuracy).train_clean
        if clean.accuracy.low > self.fitted_accuracy:
            return None
        present = measured.get(Regularization)
        reasons = self._reasons(measured, present)
        if not reasons:
            return None
        return Suspicion(
            message=(
                f"only {clean.accuracy.value:.1%} of the training images are learnt, "
                f"and there is {' and '.join(reasons)}"
            ),
            evidence=(
                Evidence(
                    "accuracy on training images",
                    clean.accuracy,
                    Threshold((Condition("low", "<=", self.fitted_accuracy),)),
                    "evaluation mode, no augmentation",
                ),
                Evidence(
                    "highest dropout",
                    present.dropout,
                    at_least(self.dropout),
                    "Srivastava et al. (2014) use a half",
                ),
                Evidence(
                    "part of the values that all dropout layers keep",
                    present.kept,
                    at_most(self.kept).note(", where nothing is learnt"),
                    "the product of their rates of keeping",
                ),
                *self._drop_evidence(measured, present),
                Evidence(
                    "penalty of weights",
                    present.penalty,
                    above(clean.loss).note(", the loss of the images"),
                    "TheDeepChecker compares their gradients so",
                ),
                *self._other_evidence(measured, present),
            ),
            advice="weaken it: dropout .2, weight decay 1e-4, less augmentation",
            intervention=Intervention(
                dropout=0.0, weight_decay=0.0, augment="" if present.augment else None
            ),
            refute="no higher accuracy after training without it",
        )

    def _reasons(self, measured: Measurements, present: Regularization) -> list[str]:
        clean, settings = measured.get(Accuracy).train_clean, measured.settings
        is_stuck = clean.accuracy.value < clean.majority + self.augmentation_gap
        reasons = []
        drop = _drop(measured, present)
        if drop is not None and -drop.value >= self.dropout_gap and drop.high < 0:
            reasons.append(
                f"dropout of {present.dropout:g} that costs {-drop.value:.1%} of them "
                f"in training mode"
            )
        elif present.dropout >= self.dropout:
            reasons.append(f"dropout of {present.dropout:g}")
        elif is_stuck and present.kept <= self.kept:
            reasons.append(
                f"dropout of up to {present.dropout:g} in several layers, which "
                f"together keep {present.kept:.0%} of the values"
            )
        if present.penalty > clean.loss:
            reasons.append(f"a penalty of weights of {present.penalty:.3g}")
        if _decay(measured) > self.decay:
            reasons.append(f"weight decay of {settings.weight_decay:g}")
        has_gap = clean.accuracy.value - present.train_accuracy > self.augmentation_gap
        if present.augment and (has_gap or is_stuck):
            reasons.append(f"augmentation {present.augment}")
        return reasons

    def _drop_evidence(
        self, measured: Measurements, present: Regularization
    ) -> tuple[Evidence, ...]:
        """Returns the evidence on what dropout costs, where there is any."""
        drop = _drop(measured, present)
        if drop is None:
            return ()
        shown = Evidence(
            "accuracy on training images in training mode, above evaluation mode",
            drop,
            at_most(-self.dropout_gap) & surely_below(0.0),
            "the same images",
        )
        return (shown,)

    def _other_evidence(
        self, measured: Measurements, present: Regularization
    ) -> tuple[Evidence, ...]:
        """Returns the evidence on weight decay and augmentation, where there is any."""
        decay, clean = _decay(measured), measured.get(Accuracy).train_clean
        evidence = []
        if decay > 0:
            evidence.append(
                Evidence(
                    "weight decay times learning rate times steps",
                    decay,
                    above(self.decay),
                    "weights would shrink by exp of it",
                )
            )
        if present.augment:
            evidence.append(
                Evidence(
                    "training accuracy in evaluation mode less that as trained",
                    clean.accuracy.value - present.train_accuracy,
                    above(self.augmentation_gap).note(
                        "; or training accuracy no more than that above the most "
                        "frequent class"
                    ),
                    f"augmentation {present.augment}",
                )
            )
        return tuple(evidence)


def _drop(measured: Measurements, present: Regularization) -> Estimate | None:
    """Returns accuracy in training mode less that in evaluation mode, by dropout."""
    modes = measured.find(TrainEvalModes) if present.dropout > 0 else None
    return None if modes is None else modes.drop


def _decay(measured: Measurements) -> float:
    settings = measured.settings
    steps = settings.epochs * settings.steps_per_epoch
    return settings.weight_decay * settings.learning_rate * steps
