"""Checks of the data."""
