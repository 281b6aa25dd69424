"""Tests of framework/diagnose/detector.py."""

import dataclasses
import types

import pytest
from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.detector import Detector, Measures, NotMeasuredError, detect
from framework.diagnose.finding import Finding, Remedy


def finding(status="suspected", cause="label_noise"):
    return Finding(cause, status, "", (), Remedy(""), "")


class Repairs:
    """Confirms whatever is tried."""

    def __init__(self, is_done=False):
        self.subject = types.SimpleNamespace(number=3)
        self.is_done = is_done
        self.changes = []

        self.assumed_too = []

    def tried(self, found, change):
        self.changes.append(change)
        return dataclasses.replace(found, status="confirmed")

    def assumed(self, found, change):
        self.assumed_too.append(change)
        return found


def statuses(detectors, repairs=None, **measures):
    found = detect(detectors, Measures(measures), repairs or Repairs())
    return [each.status for each in found]


def test_what_is_measured_is_known_to_all_that_follow():
    seen = []
    detectors = [
        Detector(lambda m: None, lambda subject: {"a": subject.number}),
        Detector(lambda m: seen.append(m["a"])),
    ]
    measures = Measures()
    assert detect(detectors, measures, Repairs()) == []
    assert (seen, measures) == ([3], {"a": 3})


def test_nothing_is_said_of_what_was_not_measured():
    with pytest.raises(NotMeasuredError):
        Measures()["a"]
    assert Measures().get("a") is None
    assert statuses([Detector(lambda m: m["a"])]) == []


def test_what_a_model_does_not_take_is_not_measured():
    def measure(subject):
        raise CannotChangeError

    assert statuses([Detector(lambda m: m["a"], measure)]) == []


def test_only_what_is_suspected_is_tried():
    repairs = Repairs()
    for status, found in [("suspected", "confirmed"), ("confirmed", "confirmed")]:
        detector = Detector(
            lambda m, status=status: finding(status),
            change=lambda m: Change(dropout=m["a"]),
        )
        assert statuses([detector], repairs, a=0.5) == [found]
    assert [change.dropout for change in repairs.changes] == [0.5]
    # What is certain is mended for what comes after it.
    assert [change.dropout for change in repairs.assumed_too] == [0.5]


def test_what_needs_more_than_one_attempt_is_judged_again():
    def rule(measures):
        return finding("confirmed" if measures.get("b") else "suspected")

    def confirm(repairs, measures):
        return {"b": repairs.subject.number == measures["a"]}

    assert statuses([Detector(rule, confirm=confirm)], a=3) == ["confirmed"]
    assert statuses([Detector(rule, confirm=confirm)], a=4) == ["suspected"]


def test_a_suspicion_that_nothing_can_try_stays_one():
    assert statuses([Detector(lambda m: finding())]) == ["suspected"]


def test_suspicions_are_dropped_once_all_is_explained():
    detectors = [
        Detector(lambda m: finding(), change=lambda m: Change()),
        Detector(lambda m: finding()),
        Detector(lambda m: finding("confirmed")),
    ]
    repairs = Repairs(is_done=True)
    assert statuses(detectors, repairs) == ["confirmed"]
    assert repairs.changes == []


def test_what_flatters_is_looked_for_all_the_same():
    detector = Detector(lambda m: finding(), change=lambda m: Change(), flatters=True)
    assert statuses([detector], Repairs(is_done=True)) == ["confirmed"]


def test_progress_names_what_is_looked_for():
    told = []
    detector = Detector(lambda m: None, lambda subject: {})
    detect([detector, Detector(lambda m: None)], Measures(), Repairs(), told.append)
    assert told == ["measuring test detector"]
