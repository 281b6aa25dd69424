"""Fuzzers: bad inputs, damaged files, killed processes, and numbers recomputed.

python -m benchmarks.faults
"""
