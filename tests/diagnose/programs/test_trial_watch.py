"""Tests of framework/diagnose/programs/trial_watch.py."""

import numpy as np
import pytest

from framework.diagnose.core.budget import Allowance, TooSlowError
from framework.diagnose.programs.trial_watch import FutileTrialError, Watch
from framework.numerics.metrics import Predictions
from framework.report import Reports


def test_a_run_that_takes_too_long_is_ended():
    times = iter([0.0, 5.0, 7.0, 27.0])
    watch = Watch(Allowance(100.0, lambda: next(times)), total=100, epochs=4.0)
    reports = Reports([watch])
    reports.started(0)
    reports.advanced(1, seconds=5.0)
    reports.logged(1, {})
    reports.advanced(11, seconds=2.0)
    reports.evaluated(11, {}, {})
    with pytest.raises(TooSlowError, match="about 203 s"):
        reports.advanced(12, seconds=20.0)
    reports.finished(12)
    reports.stopped()


@pytest.mark.parametrize(("first", "step", "epochs"), [(0, 50, 2.0), (100, 150, 2.0)])
def test_a_run_that_gains_too_little_is_ended_at_an_evaluation(first, step, epochs):
    """Also one that is continued, whose steps are counted on."""
    classes, seen = np.arange(3), []

    def is_futile(epochs, predict):
        seen.append((epochs, predict().tolist()))
        return True

    total = first + 100
    watch = Watch(Allowance(is_futile=is_futile), total, epochs=4.0)
    evaluated = {"validation": Predictions(classes, *(classes,) * 4)}
    watch.started(first)
    watch.evaluated(step, {}, {})
    assert not seen
    with pytest.raises(FutileTrialError) as ended:
        watch.evaluated(step, {}, evaluated)
    assert seen == [(epochs, [0, 1, 2])]
    assert ended.value.epochs == epochs
    assert ended.value.validation is evaluated["validation"]
    # At its end there is nothing to save.
    watch.evaluated(total, {}, evaluated)
