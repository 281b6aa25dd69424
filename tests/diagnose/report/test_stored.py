"""Tests of framework/diagnose/report/stored.py."""

import json
import os

import pytest

from framework.diagnose.report import stored
from framework.report.history import History

WHOLE = {
    "format": 3,
    "verdict": "static",
    "plateau": {},
    "findings": [{"status": "falsified"}],
    "reading": "",
    "measurements": {},
    "run": {"step": 20, "evaluations": 2},
}


@pytest.fixture
def workdir(tmp_path):
    history = History(tmp_path / "metrics.jsonl")
    for step in (10, 20):
        history.append(step, {"validation/accuracy": 0.5})
    (tmp_path / "diagnosis").mkdir()
    return tmp_path


def write(workdir, **changes):
    text = json.dumps({**WHOLE, **changes}, indent=2) + "\n"
    stored.path_of(workdir).write_text(text)
    return text


@pytest.mark.parametrize("status", ["confirmed", "suspected"])
@pytest.mark.parametrize("time", [0, 2**33])
def test_a_current_diagnosis_is_read_whatever_the_clock(workdir, status, time, caplog):
    text = write(workdir, findings=[{"status": "falsified"}, {"status": status}])
    os.utime(stored.path_of(workdir), (time, time))
    assert stored.read_current(workdir) == (text, status == "confirmed")
    assert not caplog.records


@pytest.mark.parametrize("change", ["more", "fewer", "another"])
def test_a_diagnosis_of_another_evaluation_is_not_current(workdir, change, caplog):
    write(workdir)
    history = History(workdir / "metrics.jsonl")
    if change != "more":
        history.truncate(10)
    if change != "fewer":
        history.append(30, {"validation/accuracy": 0.5})
    # It was written later, by the clock.
    os.utime(stored.path_of(workdir), (2**33, 2**33))
    assert stored.read_current(workdir) is None
    assert not caplog.records


def test_without_a_diagnosis_or_a_run_there_is_none(workdir, tmp_path, caplog):
    assert stored.read_current(workdir) is None
    assert stored.read_current(tmp_path / "nowhere") is None
    write(workdir)
    (workdir / "metrics.jsonl").unlink()
    assert stored.read_current(workdir) is None
    assert not caplog.records


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Expecting value"),
        (json.dumps(WHOLE).encode()[:-1], "delimiter"),
        (b"null", "not a JSON object"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "too deeply"),
        *(
            (json.dumps({**WHOLE, name: None}).encode(), f"it has no {name}")
            for name in WHOLE
        ),
        (json.dumps({**WHOLE, "format": 1}).encode(), "its format is 1"),
        (json.dumps({**WHOLE, "findings": [3]}).encode(), "without status"),
        (
            json.dumps({**WHOLE, "findings": [{"status": []}]}).encode(),
            "without status",
        ),
    ],
)
def test_a_damaged_diagnosis_is_computed_anew_with_a_warning(
    workdir, content, why, caplog
):
    stored.path_of(workdir).write_bytes(content)
    assert stored.read_current(workdir) is None
    (record,) = caplog.records
    assert why in record.getMessage()


def test_a_folder_in_its_place_is_a_warning(workdir, caplog):
    stored.path_of(workdir).mkdir()
    assert stored.read_current(workdir) is None
    assert "Is a directory" in caplog.text


REMEDY = {"text": "raise it", "intervention": {"learning_rate_factor": 10.0}}
FINDING = {"cause": "overfitting", "status": "confirmed", "remedy": REMEDY}


def test_findings_are_read_with_their_interventions(workdir):
    person = {**FINDING, "remedy": {"text": "relabel", "intervention": None}}
    write(workdir, findings=[FINDING, person])
    first, second = stored.read_findings(workdir)
    assert (first.cause, first.status) == ("overfitting", "confirmed")
    assert first.advice == "raise it"
    assert first.intervention.differences() == {"learning_rate_factor": 10.0}
    assert second.intervention is None


def test_findings_of_an_earlier_evaluation_are_none(workdir):
    write(workdir, findings=[FINDING], run={"step": 10, "evaluations": 1})
    assert stored.read_findings(workdir) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        # As an earlier version wrote it.
        ({"remedy": {"text": "raise it"}}, "intervention"),
        ({"remedy": None}, "a finding of 'overfitting'"),
        ({"cause": "witchcraft"}, "a finding of 'witchcraft'"),
        ({"remedy": {**REMEDY, "text": 5}}, "the remedy of overfitting"),
        ({"remedy": {**REMEDY, "intervention": []}}, "the remedy of overfitting"),
        ({"remedy": {**REMEDY, "intervention": {"x": 1}}}, "x=1 is no change"),
    ],
)
def test_findings_that_are_damaged_are_none_with_a_warning(
    workdir, changes, why, caplog
):
    write(workdir, findings=[{**FINDING, **changes}])
    assert stored.read_findings(workdir) is None
    (record,) = caplog.records
    assert why in record.getMessage()
