"""Benchmarks of speed, compared with other libraries."""
