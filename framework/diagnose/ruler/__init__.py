"""Causes that lie in how accuracy is measured, or in what a step does."""

from __future__ import annotations

from framework.diagnose.detector import Detector
from framework.diagnose.ruler import repeatable, reported, updates

DETECTORS: tuple[Detector, ...] = (
    Detector(reported.metric_bug, reported.measure),
    Detector(reported.stale_evaluation_weights),
    Detector(reported.evaluated_in_training_mode),
    Detector(repeatable.random_validation, repeatable.measure),
)
# How far a step goes matters only where accuracy does not move.
UPDATES: tuple[Detector, ...] = (
    Detector(updates.learning_rate_frozen, updates.measure),
    Detector(updates.wrong_variables, change=updates.by_plain_steps),
    Detector(updates.frozen_weights, change=updates.all_trained),
    Detector(updates.replica_scaling, change=updates.by_plain_steps),
)
