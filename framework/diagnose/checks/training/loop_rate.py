"""Another learning rate for a loop that is not seen into, judged by what it does."""

from __future__ import annotations

from framework.diagnose.checks.training.below_linear_probe import has_learnt
from framework.diagnose.core.check import Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import surely_above
from framework.diagnose.measure.loop_behaviour import LinearReference


def suspected(
    measured: Measurements, minimum: float, factor: float
) -> Suspicion | None:
    """Returns the suspicion that another learning rate would help a loop.

    Args:
        measured: What is known of it.
        minimum: The least lower bound of what a linear probe has more.
        factor: Of the learning rate.

    Returns:
        None if the loop is no worse than the probe, or has learnt its training images.
    """
    reference = measured.get(LinearReference)
    if reference.gain.low <= minimum or has_learnt(measured, reference):
        return None
    word = "higher" if factor > 1 else "lower"
    return Suspicion(
        message=(
            f"the loop has {reference.own:.1%} of the validation images right, and a "
            f"linear probe {reference.linear:.1%}; a {word} learning rate is tried, as "
            f"its steps cannot be measured"
        ),
        evidence=(
            Evidence(
                "accuracy of a linear probe, less that of the loop",
                reference.gain,
                surely_above(minimum).points,
                "it learns too little, in training as well",
            ),
        ),
        advice=f"multiply the learning rate by {factor:.3g}, and try others near it",
        intervention=Intervention(learning_rate_factor=factor),
        refute="no higher accuracy after training with that rate",
    )
