"""Tests of framework/config/update_rules.py."""

import pytest

from framework.config.durations import Duration
from framework.config.update_rules import Freeze, Scale, parse_freeze, parse_scales
from framework.errors import UsageError


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", ()),
        ("backbone", (Freeze("backbone", None),)),
        (
            "block[12]_ until 3ep,  head",
            (Freeze("block[12]_", Duration(3, "ep")), Freeze("head", None)),
        ),
        ("a until b until 500", (Freeze("a until b", Duration(500)),)),
    ],
)
def test_what_is_frozen_until_when(text, rules):
    assert parse_freeze(text) == rules


def test_factors_by_pattern_and_by_layer():
    scales = parse_scales("backbone: .1, conv:0/kernel: 2, layerwise(.75)")
    assert scales.rules == (Scale("backbone", 0.1), Scale("conv:0/kernel", 2.0))
    assert scales.layerwise == 0.75
    assert parse_scales("").layerwise == 1.0


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_freeze, "(", "'\\(' is not a regular expression"),
        (parse_freeze, "head,", "a rule is missing beside a comma"),
        (parse_freeze, "head until 5x", "a length is steps"),
        (parse_scales, "head", "must be PATTERN: FACTOR"),
        (parse_scales, "head: 0", "must be a positive number.*use --freeze"),
        (parse_scales, "head: nan", "must be a positive number"),
        (parse_scales, "layerwise(-1)", "must be a positive number"),
        (parse_scales, "layerwise(.5), layerwise(.5)", "can be given once"),
    ],
)
def test_wrong_rules(parse, text, message):
    with pytest.raises(UsageError, match=message):
        parse(text)
