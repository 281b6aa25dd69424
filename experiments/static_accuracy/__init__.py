"""Runs broken on purpose, one per cause that the diagnosis knows."""
