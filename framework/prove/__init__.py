"""Proves a remedy: trains it beside controls, and judges it on untouched images."""
