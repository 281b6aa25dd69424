"""Tests of framework/launch/checks.py."""

import re

import pytest

from framework.config import Config
from framework.errors import UsageError
from framework.launch import checks


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "cn"}, "--model: unknown model 'cn'"),
        ({"augment": "flop"}, "--augment: unknown"),
        ({"schedule": "cosine(5%, ends=1)"}, "--schedule: .*unexpected keyword"),
        ({"input": "service", "service": "a:0"}, "port"),
        ({"shards": 4, "accumulate": 2}, "leave out --accumulate=2"),
        ({"shards": 4, "strategy": "tpu"}, "--shards=4 does not work with"),
    ],
    ids=str,
)
def test_names_the_flag_that_is_wrong(changes, message):
    checks.check(Config())
    with pytest.raises(UsageError, match=f"(?s){message}"):
        checks.check(Config(**changes))


def test_skips_what_is_given_in_python():
    checks.check(Config(model="net_1a2b", dataset="arrays_3c4d"), ["model", "dataset"])


@pytest.mark.parametrize(
    ("changes", "replicas", "message"),
    [
        ({"batch_size": 2000}, 1, "at most the number of training images, 1,368"),
        ({"batch_size": 33}, 2, r"must be a multiple of 2 \(2 devices times"),
        ({"batch_size": 6, "accumulate": 2}, 2, r"4 \(2 .* --accumulate=2\), not 6"),
        ({"jit": True}, 2, "jit works on one device only"),
        ({"shards": 4}, 8, "shards must be a multiple .* devices, 8, .* not 4"),
        ({"shards": 4}, 3, "shards must be a multiple .* power of two, not 4"),
    ],
    ids=str,
)
def test_refuses_batches_that_cannot_be_divided(changes, replicas, message):
    checks.check_batch_size(Config(), 1368, 2)
    with pytest.raises(UsageError, match=message):
        checks.check_batch_size(Config(**changes), 1368, replicas)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "--loss=cross_entropy needs one label per image"),
        ({"loss": "binary_cross_entropy", "sampling": "sqrt"}, "--sampling=sqrt needs"),
        ({"loss": "binary_cross_entropy", "metrics": "auc"}, "--metrics=auc needs one"),
    ],
    ids=str,
)
def test_refuses_flags_that_need_one_label(changes, message):
    own = Config(loss="binary_cross_entropy", metrics="mine:recall")
    checks.check_several_labels(own)
    with pytest.raises(UsageError, match=message):
        checks.check_several_labels(Config(**changes))


@pytest.mark.parametrize(
    ("changes", "replicas", "message"),
    [
        ({"train_dev": 0.1}, 1, "--train_dev=0.1 needs to know all training images"),
        ({"test": "10%"}, 1, "--test=10% needs"),
        ({"fold": "1/5"}, 1, "--fold=1/5 needs"),
        ({"exclude": "bad.csv"}, 1, "--exclude=bad.csv needs"),
        ({"sampling": "sqrt"}, 1, "--sampling=sqrt needs"),
        ({"shards": 2}, 1, "--shards=2 needs"),
        ({"input": "service"}, 1, "--input=service needs"),
        ({"on_nonfinite": "rollback"}, 1, "--on_nonfinite=rollback needs"),
        ({"loss": "logit_adjusted"}, 1, "--loss=logit_adjusted needs"),
        ({"loss": 'focal(class_weights="balanced")'}, 1, "--loss=focal"),
        ({}, 2, "on one device only, not on 2; leave out"),
    ],
    ids=str,
)
def test_refuses_what_a_stream_cannot_give(changes, replicas, message):
    for sound in ({}, {"train_dev": 0.0}, {"loss": "focal", "accumulate": 2}):
        checks.check_stream(Config(**sound), 1)
    with pytest.raises(UsageError, match=re.escape(message)):
        checks.check_stream(Config(**changes), replicas)
