"""Tests of framework/diagnose/programs/trial_config.py."""

import dataclasses

import pytest

from framework.config import Config
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.programs.trial_config import trial_config

# What a trial has from the run. All else is its own, or the default.
_INHERITED = {
    "dataset",
    "sampling",
    "augment",
    "normalize",
    "model",
    "init_from",
    "freeze",
    "lr_scale",
    "optimizer",
    "learning_rate",
    "schedule",
    "batch_size",
    "accumulate",
    "shards",
    "clip_norm",
    "loss",
    "label_smoothing",
    "metrics",
    "precision",
    "on_nonfinite",
    "seed",
}


# A run in which no field is at its default.
_OTHER = Config(
    dataset="drawn_shapes",
    train_dev=0.1,
    test="10%",
    exclude="flagged.csv",
    sampling="sqrt",
    input="stream",
    service="reader:1",
    augment="flip",
    normalize="unit",
    model="mlp",
    init_from="runs/large",
    freeze="backbone",
    lr_scale="head: .1",
    optimizer="sgd",
    learning_rate=0.3,
    schedule="cosine",
    batch_size=64,
    accumulate=2,
    clip_norm=1.0,
    loss="focal",
    label_smoothing=0.1,
    ema=0.9,
    precision="bfloat16",
    jit=True,
    train_for="7ep",
    evaluate_every="2ep",
    checkpoint_every="2ep",
    log_every="7",
    monitor="validation/loss",
    metrics="auc",
    on_nonfinite="rollback",
    early_stopping=3,
    seed=5,
    strategy="mirrored",
    devices=2,
    cluster="slurm",
    wait_for="1m",
    i_trust_this_network=True,
    tpu="mine",
    steps_per_call=3,
    shards=4,
    threads=3,
    workdir="runs/other",
    cache="elsewhere",
    fold="1/2",
    keep_checkpoints=7,
    keep_best=7,
    hooks="mine:Watch",
    report="mine:Tracker",
    profile="20",
    diagnose=True,
    fresh=True,
    allow_config_change=True,
    allow_data_change=True,
)


@pytest.mark.parametrize("field", dataclasses.fields(Config), ids=lambda f: f.name)
def test_a_trial_inherits_numbers_and_nothing_else(field, tmp_path):
    """A trial of a run with --fresh would move its own checkpoint aside."""
    name = field.name
    assert getattr(_OTHER, name) != field.default, "give _OTHER another value"
    trial = trial_config(_OTHER, Intervention(), 90, tmp_path)
    is_inherited = getattr(trial, name) == getattr(_OTHER, name)
    assert is_inherited == (name in _INHERITED)
