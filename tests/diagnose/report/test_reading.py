"""Tests of framework/diagnose/matrix.py."""

import pytest
from framework.diagnose.detector import Measures

from framework.diagnose import matrix
from framework.numerics.intervals import proportion


def measures(clean, dev, validation, majority=0.1):
    found = {
        "clean/accuracy": proportion(round(1000 * clean), 1000),
        "validation/accuracy": proportion(round(1000 * validation), 1000),
        "clean/majority": majority,
    }
    if dev is not None:
        found["dev/accuracy"] = proportion(round(1000 * dev), 1000)
    return Measures(found)


def test_a_collapse_is_told_but_no_cause():
    found = measures(0.1, 0.1, 0.1)
    found |= {"validation/largest_share": 0.99, "validation/majority": 0.1}
    text = matrix.reading(found)
    assert text.endswith("; one class is named for 99% of the validation images")
    found["validation/majority"] = 0.98
    assert "one class" not in matrix.reading(found)


@pytest.mark.parametrize(
    ("clean", "dev", "validation", "said"),
    [
        (0.1, 0.1, 0.1, "not even the training images are learnt"),
        (0.6, 0.6, 0.6, "all images alike, and none of them well"),
        (0.98, 0.97, 0.97, "all images alike"),
        (0.98, 0.97, 0.6, "it holds for images like those of training"),
        (0.98, 0.62, 0.6, "it was learnt by heart"),
        (0.98, None, 0.6, "what was learnt does not hold for the validation images"),
    ],
)
def test_the_chain_is_read(clean, dev, validation, said):
    text = matrix.reading(measures(clean, dev, validation))
    assert said in text
    assert f"validation {validation:.1%}" in text
