"""Tests of the zoo: its table, its scores, and a dozen of its cases."""

import collections
import dataclasses
import importlib
import json
import pathlib

import numpy as np
import pytest

from benchmarks.zoo import admission, jobs, other_tools, results, score, train
from benchmarks.zoo.cases import (
    CASES,
    Case,
    Program,
    Run,
    calibration,
    data,
    public,
    report,
    spoil,
)
from benchmarks.zoo.cases.case import ANSWERS
from benchmarks.zoo.cases.public.images import PHOTOGRAPHS
from benchmarks.zoo.cases.report import sources
from benchmarks.zoo.train import Trained
from framework.diagnose.core.causes import CAUSES
from framework.launch.run import run

EXPERIMENTS = pathlib.Path(__file__).parents[2] / "experiments/static_accuracy"
PATHS = sorted(set(EXPERIMENTS.glob("[!_]*.py")) - {EXPERIMENTS / "networks.py"})


def case(*faults, ruler=False, floor=0.0, **options):
    return Case("x", "own", "digits", faults, None, ruler, floor, **options)


def test_names_are_unique():
    parts = (calibration, report, public)
    assert len(CASES) == sum(len(part.CASES) for part in parts)


def test_there_are_enough_cases():
    faulty = [each for each in CASES.values() if not each.healthy]
    assert len(faulty) >= 60
    assert len(CASES) - len(faulty) >= 40
    assert sum(len(each.faults) > 1 for each in faulty) >= 10


# The zoo's programs have no weights of examples, and none is a loop of another kind.
_WITHOUT_CASES = {"example_weights", "below_linear_probe"}


@pytest.mark.parametrize("cause", sorted(set(CAUSES) - _WITHOUT_CASES))
def test_each_cause_has_a_case_in_both_halves(cause):
    halves = {
        each.half
        for each in CASES.values()
        for fault in each.causes
        if fault[0] == cause
    }
    assert halves == {"calibration", "report"}


def test_the_half_that_is_reported_is_large_enough():
    counts = collections.Counter(
        each.healthy for each in CASES.values() if each.half == "report"
    )
    assert counts[False] >= 45
    assert counts[True] >= 25


@pytest.mark.parametrize(
    ("faults", "options"),
    [
        (["bad_luck"], {}),
        ([], {"tolerated": ("bad_luck",)}),
        ([], {"answer": "bad_luck"}),
        ([], {"group": "bad_luck"}),
        ([], {"half": "bad_luck"}),
    ],
)
def test_what_is_no_cause_or_answer_is_refused(faults, options):
    with pytest.raises(ValueError, match="bad_luck"):
        case(*faults, **options)


def test_earlier_cases_are_of_the_first_group():
    for part in (calibration, report):
        assert {each.group for each in part.CASES} == {"zoo"}


def test_all_cases_were_admitted_by_measurement():
    admitted = json.loads(admission.ADMITTED.read_text())
    assert {name for name, each in admitted.items() if each["admitted"]} == set(CASES)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_experiments_say_how_to_run_them(path):
    module = importlib.import_module(f"experiments.static_accuracy.{path.stem}")
    assert f"experiments.static_accuracy.{path.stem}\n" in module.__doc__
    assert " %" in module.__doc__
    assert module.CONFIG.workdir == f"runs/static_accuracy/{path.stem}"


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_experiments_run(tmp_path, path):
    config = importlib.import_module(f"experiments.static_accuracy.{path.stem}").CONFIG
    config = dataclasses.replace(config, train_for="1", workdir=str(tmp_path))
    assert len(run(config).history) == 1


@pytest.mark.parametrize("name", ["digits", "flowers", "circles", "moons", "blobs"])
def test_data_are_the_same_for_the_same_seed(name):
    make = getattr(data, name)
    make = getattr(make, "__wrapped__", make)
    first, again, other = make(1), make(1), make(2)
    np.testing.assert_array_equal(first.x, again.x)
    assert not np.array_equal(first.tx, other.tx)
    assert first.x.dtype == np.float32
    assert len(first.x) >= 400
    assert len(first.vx) >= 400
    assert len(first.tx) >= 400


