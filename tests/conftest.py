"""What all tests share: two logical CPU devices, made before TensorFlow computes."""

import pathlib

import pytest
import tensorflow as tf
from hypothesis import settings

settings.register_profile("tests", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("tests")

_CPU = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    _CPU, [tf.config.LogicalDeviceConfiguration()] * 2
)
# Sums are divided among threads: so all round alike, whatever a machine has of cores.
tf.config.threading.set_intra_op_parallelism_threads(2)


_FASHION_MNIST = pathlib.Path("/usr/share/datasets/fashion-mnist")


def pytest_collection_modifyitems(items):
    """Puts the files that start processes first, and the many small ones last.

    So no worker is left alone with a long file in the end.
    """
    here = pathlib.Path(__file__).parent
    first = ("launch", "benchmarks", "config", "data")
    items.sort(
        key=lambda item: (
            not (
                item.path.parent == here
                or item.path.relative_to(here).parts[0] in first
            )
        )
    )


def pytest_runtest_setup(item):
    """Skips tests of real data where these are not installed."""
    if item.get_closest_marker("real_data") and not _FASHION_MNIST.is_dir():
        pytest.skip("Fashion-MNIST: apt-get install dataset-fashion-mnist")


@pytest.fixture(scope="session")
def mirrored():
    """A strategy over both devices, the same for all tests."""
    from framework.distributed.strategy import build_strategy

    return build_strategy("mirrored", 2)
