"""Causes that lie in how accuracy is measured: looked for before all others."""

from __future__ import annotations

from framework.diagnose.detector import Detector

DETECTORS: tuple[Detector, ...] = ()