@pytest.mark.extended
@pytest.mark.parametrize(
    "name",
    [
        "wines",
        "tumours",
        "letters",
        "figures",
        "stripes",
        "spirals",
        "waves",
        "topics",
        pytest.param("wardrobe", marks=pytest.mark.real_data),
    ],
)
def test_held_out_data_are_the_same_for_the_same_seed(name):
    make = getattr(sources, name)
    make = getattr(make, "__wrapped__", make)
    first, again, other = make(1), make(1), make(2)
    np.testing.assert_array_equal(first.x, again.x)
    assert not np.array_equal(first.tx, other.tx)
    assert first.x.dtype == np.float32
    for labels in (first.y, first.vy, first.ty):
        assert set(labels) == set(range(first.classes))
        assert len(labels) >= 50


def test_label_noise_is_what_it_is_called():
    clean = data.digits(0)
    noisy = spoil.label_noise(0.4)(clean, data.rng(0))
    assert np.mean(noisy.y != clean.y) == pytest.approx(0.4, abs=0.05)
    np.testing.assert_array_equal(noisy.vy, clean.vy)


# What is said of a case, in order, and whether it counts.
def verdict(faults, named, suspected=()):
    return score.Verdict(
        case(*faults),
        0,
        tuple(tuple(each.split("|")) for each in named),
        tuple((each,) for each in suspected),
        0.5,
    )


OVERFITTING, NOISE = "overfitting", "label_noise"
SMALL = "validation_too_small"


@pytest.mark.parametrize(
    ("outcome", "top", "top_three"),
    [
        (verdict([OVERFITTING], [OVERFITTING]), True, True),
        (verdict([f"{NOISE}|{OVERFITTING}"], [OVERFITTING]), True, True),
        (verdict([OVERFITTING], [NOISE, OVERFITTING]), False, True),
        (verdict([OVERFITTING], [NOISE], [OVERFITTING]), False, True),
        (verdict([OVERFITTING], [], ["dead_units"] * 3 + [OVERFITTING]), False, False),
        (verdict([OVERFITTING], []), False, False),
        (verdict([OVERFITTING], [f"{NOISE}|{OVERFITTING}"]), True, True),
    ],
)
def test_a_name_counts_if_it_is_accepted(outcome, top, top_three):
    assert outcome.top == top
    assert outcome.top_three == top_three


def test_what_no_trial_has_cleared_counts_as_suspected():
    names = {
        "confirmed": OVERFITTING,
        "minor": "dead_units",
        "unresolved": "frozen_weights",
        "suspected": NOISE,
        "falsified": "class_imbalance",
    }
    findings = [{"cause": name, "status": each} for each, name in names.items()]
    line = {"findings": findings, "seed": 0, "cost": 1.0}
    found = score.verdict(case(OVERFITTING), line)
    assert found.named == ((OVERFITTING,),)
    assert found.suspected == (("dead_units",), ("frozen_weights",), (NOISE,))


def test_scores_by_hand():
    scores = score.scores(
        [
            verdict([OVERFITTING, NOISE], [OVERFITTING]),
            verdict([NOISE], [OVERFITTING]),
            verdict([], []),
            verdict([], [NOISE]),
        ]
    )
    assert scores["top-1"].value == 0.5
    assert scores["detected"].value == 1.0
    assert scores["named on healthy runs"].value == 0.5
    assert scores["precision"] == {OVERFITTING: 0.5, NOISE: 0.0}
    assert scores["recall"] == {OVERFITTING: 1.0, NOISE: 0.0}
    assert scores["macro precision"] == 0.25
    assert scores["median cost"] == 0.5
    assert "label_noise" in score.page(scores)


@pytest.mark.parametrize(
    ("faults", "named", "suspected", "wrong", "mentioned"),
    [
        ([NOISE], [NOISE], [], False, True),
        ([NOISE], [OVERFITTING], [NOISE], True, True),
        ([NOISE], [OVERFITTING, NOISE], [], True, True),
        ([NOISE], [], [NOISE], False, True),
        ([NOISE], [], [], False, False),
    ],
)
def test_another_cause_first_is_wrong(faults, named, suspected, wrong, mentioned):
    found = verdict(faults, named, suspected)
    assert found.is_wrong == wrong
    assert found.mentioned == mentioned


