"""Runnable experiments: each a short file with one CONFIG."""

# First, so that an experiment's `import tensorflow` is put off as the house's own is.
import framework  # noqa: F401
