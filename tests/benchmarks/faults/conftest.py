"""What the tests of the fuzzers share."""

import pytest

from benchmarks.faults.nursery import Nursery


@pytest.fixture(scope="session")
def nursery():
    with Nursery() as process:
        yield process
