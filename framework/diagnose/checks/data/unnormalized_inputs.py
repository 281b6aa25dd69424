"""Inputs are not normalized."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above, below
from framework.diagnose.measure.inputs import InputScale
from framework.diagnose.measure.stored_moments import StoredMoments


@dataclasses.dataclass(frozen=True)
class UnnormalizedInputs(Check):
    """Measures the scale of the inputs of the first layer.

    Why it matters:
        Glorot's and He's initial weights suppose inputs of standard deviation 1.
        Pretrained weights suppose the scale that they were trained on.
    Evidence:
        The standard deviations of the channels, and their offset. Of pretrained weights
        with batch norm, its stored moments beside those of the images instead.
    How it is decided:
        By a trial on standardised inputs, or on those of the scale that fits best.
        Inputs that are the same for all images decide it.
    Remedy:
        Scale inputs to mean 0 and standard deviation 1, with the training statistics,
        or as the pretrained weights expect.
    Sources:
        Glorot & Bengio (2010); He et al. (2015); Ioffe & Szegedy (2015).

    Attributes:
        low: Standard deviations below this are too small. Scaled to 0 to 1 images have
            .2 to .4, standardised ones 1.
        high: Standard deviations above this are too large; raw bytes have 60 to 90.
        offset: Means this many times the standard deviation are too far off; images
            from 0 to 1 have 1 to 3.
        distance: Stored moments that differ by more, as |log| of the standard deviation
            plus the mean's shift, are of another scale: half of the standard deviation
            alone is .7.
        nearer: The best of the usual scales comes at least this many times as near.
    """

    cause_name: ClassVar[str] = "unnormalized_inputs"
    phase: ClassVar[Phase] = Phase.DATA
    low: float = 0.05
    high: float = 5.0
    offset: float = 5.0
    distance: float = 1.0
    nearer: float = 2.0

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        scale = measured.find(InputScale)
        if scale is not None and scale.constant:
            return _constant(scale)
        stored = measured.find(StoredMoments)
        if stored is not None:
            return self._pretrained(stored, measured)
        scale = measured.get(InputScale)
        is_usual = (
            scale.deviation >= self.low
            and scale.largest_deviation <= self.high
            and scale.offset <= self.offset
        )
        if is_usual or scale.normalized_by:
            return None
        return Suspicion(
            message=(
                f"the network sees inputs of standard deviation {scale.deviation:.3g}, "
                f"at most {scale.largest_deviation:.3g}, and a mean {scale.offset:.3g} "
                f"times as large; its weights were drawn for inputs around 0 of about 1"
            ),
            evidence=(
                Evidence(
                    "standard deviation of a channel",
                    scale.deviation,
                    below(self.low),
                    "scaled images have 0.2 to 0.4, standardised ones 1",
                ),
                Evidence(
                    "largest standard deviation",
                    scale.largest_deviation,
                    above(self.high),
                    "bytes have 60 to 90",
                ),
                Evidence(
                    "mean as a multiple of the standard deviation",
                    scale.offset,
                    above(self.offset),
                    "images from 0 to 1 have 1 to 3",
                ),
            ),
            advice=(
                "scale inputs to mean 0 and standard deviation 1, with the statistics "
                "of the training images in both splits"
            ),
            intervention=Intervention(standardize=True),
            refute="no higher accuracy after a run on standardised inputs",
        )

    def _pretrained(
        self, stored: StoredMoments, measured: Measurements
    ) -> Suspicion | None:
        if "train_eval_mismatch" in measured.confirmed:
            # Training has seen the moments of its own batches, whatever is stored.
            return None
        is_far = stored.distance > self.distance
        if not is_far or stored.distance < self.nearer * stored.best_distance:
            return None
        scale = f"{stored.low:.3g} to {stored.high:.3g}"
        return Suspicion(
            message=(
                f"the pretrained batch norm {stored.layer} sees values of "
                f"{stored.deviation:.3g} times its stored standard deviation, and a "
                f"mean {stored.shift:.3g} of these away: the weights were trained on "
                f"inputs of another scale, and {scale} fits best"
            ),
            evidence=(
                Evidence(
                    "|log| of the ratio of standard deviations, plus the mean's shift",
                    stored.distance,
                    above(self.distance),
                    f"moments of training images against those stored in "
                    f"{stored.layer}, before the first step",
                ),
                Evidence(
                    f"the same with inputs scaled to {scale}",
                    stored.best_distance,
                    f"{self.nearer:g} times nearer",
                    "the best of the usual scales",
                ),
            ),
            advice=(
                f"scale images to {scale} before this model, in both splits, as its "
                f"own preprocess_input does; not at all if it rescales them itself"
            ),
            intervention=Intervention(rescale=(stored.factor, stored.offset)),
            refute="a run on inputs of that scale that ends no higher",
        )


def _constant(scale: InputScale) -> Suspicion:
    """Returns the certain suspicion of inputs that are the same for all images."""
    return Suspicion(
        is_certain=True,
        message=(
            f"the network sees the same inputs whatever the image: all values are "
            f"{scale.constant}; nothing can be learnt of them"
        ),
        evidence=(
            Evidence(
                "standard deviation of an input over the training images",
                scale.deviation,
                "0: the images are lost on the way to the network",
                "the inputs of the first layer",
            ),
        ),
        advice=(
            "look at the values after each step of their preparation: whole numbers "
            "that are divided as such, or cast to them, become 0; convert to floats "
            "before, and read each image anew"
        ),
        code=("x_train = x_train.astype('float32') / 255",),
        refute="two training images whose inputs to the first layer differ",
    )
