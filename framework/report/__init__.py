"""Where what happens in a run is told: to the console, to TensorBoard, to files."""

from framework.report.base import Report, Reports

__all__ = ["Report", "Reports"]
