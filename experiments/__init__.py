"""Runnable experiments: each a short file with one CONFIG."""
