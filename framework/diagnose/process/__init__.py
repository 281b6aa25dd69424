"""Causes that lie in the training: what a list of detectors looks for."""

from __future__ import annotations

from framework.diagnose.detector import Detector

DETECTORS: tuple[Detector, ...] = ()
