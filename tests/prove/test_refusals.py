"""Tests of framework/prove/refusals.py."""

import dataclasses
import functools

import pytest

from framework.config import Config
from framework.data.arrays import digits
from framework.data.hold_out import hold_out_test
from framework.diagnose.core.intervention import Intervention
from framework.errors import UsageError
from framework.launch.given import Given
from framework.prove import refusals

CONFIG = Config(model="mlp(units=(4,))", test="20%", batch_size=64, train_for="2ep")


@pytest.fixture(scope="module")
def dataset():
    return hold_out_test(digits(), CONFIG.test)


def all_but(count, dataset, path):
    """A list of all training images but some."""
    rows = range(count, len(dataset.train))
    path.write_text(
        "\n".join(["split,index", *(f"train,{row}" for row in rows)]) + "\n"
    )
    return str(path)


@pytest.mark.parametrize(
    ("name", "change", "config", "reason"),
    [
        (
            "fewer images than a batch",
            lambda path: Intervention(exclude=(path,)),
            {"train_dev": 0.0},
            "batch_size must be at most the number of training images, 60, not 64",
        ),
        pytest.param(
            "a class without images",
            lambda path: Intervention(exclude=(path.replace("60.csv", "5.csv"),)),
            {},
            "exclude leaves no training image of",
            marks=pytest.mark.extended,
        ),
        pytest.param(
            "no such list",
            lambda path: Intervention(exclude=(path + ".csv",)),
            {},
            "60.csv.csv",
            marks=pytest.mark.extended,
        ),
        pytest.param(
            "a batch of more than all images",
            lambda path: Intervention(batch_size_factor=100.0),
            {},
            "batch_size must be at most",
            marks=pytest.mark.extended,
        ),
        pytest.param(
            "mixed in pairs",
            lambda path: Intervention(augment="mixup(.2)"),
            {"batch_size": 63},
            "mixes images in pairs",
            marks=pytest.mark.extended,
        ),
        pytest.param(
            "a warm-up of more steps than the run",
            lambda path: Intervention(batch_size_factor=8.0),
            {"schedule": "warmup(20) + constant"},
            "schedule take 20 steps",
            marks=pytest.mark.extended,
        ),
        (
            "no such augmentation",
            lambda path: Intervention(augment="nothing"),
            {},
            "nothing",
        ),
    ],
)
def test_what_training_would_refuse_is_found_before(
    dataset, tmp_path, name, change, config, reason
):
    config = dataclasses.replace(CONFIG, **config)
    for count in (5, 60):
        path = all_but(count, dataset, tmp_path / f"{count}.csv")
    changes = {
        "refused": change(path),
        "possible": Intervention(learning_rate_factor=2.0),
    }
    refuse = functools.partial(refusals.refusal, Given(dataset=dataset))
    found = refusals.find(config, changes, refuse)
    assert set(found) == {"refused"}, name
    assert reason in found["refused"]


def test_a_remedy_with_code_of_its_own_is_an_error():
    change = Intervention(augment="somewhere:evil()")
    with pytest.raises(UsageError, match="would import somewhere"):
        refusals.find(CONFIG, {"overfitting": change}, pytest.fail)
