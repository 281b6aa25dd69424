"""Training images are too similar."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.checks.data.augmentation import with_present
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import surely_above
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.diversity import QUANTILE, RARE, REPEAT, Diversity
from framework.diagnose.measure.preprocessing import PreprocessingDifference

_AUGMENT = "rotate(15) + shift(.1) + zoom(.1) + brightness(.2)"


@dataclasses.dataclass(frozen=True)
class HomogeneousTrainingData(Check):
    """Compares distances within training with those to validation.

    Why it matters:
        Many frames of few films are few images.
    Evidence:
        Training images that repeat another, validation images unlike any of them, and
        the gap in accuracy.
    How it is decided:
        By a trial with augmentation; or by rates that need none, where there is a gap,
        since augmentation does not make up for images that are missing.
    Remedy:
        Collect images of more sources; augment.
    Sources:
        Nearest neighbours in the features of Coates, Lee & Ng (2011).

    Attributes:
        uncovered: The lower bound of uncovered validation images; by chance a
            twentieth.
        repeated: The lower bound of repeated training images.
        mostly: The lower bound of both from where on they decide: most of the images.
        gap: The lower bound of the gap in accuracy for that.
    """

    cause_name: ClassVar[str] = "homogeneous_training_data"
    phase: ClassVar[Phase] = Phase.DATA
    uncovered: float = 0.15
    repeated: float = 0.2
    mostly: float = 0.5
    gap: float = 0.1

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        diversity = measured.get(Diversity)
        uncovered, repeated = diversity.uncovered, diversity.repeated
        # A difference that one transform removes is not a lack of images.
        if measured.get(PreprocessingDifference).gain.low > 0:
            return None
        if uncovered.low <= self.uncovered or repeated.low <= self.repeated:
            return None
        gap = measured.get(Accuracy).gap
        decisive = min(uncovered.low, repeated.low) > self.mostly and gap.low > self.gap
        return Suspicion(
            is_certain=decisive,
            message=(
                f"{repeated.value:.1%} of the training images nearly repeat another "
                f"one, and {uncovered.value:.1%} of the validation images are unlike "
                f"all of them"
            ),
            evidence=(
                Evidence(
                    "training images that repeat another",
                    repeated,
                    surely_above(self.repeated).note(f"; decisive above {self.mostly}"),
                    f"correlation of pixels of {REPEAT} or more, and more than that of "
                    f"{RARE:.0%} of as many validation images",
                ),
                Evidence(
                    "validation images that training does not cover",
                    uncovered,
                    surely_above(self.uncovered).note(
                        f"; decisive above {self.mostly}"
                    ),
                    f"further from training than {QUANTILE:.0%} of training images "
                    f"from one another",
                ),
                Evidence(
                    "accuracy on training images less that on validation images",
                    gap,
                    surely_above(self.gap).points.note(
                        ", for the others to be decisive"
                    ),
                    "evaluation mode, no augmentation",
                ),
            ),
            advice="collect images of more sources; until then, augment",
            intervention=Intervention(
                augment=with_present(measured.settings, _AUGMENT)
            ),
            refute="no higher accuracy after a run with that augmentation",
        )
