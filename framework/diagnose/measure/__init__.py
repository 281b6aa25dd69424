"""Measurements, one family a file; each is made once, at first use."""
