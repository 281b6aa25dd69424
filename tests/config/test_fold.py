"""Tests of framework/config/fold.py."""

import pytest

from framework.config import Config
from framework.config.fold import Fold
from framework.errors import UsageError


def test_parses_and_prints():
    assert Fold.parse(" 2 / 5 ") == Fold(2, 5)
    assert Config(fold="02/5").fold == "2/5"


@pytest.mark.parametrize(
    "text", ["", "2", "0/5", "6/5", "1/1", "0/0", "-1/5", "1/2/3", "1/5%", "1/99999999"]
)
def test_refuses(text):
    with pytest.raises(UsageError, match="must be a fold of two or more"):
        Fold.parse(text)
    if text:
        with pytest.raises(UsageError, match="fold: must be a fold"):
            Config(fold=text)
