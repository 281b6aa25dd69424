"""A run's environment.json: what the process is that trains it, for information."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from framework.config import experiment, flags
from framework.system import atomic, json_text, processor
from framework.system.printable import printable

# No more are taken from a file.
_MAX_THREADS = 4096
# Packages that compute.
_ARITHMETIC = ("tensorflow", "keras", "numpy")
# Packages whose versions the numbers of a run can depend on.
_PACKAGES = ("whyflat", "tensorflow", "keras", "numpy", "tensorboard", "absl-py")

# Variables of the environment that choose other kernels.
_VARIABLES = (
    "TF_ENABLE_ONEDNN_OPTS",
    "ONEDNN_MAX_CPU_ISA",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
    "NVIDIA_TF32_OVERRIDE",
)


def write(workdir: Path, devices: list[str], threads: int = 0) -> None:
    """Writes environment.json: command, machine, devices and versions.

    Args:
        workdir: The run's folder.
        devices: Names of the logical devices.
        threads: The number of threads that compute one operation; 0 if unknown.
    """
    environment = {
        "command": flags.command(sys.argv),
        "experiment": experiment.origin(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "devices": devices,
        "git_revision": _git_revision(),
        **_rounding(threads),
    }
    text = json.dumps(environment, indent=2) + "\n"
    atomic.write_text(workdir / "environment.json", text)


def changes(workdir: Path, threads: int) -> list[str]:
    """Compares what the last bits depend on with environment.json.

    Args:
        workdir: The run's folder.
        threads: The number of threads that compute one operation.

    Returns:
        A description of each difference, such as "numpy 2.1.3 -> 2.2.0". What the file
        lacks is not compared; it is for information only.
    """
    old, new = _compared(_read(workdir)), _compared(_rounding(threads))
    return [
        f"{name} {printable(old[name])} -> {printable(new[name])}"
        for name in old
        if name in new and old[name] != new[name]
    ]


def recorded_threads(workdir: Path) -> int:
    """Returns the threads of environment.json; 0 if it does not have their number.

    Args:
        workdir: The run's folder.
    """
    threads = _read(workdir).get("threads")
    return threads if type(threads) is int and 0 < threads <= _MAX_THREADS else 0


def recorded_devices(workdir: Path) -> list[str]:
    """Returns the devices of environment.json; [] if it does not have them.

    Args:
        workdir: The run's folder.
    """
    devices = _read(workdir).get("devices")
    return [str(device) for device in devices] if isinstance(devices, list) else []


def read(workdir: Path) -> dict[str, str]:
    """Returns the entries of environment.json as text; {} if it cannot be read.

    Args:
        workdir: The run's folder.
    """
    texts = {}
    for name, value in _read(workdir).items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {each}" for key, each in value.items())
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        if value not in (None, ""):
            texts[name] = str(value)
    return texts


def _read(workdir: Path) -> dict[str, Any]:
    """Returns the content of environment.json; {} if it cannot be read."""
    try:
        return json_text.parse_object(atomic.read_bytes(workdir / "environment.json"))
    except (OSError, json_text.InvalidJsonError):
        return {}


def _compared(environment: dict[str, Any]) -> dict[str, str]:
    """Returns the entries that are compared; another version may have written them."""
    values: dict[str, str] = {}
    if environment.get("threads"):
        values["threads"] = str(environment["threads"])
    processor_entry = environment.get("processor")
    if isinstance(processor_entry, dict):
        instructions = processor_entry.get("instructions")
        if isinstance(instructions, list) and instructions:
            values["instructions of the processor"] = ", ".join(map(str, instructions))
    packages = environment.get("packages")
    if isinstance(packages, dict):
        values |= {name: str(packages.get(name)) for name in _ARITHMETIC}
    variables = environment.get("variables")
    if isinstance(variables, dict):
        values |= {name: str(variables.get(name) or "unset") for name in _VARIABLES}
    return values


def _rounding(threads: int) -> dict[str, Any]:
    """Returns the entries of environment.json that the last bits depend on."""
    return {
        "threads": threads,
        "processor": processor.describe(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "variables": {x: os.environ[x] for x in _VARIABLES if os.environ.get(x)},
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_revision() -> str | None:
    """Returns the git revision of this code, with a mark if the code has changes."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    folder = Path(__file__).parent
    try:
        process = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except OSError:
        return None
    return process.stdout.strip() or None
