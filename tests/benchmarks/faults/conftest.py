"""What the tests of the fuzzers share."""

import pytest

from benchmarks.faults.fork_server import ForkServer


@pytest.fixture(scope="session")
def fork_server():
    with ForkServer() as process:
        yield process
