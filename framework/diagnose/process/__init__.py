"""Causes that lie in the training: what a list of detectors looks for."""

from __future__ import annotations

from framework.diagnose.detector import Detector
from framework.diagnose.process import (
    fit,
    length_or_capacity,
    loss,
    modes,
    rate,
    weights,
)

# What comes first can explain what comes later, but not the other way round.
DETECTORS: tuple[Detector, ...] = (
    Detector(modes.train_eval_mismatch, modes.measure),
    Detector(modes.never_in_training_mode, change=modes.by_plain_steps),
    Detector(loss.rule, loss.measure, loss.change),
    Detector(weights.bad_initialization, weights.measure, weights.redraw),
    Detector(weights.exploding_gradients, change=weights.clip),
    Detector(weights.dead_from_the_start, change=weights.leak),
    Detector(weights.vanishing_gradients, change=weights.rectify),
    Detector(fit.over_regularized, fit.measure, fit.free),
    Detector(rate.batch_size_too_large, rate.measure, rate.smaller_batch),
    Detector(rate.batch_size_too_small, change=rate.larger_batch),
    Detector(rate.learning_rate_too_high, change=rate.lower),
    Detector(weights.dead_units, change=weights.leak),
    Detector(rate.learning_rate_too_low, change=rate.raise_),
)
# What is looked for once all else was tried.
LAST: tuple[Detector, ...] = (
    Detector(length_or_capacity.stopped_too_early, confirm=length_or_capacity.try_more),
    Detector(fit.overfitting, confirm=fit.regularize),
    Detector(
        length_or_capacity.insufficient_capacity, confirm=length_or_capacity.try_more
    ),
)
