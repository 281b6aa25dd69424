"""Runs of a check on given measurements, or on a context, without any trial."""

import pytest

from framework.diagnose.core.check import examine
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.trials import Trials


class UndecidedTrials(Trials):
    """Has no budget: a suspicion stays one, and a certain cause keeps its cost."""

    is_done = False

    def __init__(self, context=None):
        self.context = context

    def leave_out(self, images):
        """Does nothing."""

    def can_afford(self, count=1.0):
        """Returns False."""
        return False


@pytest.fixture(scope="session")
def undecided():
    """Makes trials that have no budget: `undecided(context=None)`."""
    return UndecidedTrials


@pytest.fixture(scope="session")
def judged(measured):
    """Examines measurements: `judged(check, *measurements, **settings)`."""

    def run(check, *known, **settings):
        return examine(check, measured(*known, **settings), UndecidedTrials())

    return run


@pytest.fixture(scope="session")
def examined():
    """Measures and examines a context: `examined(check, context, *known)`."""

    def run(check, context, *known):
        measurements = Measurements(context, context.settings, known)
        result = examine(check, measurements, UndecidedTrials(context))
        assert not [each for each in measurements.unavailable if each.is_failure]
        return result

    return run
