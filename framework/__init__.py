"""Whyflat: trains image classifiers and says why validation accuracy is static."""

from framework import lazy

__version__ = "0.2.0"

lazy.defer_imports("tensorflow", "keras")
