"""Reports of a run: to the console, to TensorBoard and to files."""

from framework.report.base import Report, Reports

__all__ = ["Report", "Reports"]
