"""Tests of framework/prove/plan.py."""

import dataclasses
import hashlib
import json

import pytest

from framework.config import Config
from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.intervention import Intervention
from framework.errors import UsageError
from framework.prove import plan as plan_lib
from framework.prove.plan import MODEL_IMPROVING, RULER_FIXING, kind_of

HIGHER = Intervention(learning_rate_factor=10.0)
LONGER = Intervention(train_for_factor=2.0)


def test_the_hash_is_that_of_the_file(planned, tmp_path):
    plan = planned()
    plan_lib.freeze(plan, tmp_path)
    content = (tmp_path / "plan.json").read_bytes()
    assert hashlib.sha256(content).hexdigest() == plan.sha256
    assert len(plan.sha256) == 64
    fields = json.loads(content)
    assert json.dumps(fields, indent=2, sort_keys=True) + "\n" == content.decode()
    assert fields["format"] == plan_lib.FORMAT
    assert planned().sha256 == plan.sha256


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": 5},
        {"judge": plan_lib.HALF},
        {"config": Config(learning_rate=1e-4, batch_size=64)},
        {"learning_rate_too_low": Intervention(learning_rate_factor=100.0)},
        {"stopped_too_early": LONGER},
    ],
)
def test_each_part_of_a_plan_changes_its_hash(planned, change):
    assert planned(**change).sha256 != planned().sha256


def test_what_changes_no_numbers_changes_no_hash(planned):
    elsewhere = Config(learning_rate=1e-4, workdir="elsewhere", keep_best=5)
    assert planned(config=elsewhere).sha256 == planned().sha256


def test_a_proof_that_has_begun_refuses_another_plan(planned, tmp_path):
    plan_lib.freeze(planned(), tmp_path)
    (tmp_path / "unchanged-1").mkdir()
    plan_lib.freeze(planned(), tmp_path)
    before = (tmp_path / "plan.json").read_bytes()
    with pytest.raises(UsageError) as problem:
        plan_lib.freeze(planned(seeds=5), tmp_path)
    assert "has begun by another plan" in str(problem.value)
    assert "    looks: [3, 5, 10] -> [3, 5]" in str(problem.value)
    assert "judge" not in str(problem.value)
    assert (tmp_path / "plan.json").read_bytes() == before


def test_before_the_first_arm_a_plan_may_change(planned, tmp_path):
    plan_lib.freeze(planned(), tmp_path)
    plan_lib.freeze(planned(seeds=5), tmp_path)
    assert (tmp_path / "plan.json").read_text() == planned(seeds=5).text()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_plan_is_not_taken_for_the_same(planned, tmp_path, content):
    (tmp_path / "plan.json").write_bytes(content)
    (tmp_path / "unchanged-1").mkdir()
    with pytest.raises(UsageError, match="another plan"):
        plan_lib.freeze(planned(), tmp_path)


@pytest.mark.parametrize(
    ("seeds", "looks"), [(3, (3,)), (4, (3, 4)), (5, (3, 5)), (10, (3, 5, 10))]
)
def test_the_looks_end_with_the_last_seed(planned, seeds, looks):
    plan = planned(seeds=seeds)
    assert plan.looks == looks
    assert len(plan.levels) == len(looks)
    assert len(set(plan.seeds)) == seeds


def test_two_seeds_are_too_few(planned):
    with pytest.raises(UsageError, match="at least 3, not 2"):
        planned(seeds=2)


def test_the_seed_of_the_run_is_not_used(planned):
    for seed in (0, 7, 2**32 - 3):
        plan = planned(config=Config(learning_rate=1e-4, seed=seed))
        assert seed not in plan.seeds
        assert all(0 <= each < 2**32 for each in plan.seeds)


def arms_of(plan, place=0):
    comparison = plan.comparisons[place]
    names = comparison.remedy, comparison.unchanged, comparison.placebo
    return [plan.arms[name].changes for name in names]


def test_the_arms_of_a_remedy_are_the_flags_that_are_printed(planned):
    remedy, unchanged, placebo = arms_of(planned(learning_rate_too_low=HIGHER))
    assert remedy == {"learning_rate": 0.001}
    assert unchanged == {}
    assert placebo
    assert "learning_rate" not in placebo


@pytest.mark.parametrize(
    ("train_for", "batch", "factor", "wanted"),
    [
        # The same number of epochs are the same images.
        ("20ep", 32, 1 / 8, "20ep"),
        ("20ep", 32, 16.0, "20ep"),
        # The flag of the remedy leaves the number of steps: these see more images.
        ("500", 32, 16.0, "8000"),
        # Or fewer: the unchanged program has its own time at least.
        ("500", 32, 1 / 8, "500"),
    ],
)
def test_controls_see_as_many_images_as_the_remedy(
    planned, train_for, batch, factor, wanted
):
    config = Config(train_for=train_for, batch_size=batch)
    plan = planned(config=config, cause=Intervention(batch_size_factor=factor))
    _, unchanged, placebo = arms_of(plan)
    assert unchanged.get("train_for", train_for) == wanted
    assert placebo.get("train_for", train_for) == wanted


