"""Optimizers, precision, and statistics of steps."""
