"""Causes that lie in the data: what a list of detectors looks for."""

from __future__ import annotations

from framework.diagnose.data import (
    class_imbalance,
    distribution_shift,
    homogeneous_training_data,
    illegal_labels,
    label_noise,
    preprocessing_mismatch,
    shuffled_labels,
    split_artifact,
    split_leakage,
    unnormalized_inputs,
    unshuffled_batches,
    validation_size,
)
from framework.diagnose.detector import Detector

# First what makes labels void, then what needs no training; what must be tried is last.
DETECTORS: tuple[Detector, ...] = (
    Detector(illegal_labels.rule, illegal_labels.measure),
    Detector(split_artifact.rule, split_artifact.measure),
    Detector(shuffled_labels.rule, shuffled_labels.measure),
    Detector(validation_size.rule),
    Detector(
        split_leakage.rule,
        split_leakage.measure,
        confirm=split_leakage.confirm,
        flatters=True,
    ),
    Detector(preprocessing_mismatch.rule, preprocessing_mismatch.measure),
    Detector(
        unnormalized_inputs.rule,
        unnormalized_inputs.measure,
        unnormalized_inputs.change,
    ),
    Detector(
        unshuffled_batches.rule, unshuffled_batches.measure, unshuffled_batches.change
    ),
    Detector(
        class_imbalance.rule, class_imbalance.measure, confirm=class_imbalance.confirm
    ),
    Detector(
        homogeneous_training_data.rule,
        homogeneous_training_data.measure,
        homogeneous_training_data.change,
    ),
    Detector(
        distribution_shift.rule, distribution_shift.measure, distribution_shift.change
    ),
)
# What takes two attempts is for what is left of the budget.
LAST: tuple[Detector, ...] = (
    Detector(label_noise.rule, label_noise.measure, confirm=label_noise.confirm),
)
