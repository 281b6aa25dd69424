"""The processor of this machine: its name, and instructions that kernels depend on."""

from __future__ import annotations

import platform
from pathlib import Path

# Kernels of TensorFlow and oneDNN are chosen by these.
_PREFIXES = ("avx", "fma", "amx_", "sse4", "asimd", "sve", "bf16", "f16c")


def describe(path: str = "/proc/cpuinfo") -> dict[str, object]:
    """Returns the processor's name and its instruction sets.

    Args:
        path: The file that describes the processor's cores.

    Returns:
        "name", and "instructions", sorted; empty where the file cannot be read.
    """
    fields: dict[str, str] = {}
    try:
        for line in Path(path).read_text().splitlines():
            name, _, value = line.partition(":")
            fields.setdefault(name.strip().lower(), value.strip())
    except OSError:
        pass
    flags = (fields.get("flags") or fields.get("features") or "").split()
    return {
        "name": fields.get("model name") or platform.processor(),
        "instructions": sorted(flag for flag in flags if flag.startswith(_PREFIXES)),
    }