@pytest.mark.parametrize(
    ("options", "named", "is_false_alarm"),
    [
        ({}, [], False),
        ({}, [OVERFITTING], True),
        ({"tolerated": (OVERFITTING,)}, [OVERFITTING], False),
        ({"tolerated": (OVERFITTING,)}, [OVERFITTING, NOISE], True),
        ({"answer": "too few images"}, [OVERFITTING], False),
        ({"answer": "too few images"}, [OVERFITTING, NOISE], True),
        ({"answer": "cannot tell"}, [OVERFITTING], True),
        ({"answer": "cannot tell"}, [SMALL], False),
    ],
)
def test_some_causes_are_no_false_alarm(options, named, is_false_alarm):
    found = score.Verdict(case(**options), 0, tuple((each,) for each in named))
    assert found.is_false_alarm == is_false_alarm
    share = score.scores([found])["named on healthy runs"]
    assert share.value == is_false_alarm


# The answer, what is named and suspected, the verdict on the curve; is it right?
@pytest.mark.parametrize(
    ("answer", "named", "suspected", "curve", "is_answered"),
    [
        ("nothing is wrong", [], [], "static", True),
        ("nothing is wrong", [], [OVERFITTING], "static", True),
        ("nothing is wrong", [OVERFITTING], [], "static", False),
        # Nothing confirmed is not enough: it must be said that images are too few.
        ("too few images", [], [], "static", False),
        ("too few images", [], [NOISE], "static", False),
        ("too few images", [], [OVERFITTING], "static", True),
        ("too few images", [OVERFITTING], [], "static", True),
        ("too few images", [], [], "unresolvable", True),
        ("too few images", [NOISE], [], "unresolvable", False),
        ("cannot tell", [], [], "static", False),
        ("cannot tell", [], [], "at_chance", True),
        ("cannot tell", [], [SMALL], "ceiling", True),
        ("cannot tell", [OVERFITTING], [], "unresolvable", False),
    ],
)
def test_the_answer_of_a_case_without_a_fault(
    answer, named, suspected, curve, is_answered
):
    line = {
        "findings": [
            {"cause": cause, "status": status}
            for status, causes in (("confirmed", named), ("suspected", suspected))
            for cause in causes
        ],
        "seed": 0,
        "cost": 0.0,
        "verdict": curve,
    }
    found = score.verdict(case(answer=answer), line)
    assert found.is_answered == is_answered
    assert score.scores([found])["answered if healthy"].value == is_answered
    assert (answer in score.misses([found])) == (not is_answered)


def test_a_fault_is_no_answer():
    assert not verdict([NOISE], []).is_answered


def test_what_answers_mean_is_known():
    for answer in ANSWERS.values():
        assert set(answer.causes) <= set(CAUSES)


def test_misses_say_what_was_named():
    text = score.misses([verdict([NOISE], [OVERFITTING])])
    assert "0 of 1 right" in text
    assert "0: overfitting" in text
    assert score.misses([verdict([], [])]) == "none"


def trained(*accuracies, reported=0.9):
    return [Trained(each, reported, ()) for each in accuracies]


@pytest.mark.parametrize(
    ("of", "broken", "mended", "admitted"),
    [
        (case(NOISE), trained(0.5, 0.52, 0.51), trained(0.9, 0.91, 0.9), True),
        # They differ, but by less than anybody would notice.
        (case(NOISE), trained(0.89, 0.89, 0.89), trained(0.91, 0.91, 0.91), False),
        # By much, but no one knows whether always.
        (case(NOISE), trained(0.2, 0.9, 0.9), trained(0.9, 0.91, 0.9), False),
        # The mended one is worse.
        (case(NOISE), trained(0.9, 0.9, 0.9), trained(0.5, 0.5, 0.5), False),
        # What is reported is wrong by .4 here, and by .02 there.
        (
            case("metric_bug", ruler=True),
            trained(0.5, 0.5, 0.5),
            trained(0.88, 0.88, 0.88),
            True,
        ),
        (case(floor=0.8), trained(0.9, 0.85, 0.8), trained(0.86, 0.86, 0.86), True),
        (case(floor=0.9), trained(0.9, 0.85, 0.8), trained(0.86, 0.86, 0.86), False),
        # Good enough, but still far from where it would arrive.
        (case(floor=0.8), trained(0.85, 0.85, 0.85), trained(0.9, 0.9, 0.9), False),
    ],
)
def test_admission(of, broken, mended, admitted):
    assert admission.admission(of, broken, mended).admitted == admitted


