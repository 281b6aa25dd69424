"""Tests of framework/prove/page.py."""

import dataclasses
import html as html_lib
import re
from pathlib import Path

import pytest

from framework.config import Config
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.report import html
from framework.numerics.intervals import Estimate
from framework.prove import page
from framework.prove.manipulation import Check
from framework.prove.proof import prove
from framework.prove.prove_run import Proof
from framework.prove.verdict import Agreement, Verdict

CONFIG = Config(learning_rate=1e-4, workdir="runs/flat")
CHECKS = (Check("ratio of <update_norm>", 9.8, "10", is_met=True),)


@pytest.fixture
def proof(planned, fake, tmp_path):
    plan = planned(
        config=CONFIG,
        exploding_gradients=Intervention(clip_norm=1.0),
        learning_rate_too_low=Intervention(learning_rate_factor=10.0),
    )
    names = {"learning_rate_too_low": 0.9}
    arms = fake(lambda arm, seed: names.get(arm, 0.3))
    results = prove(plan, arms, lambda *_: CHECKS)
    return Proof(CONFIG, tmp_path, plan, ("judged on <b>400</b>",), tuple(results))


@pytest.fixture
def report(tmp_path):
    """A page with nothing but the slots."""
    path = tmp_path / "report.html"
    slots = [f"<!-- {slot} -->\n<!-- end of {slot} -->" for slot in html.SLOTS]
    path.write_text("\n".join(slots))
    return path


def words(path):
    text = html_lib.unescape(re.sub("<[^>]*>", " ", path.read_text()))
    return " ".join(text.split())


def test_the_answer_and_the_table_are_on_the_page(proof, report):
    assert page.write(report.parent, Path("runs/flat"), proof)
    text = words(report)
    assert text.startswith("Proven on ")
    assert (
        "the remedy of \u201cthe learning rate is too low\u201d gains +60.0 points "
        "(+60.0 to +60.0)."
    ) in text
    assert "remedy of: The learning rate is too low 3 90.0% \u2013" in text
    assert (
        "unchanged 3 30.0% +60.0 points (+60.0 to +60.0) over seeds +60.0 points"
    ) in text
    assert "- --learning_rate=0.0001 + --learning_rate=0.001" in text
    assert "whyflat train --flagfile=runs/flat/flags.txt --learning_rate=0.001" in text
    assert "ratio of <update_norm> = 9.8, as expected (10)" in text
    assert "judged on <b>400</b>." in text
    assert proof.plan.sha256 in text
    # Only what is proven has a command.
    assert text.count("whyflat train") == 1
    assert text.index("no effect") < text.index("proven it gains over the unchanged")


def test_a_later_look_replaces_an_earlier_one(proof, report):
    first = dataclasses.replace(proof, results=proof.results[:1])
    assert page.write(report.parent, Path("runs/flat"), first)
    assert words(report).startswith("No remedy is proven (gradients explode: no effect")
    assert page.write(report.parent, Path("runs/flat"), proof)
    later = report.read_text()
    assert "No remedy is proven" not in later
    assert page.write(report.parent, Path("runs/flat"), proof)
    assert report.read_text() == later


def test_validation_and_test_that_agree(proof, report):
    agreement = Agreement(*[Estimate(value, 0.0, 0.2) for value in (0.15, 0.0, 0.12)])
    fixed = dataclasses.replace(
        proof.results[1],
        verdict=Verdict("ruler fixed", "validation and test have come together"),
        agreement=agreement,
    )
    page.write(
        report.parent, Path("runs/flat"), dataclasses.replace(proof, results=(fixed,))
    )
    text = words(report)
    assert text.startswith("Proven: with the remedy of ")
    assert "validation less test, unchanged: +15.0 points (+0.0 to +20.0)" in text


def test_a_remedy_that_was_not_trained(proof, report):
    untried = dataclasses.replace(
        proof.results[0], seeds=0, outcomes={}, gains={}, checks=()
    )
    untried = dataclasses.replace(proof, results=(untried,))
    assert page.write(report.parent, Path("runs/flat"), untried)
    assert "<table" not in report.read_text()


def test_without_a_page_nothing_is_written(proof, tmp_path):
    assert not page.write(tmp_path, Path("runs/flat"), proof)
    assert not (tmp_path / "report.html").exists()
