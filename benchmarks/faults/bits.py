"""Ways to damage bytes at random."""

from __future__ import annotations

import numpy as np


def flip(content: bytes, generator: np.random.Generator) -> bytes:
    """Returns the bytes with one random bit flipped."""
    changed = bytearray(content)
    changed[generator.integers(len(content))] ^= 1 << generator.integers(8)
    return bytes(changed)


def cut(content: bytes, generator: np.random.Generator) -> bytes:
    """Returns the first bytes, cut at a random place."""
    return content[: generator.integers(len(content))]
