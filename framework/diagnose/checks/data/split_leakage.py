"""Training images are in the validation set."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from framework.diagnose.checks.data.pruning import train_without
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import (
    MINIMUM_GAIN,
    Decision,
    status_of,
    threshold,
)
from framework.diagnose.core.finding import Evidence, ImageList
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import at_least, surely_above
from framework.diagnose.core.trials import Trials
from framework.diagnose.measure.closer_images import CloserImages
from framework.diagnose.measure.held_out import HeldOutAccuracy
from framework.diagnose.measure.label_agreement import LabelAgreement
from framework.diagnose.measure.near_duplicates import (
    QUANTILE,
    SAME_PIXELS,
    Copies,
    NearDuplicates,
    TrainingCopies,
)
from framework.numerics.intervals import Estimate, difference

_BEYOND_NOISE = ", and above what wrong training labels explain"
_SPLIT_BY_SOURCE = (
    "from sklearn.model_selection import GroupShuffleSplit",
    "splitter = GroupShuffleSplit(1, test_size=0.2, random_state=0)",
    "train, validation = next(splitter.split(x, y, groups=source))",
)


@dataclasses.dataclass(frozen=True)
class SplitLeakage(Check):
    """Looks up validation images among training images, and images held out.

    Why it matters:
        Copies of training images are predicted from memory: accuracy is too high, and
        does not change.
    Evidence:
        The rate of near-duplicates, also mirrored, moved, turned, cropped and
        compressed ones, across and within the splits; the accuracy on them and on the
        others. Where single copies cannot be told from similar images: how many
        validation images are closer to training images than these to each other, and
        validation accuracy above that on held-out training images.
    How it is decided:
        The model is better on duplicates; or most images are duplicates of training
        images and training holds none itself; or a third of them, though training
        holds as many; else trials without them, beside trials without as many others,
        decide. Images that are closer, or easier than held-out ones, are suspected: so
        are clean images beside noisy ones.
    Remedy:
        Leave the copies out of training; or split by source, before anything is
        augmented or drawn twice.
    Sources:
        Barz & Denzler (2020) for CIFAR's duplicates.

    Attributes:
        rate: The least rate of duplicates above that within training.
        certain: The lower bound of that excess.
        many: The lower bound of the rate of the same images, from where on they count
            although training holds copies itself; CIFAR-10 has 3 %.
        most: The lower bound of the excess that decides: most images are not held out.
        repeated: The lower bound of the rate that decides although training holds
            copies itself, as it does where images are augmented before they are
            divided. Of unrelated digits, clothes and flowers 2 % count as copies.
        closer: The lower bound of the part of validation images that are closer to
            training images than these to each other; see `CloserImages`.
        lead: The lower bound of validation accuracy above that on held-out training
            images from where on no validation image is trusted. Two samples of 72 and
            359 images of one kind exceed it at most 3.3 times in 1,000, at accuracies
            of .5, .7 and .9 (exact, both binomial).
    """

    cause_name: ClassVar[str] = "split_leakage"
    phase: ClassVar[Phase] = Phase.DATA
    inflates_accuracy: ClassVar[bool] = True
    rate: float = 0.01
    certain: float = 0.005
    many: float = 0.05
    most: float = 0.5
    repeated: float = 0.3
    closer: float = 0.15
    lead: float = 0.05

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        copies = measured.get(NearDuplicates)
        excess = difference(copies.rate, copies.within)
        is_leak = excess.value >= self.rate and excess.low > self.certain
        is_repeated = self._is_repeated(measured)
        if not (is_leak or is_repeated or copies.same.low > self.many):
            return self._by_symptom(measured)
        effect = difference(copies.accuracy, copies.other_accuracy)
        # Copies without an effect on accuracy do no harm. Where most images are copies,
        # too few others are left to measure the effect without a trial.
        has_effect = effect.low > 0
        found = measured.find(Copies)
        void = None if found is None else found.are_copies
        if void is not None and is_repeated:
            # Others are copies as well that were not recognized.
            void = np.ones_like(void)
        return Suspicion(
            is_certain=has_effect or excess.low > self.most,
            message=_message(copies, measured.settings.train_images),
            evidence=self._evidence(copies, excess, effect),
            advice=(
                "leave the copies out of training; or split by source (person, film, "
                "original), before anything is augmented or drawn twice"
            ),
            code=_SPLIT_BY_SOURCE,
            refute="accuracy on validation images without the copies: it is the same",
            cost=_scaled(effect, copies.rate.value) if has_effect else None,
            void_images=void,
            images=functools.partial(_training_copies, measured),
        )

    def _is_repeated(self, measured: Measurements) -> bool:
        """Returns whether many images are copies, in training as in validation.

        Equal rows of a table say nothing: there may be no others.
        """
        copies, found = measured.get(NearDuplicates), measured.find(Copies)
        are_images = found is not None and bool(found.details_within.any())
        rate = min(copies.rate.low, copies.within.low)
        return are_images and rate > self.repeated

    def _are_recognized(self, measured: Measurements) -> bool:
        """Returns whether not many more images are closer than are copies."""
        closer, copies = measured.find(CloserImages), measured.get(NearDuplicates)
        excess = difference(copies.rate, copies.within)
        return closer is None or closer.excess.low <= excess.high + self.closer

    def _by_symptom(self, measured: Measurements) -> Suspicion | None:
        """Returns a suspicion where validation images are closer, or too easy."""
        held_out, closer = measured.find(HeldOutAccuracy), measured.find(CloserImages)
        if "split_artifact" in measured.confirmed:
            return None
        is_closer = closer is not None and closer.excess.low > self.closer
        is_easier = held_out is not None and held_out.lead.low > max(
            0.0, self._noise(measured).value
        )
        reasons, evidence = [], []
        if held_out is not None and is_easier:
            reasons.append(
                f"{held_out.validation.value:.1%} of the validation images are right, "
                f"but {held_out.held_out.value:.1%} of training images that were held "
                f"out ({held_out.source})"
            )
        if held_out is not None and (is_easier or is_closer):
            evidence.append(
                Evidence(
                    "accuracy on validation images less that on held-out training "
                    "images",
                    held_out.lead,
                    surely_above(0.0).note(_BEYOND_NOISE),
                    f"{held_out.source}; Newcombe, 1998, or by groups of similar "
                    f"images, whichever is wider",
                )
            )
        if closer is not None and is_closer:
            reasons.append(
                f"{closer.rate.value:.1%} of them are as similar to a training image "
                f"as {closer.within.value:.1%} of these are to another one, as turned "
                f"or moved copies are"
            )
            evidence.append(
                Evidence(
                    "validation images with a similar training image, more than of "
                    "training images of the same classes",
                    closer.excess,
                    surely_above(self.closer),
                    f"correlation of details of {closer.threshold:.3g} or more once "
                    f"aligned",
                )
            )
        if not reasons:
            return None
        return Suspicion(
            message=(
                f"{'; '.join(reasons)}: validation images are easier, or have been "
                f"trained on in another form"
            ),
            evidence=tuple(evidence),
            advice=(
                "look for images of one source (person, film, original) in both "
                "splits, such as augmented ones, and split by source before anything "
                "is augmented; whyflat audit lists copies"
            ),
            code=_SPLIT_BY_SOURCE,
            refute="a new split by source in which both accuracies are the same",
            cost=held_out.lead if held_out is not None and is_easier else None,
            void_images=self._void(measured, is_closer and is_easier),
        )

    def _noise(self, measured: Measurements) -> Estimate:
        """Returns the lead that wrong labels in training alone explain.

        They make held-out images of training look hard.
        """
        labels = measured.find(LabelAgreement)
        if labels is None:
            return Estimate(0.0, 0.0, 0.0)
        return difference(labels.easy, labels.validation)

    def _void(self, measured: Measurements, are_both: bool) -> np.ndarray | None:
        """Returns the images on which no gain counts; None if that is not certain.

        Args:
            measured: The measurements.
            are_both: Whether validation images are closer, and easier as well.
        """
        held_out, found = measured.find(HeldOutAccuracy), measured.find(Copies)
        lead = held_out.lead.low if held_out else 0.0
        is_large = lead > max(self.lead, self._noise(measured).high)
        if found is None or not (are_both or is_large):
            return None
        # Which of them are copies is not known.
        return np.ones_like(found.are_copies)

    def decide(
        self, suspicion: Suspicion, measured: Measurements, trials: Trials
    ) -> Decision:
        """See base class."""
        found, is_repeated = measured.find(Copies), self._is_repeated(measured)
        unmeasured = Decision("confirmed" if is_repeated else "suspected")
        if found is None or not found.are_copies.any() or not _are_known(suspicion):
            return unmeasured
        if not self._are_recognized(measured):
            # Without these there are the others.
            return unmeasured
        leaked = measured.find(TrainingCopies)
        if leaked is None:
            return unmeasured
        gain = train_without(trials, self.cause_name, leaked.are_copies)
        if gain is None:
            return unmeasured
        fall = _scaled(gain, -1.0)
        shown = Evidence(
            "fall of validation accuracy once training is without the copies",
            fall,
            threshold(MINIMUM_GAIN),
            "trained anew, against the same without as many others of the same classes",
        )
        if is_repeated:
            return Decision("confirmed", fall if fall.low > 0 else None, (shown,))
        return Decision(status_of(fall), fall, (shown,))

    def _evidence(
        self, copies: NearDuplicates, excess: Estimate, effect: Estimate
    ) -> tuple[Evidence, ...]:
        return (
            Evidence(
                "copies among validation images",
                copies.rate,
                f"correlation of pixels of {copies.threshold:.3g} or more, or of "
                f"details of {copies.details_threshold:.3g} or more once aligned",
                f"0.95, or what {1 - QUANTILE:.0%} of training images exceed; "
                f"{copies.mirrored.value:.0%} of the copies are mirrored",
            ),
            Evidence(
                "more than among training images",
                excess,
                (at_least(self.rate) & surely_above(self.certain)).note(
                    f"; or the same images, for certain above {self.many:.0%}; or "
                    f"copies, for certain above {self.repeated:.0%} in both splits"
                ),
                "images of one source are as similar in either split",
            ),
            Evidence(
                "the same images",
                copies.same,
                at_least(SAME_PIXELS),
                "up to compression",
            ),
            Evidence(
                "accuracy on copies less that on others",
                effect,
                surely_above(0.0),
                "Newcombe, 1998",
            ),
        )


def _are_known(suspicion: Suspicion) -> bool:
    """Returns whether it is known which training images are copies."""
    return suspicion.images is not None


def _training_copies(measured: Measurements) -> ImageList | None:
    """Returns the training images that are copies of validation images."""
    found = measured.find(TrainingCopies)
    if found is None or not len(found.places):
        return None
    none = np.full(len(found.places), -1)
    return ImageList("leaked", found.places, none, "a copy of a validation image")


def _message(copies: NearDuplicates, train_images: int) -> str:
    message = (
        f"{copies.rate.value:.1%} of the validation images are copies of training "
        f"images; the model is right about {copies.accuracy.value:.1%} of them"
    )
    # Where all are copies, there are no others.
    if copies.other_accuracy.value == copies.other_accuracy.value:
        message += f", and about {copies.other_accuracy.value:.1%} of the others"
    if copies.searched < train_images:
        message += (
            f"; only {copies.searched:,} of {train_images:,} training images were "
            f"searched, so that there are more"
        )
    return message


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    low, high = sorted((factor * estimate.low, factor * estimate.high))
    return Estimate(factor * estimate.value, low, high)
