"""Tests of framework/diagnose/programs/trial_watch.py."""

import pytest

from framework.diagnose.core.budget import Allowance, TooSlowError
from framework.diagnose.programs.trial_watch import Watch
from framework.report import Reports


def test_a_run_that_takes_too_long_is_ended():
    times = iter([0.0, 5.0, 7.0, 27.0])
    watch = Watch(Allowance(100.0, lambda: next(times)), total=100)
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
