"""What more training images would give: a learning curve over subsets of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from framework.data.split import Split
from framework.diagnose.core.finding import Evidence, Finding
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.threshold import gain_shown_only
from framework.diagnose.core.trials import Trials
from framework.numerics.intervals import Estimate

# By cause: whose remedy is more training images of the same kind.
MENDED_BY_IMAGES = ("homogeneous_training_data", "overfitting")
FRACTIONS = (1 / 4, 1 / 2, 1.0)
_NAMES = ("images-1-of-4", "images-1-of-2", "images-all")
# Powers of the number of images by which the error falls: from the slowest that
# Hestness et al. (2017) report, .07, to the fastest of their theory, 1.
_POWERS = np.concatenate([[0.07], np.arange(0.1, 1.01, 0.05)])
_RESAMPLES = 1_000
_SEED = 17


@dataclasses.dataclass(frozen=True)
class MoreImages:
    """The gain of as many training images again.

    Attributes:
        per_class: How many more of each class that is.
        gain: In validation accuracy.
        errors: The fraction of validation images that are wrong, by `FRACTIONS`.
        seeds: How many seeds each size was trained with.
    """

    per_class: int
    gain: Estimate
    errors: tuple[float, ...]
    seeds: int

    @property
    def text(self) -> str:
        """The estimate in words."""
        low, high = 100 * self.gain.low, 100 * self.gain.high
        return (
            f"{self.per_class:,} more images a class (as many again): {low:+.0f} to "
            f"{high:+.0f} points, by a learning curve"
        )

    def evidence(self) -> Evidence:
        """Returns the curve and the gain."""
        errors = ", ".join(f"{each:.1%}" for each in self.errors)
        return Evidence(
            "gain in validation accuracy with as many training images again",
            self.gain,
            gain_shown_only(),
            f"a + b n^-c through the errors of 1/4, 1/2 and all images, {errors}, in "
            f"trials of equal length with {self.seeds} seed(s); bootstrap over images "
            f"{'and seeds' if self.seeds > 1 else 'only'}",
        )


def estimate(trials: Trials) -> MoreImages | None:
    """Trains on subsets, and estimates the gain of as many images again.

    Args:
        trials: Runs three trials, or six where the budget is enough for two seeds.

    Returns:
        None if the budget is too small, the training images are a sample of more, or
        a subset cannot be trained on.
    """
    context = trials.context
    train = trials.train_images
    if len(context.train) < context.settings.train_images:
        return None
    if not trials.can_afford(len(FRACTIONS)):
        return None
    seeds = 2 if trials.can_afford(2 * len(FRACTIONS)) else 1
    subsets = [_subset(train, fraction) for fraction in FRACTIONS]
    try:
        wrong = np.array(
            [
                [
                    ~trials.correct_of(
                        trials.train(
                            name if not seed else f"{name}-again",
                            Intervention(train=subset, seed=seed),
                        )
                    )
                    for name, subset in zip(_NAMES, subsets, strict=True)
                ]
                for seed in range(seeds)
            ],
            np.float64,
        )
    except NotApplicableError:
        return None
    sizes = [len(subset) for subset in subsets]
    per_class = math.ceil(len(train) / len(np.unique(train.labels)))
    errors = tuple(map(float, wrong.mean(axis=(0, 2))))
    return MoreImages(per_class, doubled(sizes, wrong), errors, seeds)


def with_estimate(findings: Sequence[Finding], trials: Trials) -> list[Finding]:
    """Adds the estimate to findings that more images would mend, if there are any."""
    concerned = [each for each in findings if _is_concerned(each)]
    images = estimate(trials) if concerned else None
    if images is None:
        return list(findings)
    return [
        dataclasses.replace(
            each,
            evidence=(*each.evidence, images.evidence()),
            remedy=dataclasses.replace(
                each.remedy, text=f"{each.remedy.text}; {images.text}"
            ),
        )
        if each in concerned
        else each
        for each in findings
    ]


def doubled(sizes: Sequence[int], wrong: np.ndarray) -> Estimate:
    """Returns the gain in accuracy of as many images again, with its 95 % interval.

    The error is a + b n^-c (Cortes et al., 1993). In simulations of such curves with
    400 and 2,000 validation images, the interval holds the true gain in 90 to 97 % of
    the cases; with a not below 0, in 78 to 98 %.

    Args:
        sizes: Rising numbers of training images [3].
        wrong: 1 where a validation image is wrong, float64 [seeds, 3, N].
    """
    seeds, _, images = wrong.shape
    generator = np.random.Generator(np.random.PCG64(_SEED))
    # Images with the same outcomes are resampled together.
    outcomes, counts = np.unique(wrong.mean(axis=0).T, axis=0, return_counts=True)
    drawn = generator.multinomial(images, counts / images, _RESAMPLES)
    errors = drawn @ outcomes / images
    if seeds > 1:
        # The spread of the mean over seeds, pooled over the sizes.
        spread = math.sqrt(wrong.mean(axis=2).var(axis=0, ddof=1).mean() / seeds)
        errors = errors + spread * generator.standard_normal(errors.shape)
    gains = _gains(sizes, errors)
    value = float(_gains(sizes, wrong.mean(axis=(0, 2))[None])[0])
    low, high = (float(each) for each in np.quantile(gains, [0.025, 0.975]))
    return Estimate(value, min(low, value), max(high, value))


def _gains(sizes: Sequence[int], errors: np.ndarray) -> np.ndarray:
    """Returns by how much the fitted error falls in a doubling, float64 [D].

    By least squares, with b not below 0 and c among `_POWERS`.

    Args:
        sizes: Rising numbers of training images [3].
        errors: float64 [D, 3].
    """
    places = np.asarray(sizes, np.float64) / sizes[-1]
    residuals, gains = [], []
    for power in _POWERS:
        x = places**-power
        centered = x - x.mean()
        b = np.maximum(errors @ centered / (centered @ centered), 0)
        a = errors.mean(axis=1) - b * x.mean()
        predicted = a[:, None] + b[:, None] * x
        residuals.append(np.square(predicted - errors).sum(axis=1))
        # No more than all errors that are left.
        gains.append(np.minimum(b * (1 - 2.0**-power), np.maximum(errors[:, 2], 0)))
    best = np.argmin(residuals, axis=0)
    chosen: np.ndarray = np.array(gains)[best, np.arange(len(errors))]
    return chosen


def _subset(split: Split, fraction: float) -> Split:
    """Returns a fraction of the images of each class; smaller ones are in larger ones.

    Args:
        split: The images.
        fraction: Of each class; at least one image is taken.
    """
    generator = np.random.Generator(np.random.PCG64(_SEED))
    rows = [
        generator.permutation(np.flatnonzero(split.labels == label))
        for label in np.unique(split.labels)
    ]
    counts = [max(round(fraction * len(each)), 1) for each in rows]
    chosen = [each[:count] for each, count in zip(rows, counts, strict=True)]
    return split.take(np.sort(np.concatenate(chosen)))


def _is_concerned(finding: Finding) -> bool:
    return finding.cause.name in MENDED_BY_IMAGES and finding.status != "falsified"
