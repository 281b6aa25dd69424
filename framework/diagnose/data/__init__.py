"""Causes that lie in the data: what a list of detectors looks for."""

from __future__ import annotations

from framework.diagnose.data import validation_size
from framework.diagnose.detector import Detector

DETECTORS: tuple[Detector, ...] = (Detector(validation_size.rule),)
