"""A sample of benchmarks/faults/flags.py, with the modules and drawn specs of it."""

import pytest

from benchmarks.faults import flags, specs
from benchmarks.faults.inputs import chosen, try_all


@pytest.mark.extended
@pytest.mark.parametrize(
    ("inputs", "number"),
    [(flags.table(), 24), (flags.modules(), 6), (specs.drawn(0), 12)],
    ids=["by hand", "modules", "drawn"],
)
def test_bad_flags_are_handled(fork_server, inputs, number):
    tally = try_all("sample", chosen(inputs, number, ""), fork_server=fork_server)
    assert tally.tried == number
    assert not tally.mishandled, tally.details()


def test_there_are_many_and_their_names_differ():
    inputs = [*flags.table(), *flags.modules()]
    assert len({each.name for each in inputs}) == len(inputs) >= 500
    assert len(specs.drawn(0)) >= 500


def test_what_is_drawn_depends_on_the_seed_only():
    first, again, other = (specs.drawn(seed, 20) for seed in (1, 1, 2))
    assert [each.arguments for each in first] == [each.arguments for each in again]
    assert [each.arguments for each in first] != [each.arguments for each in other]
