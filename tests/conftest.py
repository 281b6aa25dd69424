"""What all tests share: two logical CPU devices, made before TensorFlow computes."""

import atexit
import gc
import os
import pathlib
import shutil
import subprocess
import tempfile
import zlib

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

# Graphs are millions of objects that live on; by default each trace scans them all.
gc.freeze()
gc.set_threshold(20_000, 20, 20)

# Decoded images are not kept in the user's cache folder; the fonts of matplotlib are.
_CACHE = pathlib.Path(tempfile.mkdtemp())
_FONTS = pathlib.Path.home() / ".cache/matplotlib"
if _FONTS.is_dir():
    (_CACHE / "matplotlib").symlink_to(_FONTS)
os.environ["XDG_CACHE_HOME"] = str(_CACHE)
atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)

ROOT = pathlib.Path(__file__).parents[1]
_FASHION_MNIST = pathlib.Path("/usr/share/datasets/fashion-mnist")


def pytest_addoption(parser):
    """Adds --share."""
    parser.addoption(
        "--share",
        help="run a part of the test functions, such as 0/10, 1/10, ... or 9/10",
        default="0/1",
    )


def pytest_collection_modifyitems(config, items):
    """Takes the share of the test functions that --share names, in a good order.

    The files that start processes are first, and the many small ones last. So no worker
    is left alone with a long file in the end.
    """
    part, parts = map(int, config.getoption("--share").split("/"))
    left_out = [each for each in items if _digest(each) % parts != part]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [each for each in items if _digest(each) % parts == part]
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


def _digest(item):
    """Returns a number of the test function, the same for all of its parameters."""
    return zlib.crc32(item.nodeid.split("[")[0].encode())


def pytest_runtest_setup(item):
    """Skips tests of real data where these are not installed."""
    if item.get_closest_marker("real_data") and not _FASHION_MNIST.is_dir():
        pytest.skip("Fashion-MNIST: apt-get install dataset-fashion-mnist")
    if item.get_closest_marker("photographs"):
        from benchmarks.zoo.cases.public.images import FLOWERS

        if not FLOWERS.is_dir():
            pytest.skip("photographs of flowers: the folder that ZOO_FLOWERS names")


@pytest.fixture(scope="session")
def fork_server():
    """Runs commands in forks of one process that has TensorFlow loaded."""
    from benchmarks.faults.fork_server import ForkServer

    with ForkServer() as process:
        yield process


@pytest.fixture(scope="session")
def command(fork_server):
    """Runs `python -m MODULE ARGUMENTS`; returns the completed process, with texts."""

    def run(module, *arguments, folder=ROOT, **variables):
        outcome = fork_server.run(module, arguments, folder, 300, variables)
        texts = outcome.stdout.decode(), outcome.stderr.decode()
        return subprocess.CompletedProcess([module, *arguments], outcome.code, *texts)

    return run


@pytest.fixture(scope="session")
def mirrored():
    """A strategy over both devices, the same for all tests."""
    from framework.distributed.strategy import build_strategy

    return build_strategy("mirrored", 2)
