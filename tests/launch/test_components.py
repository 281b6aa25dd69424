"""Tests of framework/launch/components.py."""

import pytest

from framework.config import Config
from framework.launch import components


@pytest.mark.parametrize(
    ("side", "changes", "expected"),
    [
        (8, {}, 256),
        (32, {}, 256),
        (32, {"batch_size": 512}, 512),
        # Images of 128x128 take as much memory as 16 times as many of 32x32.
        (128, {}, 32),
        (128, {"batch_size": 4}, 16),
        # A batch that is accumulated does not fit into memory at once.
        (128, {"batch_size": 512, "accumulate": 16}, 32),
        (128, {"batch_size": 32, "shards": 8}, 32),
    ],
)
def test_an_evaluation_takes_no_more_memory_than_training(
    tmp_path, side, changes, expected
):
    config = Config(
        model="mlp(units=(2,))",
        dataset=f"noise(train=600, validation=4, size={side})",
        workdir=str(tmp_path / "run"),
        **changes,
    )
    built = components.build(config, None, None, lambda *_: None)
    assert built.evaluator(built.examples.validation_batches).batch_size == expected
