"""Tests of framework/prove/keras_plan.py."""

import json
import types

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.settings import TrainingSettings
from framework.prove import keras_plan
from framework.prove import plan as plan_lib

SETTINGS = TrainingSettings(
    batch_size=32,
    train_images=640,
    steps_per_epoch=20,
    epochs=6,
    learning_rate=0.01,
    highest_rate=0.01,
    optimizer="sgd",
)
DATA = {name: {"images": 10, "digest": name} for name in ("train", "test")}
IMAGES = Split(np.zeros((4, 8, 8, 1), np.float32), np.zeros(4, np.int32))
RATE = Intervention(learning_rate_factor=10.0)


def made(interventions, seeds=10, named=(), state=0.0):
    layers = [types.SimpleNamespace(kind="Dense", units=10)]
    program = types.SimpleNamespace(
        state=types.SimpleNamespace(initial=[np.full(3, state)]),
        architecture=types.SimpleNamespace(layers=layers),
        model=types.SimpleNamespace(optimizer=None),
    )
    context = types.SimpleNamespace(settings=SETTINGS, train=IMAGES, num_classes=2)
    judge = keras_plan.judge(plan_lib.TEST, DATA)
    return keras_plan.make(context, program, interventions, judge, seeds, named)


def test_arms_and_their_lengths():
    plan, trainings = made({"learning_rate_too_low": RATE})
    (comparison,) = plan.comparisons
    assert comparison.remedy == "learning_rate_too_low"
    assert comparison.unchanged == "unchanged"
    assert comparison.placebo == f"placebo-{plan.placebo}"
    assert set(trainings) == set(plan.arms)
    assert {each.epochs for each in trainings.values()} == {6}
    assert trainings["unchanged"].intervention.differences() == {}
    assert plan.looks == (3, 5, 10)
    assert len(set(plan.seeds)) == 10


@pytest.mark.parametrize(
    ("change", "remedy", "control"),
    [
        (Intervention(train_for_factor=2.0), 12, 6),
        (RATE | Intervention(train_for_factor=2.0), 12, 12),
        (RATE | Intervention(train_for_factor=0.5), 3, 6),
    ],
)
def test_controls_have_the_budget_unless_time_is_the_remedy(change, remedy, control):
    plan, trainings = made({"stopped_too_early": change})
    (comparison,) = plan.comparisons
    assert trainings[comparison.remedy].epochs == remedy
    assert trainings[comparison.unchanged].epochs == control
    assert trainings[comparison.placebo].epochs == control


@pytest.mark.parametrize("seed", range(3))
def test_the_placebo_is_another_change(seed):
    named = ["overfitting", "over_regularized"][:seed]
    plan, trainings = made({"learning_rate_too_low": RATE}, named=named)
    change = trainings[plan.comparisons[0].placebo].intervention
    assert "learning_rate_factor" not in change.differences()
    assert change.differences()
    assert plan.placebo not in named


def test_the_hash_covers_arms_data_and_program():
    plans = [
        made({"learning_rate_too_low": RATE})[0],
        made({"learning_rate_too_low": RATE}, seeds=5)[0],
        made({"learning_rate_too_low": Intervention(learning_rate_factor=3.0)})[0],
        made({"learning_rate_too_low": RATE}, state=1.0)[0],
        made({"split_leakage": Intervention(train=IMAGES)})[0],
        made({"split_leakage": Intervention(train=IMAGES.take(np.arange(2)))})[0],
    ]
    assert len({each.sha256 for each in plans}) == len(plans)
    again = made({"learning_rate_too_low": RATE})[0]
    assert again.sha256 == plans[0].sha256
    assert json.loads(again.text())["config"]["epochs"] == 6