def test_a_longer_remedy_with_another_change_has_longer_controls(planned):
    both = LONGER | Intervention(clip_norm=1.0)
    config = Config(train_for="20ep", early_stopping=5)
    remedy, unchanged, placebo = arms_of(planned(config=config, cause=both))
    length = {"train_for": "40ep", "early_stopping": 0}
    assert remedy == {**length, "clip_norm": 1.0}
    assert unchanged == length
    assert length.items() < placebo.items()


def test_where_time_is_the_remedy_the_controls_have_the_time_of_the_run(planned):
    remedy, unchanged, placebo = arms_of(planned(stopped_too_early=LONGER))
    assert remedy["train_for"] == "40ep"
    assert unchanged == {}
    assert "train_for" not in placebo


def test_several_remedies_share_arms_that_are_the_same(planned):
    plan = planned(
        learning_rate_too_low=HIGHER,
        stopped_too_early=LONGER,
        exploding_gradients=LONGER | Intervention(clip_norm=1.0),
    )
    unchanged = [each.unchanged for each in plan.comparisons]
    assert unchanged[0] == unchanged[1] != unchanged[2]
    single = planned(learning_rate_too_low=HIGHER)
    assert plan.levels == pytest.approx([each / 3 for each in single.levels])
    fields = {
        name for each in plan.comparisons for name in plan.arms[each.remedy].changes
    }
    placebo = set(plan.arms[plan.comparisons[0].placebo].changes)
    assert not placebo & fields


def test_a_remedy_that_cannot_be_trained_takes_no_part_of_alpha(planned):
    both = {"learning_rate_too_low": HIGHER, "stopped_too_early": LONGER}
    plan = planned(refused={"stopped_too_early": "too long"}, **both)
    assert plan.levels == planned(learning_rate_too_low=HIGHER).levels
    assert plan.sha256 != planned(**both).sha256
    assert planned(stopped_too_early=LONGER, refused={"stopped_too_early": "x"}).levels


@pytest.mark.parametrize(
    ("fields", "change", "wanted"),
    [
        ({}, HIGHER, "100%"),
        ({"schedule": "cosine"}, HIGHER, "100%"),
        ({"early_stopping": 5}, HIGHER, ""),
        # The remedy leaves it out, and the unchanged program does not.
        ({"early_stopping": 5}, LONGER, ""),
        ({"schedule": "warmup(10%) + plateau('validation/loss')"}, HIGHER, ""),
        ({"on_nonfinite": "rollback"}, HIGHER, ""),
        # Its check compares accuracies since the evaluation before.
        ({}, Intervention(dropout=0.5), ""),
    ],
)
def test_arms_are_evaluated_at_the_end_where_no_training_needs_more(
    planned, fields, change, wanted
):
    plan = planned(config=Config(learning_rate=1e-4, **fields), cause=change)
    assert plan.evaluate_every == wanted
    assert f'"evaluate_every": "{wanted}"' in plan.text()


def test_no_placebo_is_what_the_diagnosis_has_named(planned):
    for seed in range(10):
        config = Config(learning_rate=1e-4, seed=seed)
        plan = planned(config=config, named=["overfitting", "exploding_gradients"])
        assert plan.placebo not in ("overfitting", "exploding_gradients")


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        ("learning_rate_too_low", MODEL_IMPROVING),
        ("overfitting", MODEL_IMPROVING),
        ("learning_rate_frozen", MODEL_IMPROVING),
        ("shuffled_labels", MODEL_IMPROVING),
        ("train_eval_mismatch", MODEL_IMPROVING),
        ("split_leakage", RULER_FIXING),
        ("split_artifact", RULER_FIXING),
        ("metric_bug", RULER_FIXING),
        ("preprocessing_mismatch", RULER_FIXING),
        ("validation_too_small", RULER_FIXING),
        ("a sham of the user's", MODEL_IMPROVING),
    ],
)
def test_the_cause_decides_the_kind_of_proof(cause, kind):
    assert kind_of(cause) == kind


def test_no_cause_of_training_fixes_the_ruler():
    kinds = {kind_of(name) for name, each in CAUSES.items() if each.stage == "training"}
    assert kinds == {MODEL_IMPROVING}


def test_all_of_a_plan_is_in_its_text(planned):
    plan = planned()
    fields = json.loads(plan.text())
    assert {field.name for field in dataclasses.fields(plan)} < set(fields)
    assert set(fields["rules"]) >= {"spending", "floor", "stop", "several remedies"}
