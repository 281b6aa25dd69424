"""Tests of framework/config/portion.py."""

import pytest

from framework.config.portion import Portion
from framework.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10%", Portion(0.1, 0)),
        (" 12.5 % ", Portion(0.125, 0)),
        (".5%", Portion(0.005, 0)),
        ("500", Portion(0.0, 500)),
        ("1", Portion(0.0, 1)),
        ("2.0", Portion(0.0, 2)),
    ],
)
def test_is_a_percentage_or_a_number_of_images(text, expected):
    assert Portion.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0",
        "0%",
        "100%",
        "1000%",
        "-5%",
        "-5",
        "1.5",
        "5 images",
        "10ep",
        "%",
        "nan",
        "1e3",
        "\u0661",
        "9" * 30,
    ],
)
def test_refuses_what_is_neither(text):
    with pytest.raises(
        UsageError, match="such as 10%, or a number of images"
    ) as caught:
        Portion.parse(text)
    assert str(caught.value).endswith(repr(text))
