"""A validation set that is too small to show what one looks for."""

from __future__ import annotations

from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.numerics.intervals import detectable

# An improvement of fifteen points is what nobody would want to overlook.
_COARSE = 0.15
# With fewer, one image alone is more than two points.
_FEW = 40


def rule(measures: Measures) -> Finding | None:
    """Fires where even a change of fifteen points would not be seen."""
    total, accuracy = measures["validation/images"], measures["validation/accuracy"]
    least = detectable(accuracy.value, total)
    if least <= _COARSE and total >= _FEW:
        return None
    return Finding(
        cause="validation_too_small",
        status="confirmed",
        message=(
            f"{total:,} validation images resolve accuracy to +-"
            f"{(accuracy.high - accuracy.low) / 2:.1%}: one image is {1 / total:.1%}, "
            f"and of two models one must be {least:.1%} better for it to be seen"
        ),
        evidence=(
            Evidence("validation/accuracy", accuracy, "interval", "Wilson, 1927"),
            Evidence(
                "least difference seen",
                least,
                f"above {_COARSE}, or fewer than {_FEW} images",
                "two shares at 80 % power; fifteen points is our own choice",
            ),
        ),
        remedy=Remedy(
            "use more validation images, or score by k-fold cross-validation; until "
            "then, read no meaning into differences below that size"
        ),
        refute="a larger validation set on which accuracy is as static",
    )
