"""Tests of framework/prove/placebo.py."""

import dataclasses

import pytest

from framework.config import Config
from framework.diagnose.core.causes import CAUSES
from framework.errors import UsageError
from framework.prove.placebo import MENU, draw

CONFIG = Config()


def test_the_menu_has_remedies_of_causes_that_flags_express():
    assert set(MENU) <= set(CAUSES)
    assert not any(change.beyond_flags(Config()) for change in MENU.values())


@pytest.mark.parametrize("field", ["learning_rate", "augment", "batch_size"])
def test_a_placebo_changes_this_run_and_no_field_of_a_remedy(field):
    for seed in range(20):
        config = dataclasses.replace(CONFIG, seed=seed)
        name, change = draw(config, 1_000, {"overfitting"}, {field})
        difference = config.difference(change.apply(config))
        assert difference
        assert field not in difference
        assert name != "overfitting"


def test_the_draw_depends_on_the_seed_of_the_run_only():
    names = []
    for seed in range(20):
        config = dataclasses.replace(CONFIG, seed=seed)
        names.append(draw(config, 1_000, (), ())[0])
        assert draw(config, 1_000, (), ())[0] == names[-1]
    assert len(set(names)) > 3


def test_a_batch_of_more_than_all_images_is_none():
    names = {
        draw(dataclasses.replace(CONFIG, seed=seed), 100, (), ())[0]
        for seed in range(40)
    }
    assert "batch_size_too_small" not in names
    # The inputs are standardized already, and there is no augmentation to leave out.
    assert "unnormalized_inputs" not in names


def test_a_placebo_that_cannot_be_trained_is_drawn_again():
    first, change = draw(CONFIG, 1_000, (), ())
    refused = change.apply(CONFIG)
    reasons = {refused: "a batch of more than all images"}
    second, _ = draw(CONFIG, 1_000, (), (), lambda config: reasons.get(config, ""))
    assert second != first
    with pytest.raises(UsageError, match="it cannot be trained"):
        draw(CONFIG, 1_000, (), (), lambda config: "no images are left")


def test_where_all_is_named_there_is_none():
    with pytest.raises(UsageError, match="there is no placebo"):
        draw(CONFIG, 1_000, MENU, ())
