"""Checks of how accuracy is measured."""