@pytest.mark.parametrize(
    ("of", "mended", "fixed", "admitted", "fix"),
    [
        (case(), trained(0.9, 0.9), [{"a": 0.91, "b": 0.8}] * 2, True, "a"),
        (case(), trained(0.9, 0.9), [{"a": 0.9, "b": 0.94}] * 2, False, "b"),
        # A gain with one seed that is lost with another is none.
        (case(), trained(0.9, 0.9), [{"a": 0.94}, {"a": 0.85}], True, "a"),
        # Too few images: more help much, and the usual fixes do not.
        (
            case(answer="too few images"),
            trained(0.99, 0.99),
            [{"a": 0.9}] * 2,
            True,
            "a",
        ),
        (
            case(answer="too few images"),
            trained(0.91, 0.91),
            [{"a": 0.9}] * 2,
            False,
            "a",
        ),
    ],
)
def test_admission_of_what_no_usual_fix_helps(of, mended, fixed, admitted, fix):
    found = admission.admission(of, trained(0.9, 0.9), mended, fixed)
    assert found.admitted == admitted
    assert found.fix == fix
    assert fix in admission.page([found])


def test_the_usual_fixes_change_length_and_rate():
    made = CASES["plain MLP"].make(0, True)
    rate, epochs = float(made.model.optimizer.learning_rate), made.epochs
    changed = train.USUAL_FIXES["three times the rate"](made)
    assert float(changed.model.optimizer.learning_rate) == pytest.approx(3 * rate)
    assert train.USUAL_FIXES["twice as long"](made).epochs == 2 * epochs


def test_results_go_on_where_they_stopped(tmp_path):
    path = tmp_path / "results.jsonl"
    done, failed = jobs.Job("broken", "a", 0), jobs.Job("broken", "b", 0)
    results.append(path, dataclasses.asdict(done) | {"accuracy": 0.5})
    results.append(path, dataclasses.asdict(failed) | {"error": "OSError"})
    with path.open("a") as stream:
        stream.write('{"kind": "brok')
    assert list(jobs.read(path)) == [done]


def test_a_job_that_fails_says_where():
    line = jobs.Job("mended", "none of that name", 0).run()
    assert line["error"].startswith("KeyError at jobs.py:")


@pytest.mark.extended
def test_a_training_with_the_rules_of_other_tools():
    line = jobs.Job("broken", "zeros", 0).run()
    assert "error" not in line
    assert line["accuracy"] < 0.2
    assert "not converged" in line["symptoms"]["AUTOTRAINER"]
    assert "poor weight" in line["symptoms"]["DeepDiagnosis"]
    known = other_tools.CAUSES
    for tool, symptoms in line["symptoms"].items():
        assert set(symptoms) <= set(known[tool])
    causes = {
        each for tool in known.values() for some in tool.values() for each in some
    }
    assert causes <= set(CAUSES)


def needs(name):
    """Returns the marks of a case's data."""
    if CASES[name].data in ("fashion", "wardrobe"):
        return [pytest.mark.real_data]
    return [pytest.mark.photographs] if CASES[name].data == PHOTOGRAPHS else []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=needs(name)) for name in CASES],
)
def test_every_case_can_be_made(name):
    for broken in (True, False):
        made = CASES[name].make(0, broken)
        assert isinstance(made, (Program, Run))


# Quick ones of all kinds, which the diagnosis must never get wrong; -m slow has more.
FAST = (
    "labels divided by 255",
    "plain MLP",
    "two heads alike",
)
FURTHER = (
    "raw digits",
    "SGD .0005",
    "two classes in a row",
    "last part of sorted data",
    "thirteen to validate on",
    "Adadelta .001",
    "five epochs of SGD",
    "two half rings, one unit",
    "H23 overlapping clouds",
)


@pytest.mark.extended
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "name", [*FAST, *(pytest.param(each, marks=pytest.mark.slow) for each in FURTHER)]
)
def test_the_diagnosis_of_a_dozen_cases(name):
    line = jobs.Job("diagnosed", name, 0).run()
    assert "error" not in line
    outcome = score.verdict(CASES[name], line)
    assert outcome.top or (outcome.case.healthy and not outcome.named)
