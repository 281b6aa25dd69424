"""Which devices share the work."""

from __future__ import annotations

import tensorflow as tf

from framework.errors import UsageError


def build(kind: str, devices: int = 0) -> tf.distribute.Strategy:
    """Returns the strategy of a kind.

    Args:
        kind: "default" for one device that TensorFlow chooses, "one_device" for the
            first, "mirrored" for several of this machine.
        devices: How many to use with "mirrored"; 0 for all. If there is no GPU and
            fewer CPUs, the CPU is divided into so many logical devices, which can be
            done only before TensorFlow first computes.

    Raises:
        UsageError: There are not so many devices.
    """
    if kind == "default":
        return tf.distribute.get_strategy()
    if kind == "one_device":
        return tf.distribute.OneDeviceStrategy(_names(1)[0])
    # Collectives of two strategies in one process get in each other's way; a reduction
    # to one device has none, and gives the same sums.
    reduction = (
        None
        if tf.config.list_physical_devices("GPU")
        else tf.distribute.ReductionToOneDevice()
    )
    return tf.distribute.MirroredStrategy(_names(devices), reduction)


def _names(count: int) -> list[str]:
    """Returns the names of so many devices, GPUs if there are any."""
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    if kind == "CPU" and count > 1:
        _divide_cpu(count)
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if count > len(names):
        raise UsageError(f"devices must be at most {len(names)} here, not {count}")
    return names[: count or None]


def _divide_cpu(count: int) -> None:
    """Makes logical devices of the CPU, unless it is too late for that."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    if tf.config.get_logical_device_configuration(cpu):
        return
    parts = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError:
        return
