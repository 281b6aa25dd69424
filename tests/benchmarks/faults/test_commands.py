"""A sample of benchmarks/faults/commands.py."""

import pytest

from benchmarks.faults import commands
from benchmarks.faults.inputs import chosen, try_all


@pytest.mark.extended
def test_other_commands_handle_bad_arguments(fork_server):
    inputs = commands.inputs()
    assert len({each.name for each in inputs}) == len(inputs) >= 100
    tally = try_all("sample", chosen(inputs, 12, ""), fork_server=fork_server)
    assert not tally.mishandled, tally.details()
