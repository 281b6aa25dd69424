"""Sweeps: trains many settings of a run, and compares them."""
