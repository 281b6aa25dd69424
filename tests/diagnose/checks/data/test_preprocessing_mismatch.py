"""Tests of framework/diagnose/data/preprocessing_mismatch.py."""

import types

import numpy as np
import pytest
from framework.diagnose.data.preprocessing_mismatch import measure, rule
from framework.diagnose.detector import Measures

from framework.data.dataset import Split
from framework.data.drawn import drawn_flowers
from framework.diagnose import accuracy
from framework.numerics.intervals import Estimate, proportion

_SEEN = types.SimpleNamespace(z=50.0)
_KNOWN = {
    "probe/train": _SEEN,
    "probe/validation": _SEEN,
    "split/unseen_classes": "",
}


@pytest.fixture(scope="module")
def found(subject):
    def found(train, validation):
        made = subject(train, validation)
        return rule(Measures(_KNOWN | accuracy.measure(made) | measure(made)))

    return found


@pytest.fixture(scope="module")
def flowers():
    return drawn_flowers(train=400, validation=300, size=32)


def floats(split, scaling=lambda images: images / 255):
    images = scaling(split.images.astype(np.float32)).astype(np.float32)
    return Split(images, split.labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: images[:, :, ::-1], "they are mirrored"),
        (lambda images: images[:, ::-1], "they are turned upside down"),
        (lambda images: images.swapaxes(1, 2), "height and width are swapped"),
        (lambda images: np.rot90(images, 1, (1, 2)), "turned by 270 degrees"),
        (lambda images: np.rot90(images, 2, (1, 2)), "turned by 180 degrees"),
        (lambda images: 255 - images, "they are inverted"),
    ],
)
def test_fires_on_images_prepared_otherwise(found, scans, change, message):
    other = Split(change(scans.validation.images), scans.validation.labels)
    finding = found(scans.train, other)
    assert (finding.cause, finding.status) == ("preprocessing_mismatch", "confirmed")
    assert message in finding.message
    assert finding.cost.low > 0.05


def test_fires_on_channels_in_another_order(found, flowers):
    other = Split(flowers.validation.images[..., ::-1], flowers.validation.labels)
    assert "channels are reversed" in found(flowers.train, other).message


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (lambda x: x / 255, lambda x: x, "from 0..255 to 0..1"),
        (lambda x: x, lambda x: x / 255, "from 0..1 to 0..255"),
        (lambda x: x / 127.5 - 1, lambda x: x / 255, "from 0..1 to -1..1"),
        (lambda x: (x - 77) / 96, lambda x: x, "once they are"),
    ],
)
def test_fires_on_another_scale(
    subject, learnt_by_heart, scans, first, second, message
):
    train, validation = floats(scans.train, first), floats(scans.validation, second)
    made = learnt_by_heart(subject(train, validation))
    finding = rule(Measures(accuracy.measure(made) | measure(made)))
    assert finding.status == "confirmed"
    assert message in finding.message


def test_fires_on_class_numbers_in_another_order(found, scans):
    order = np.random.default_rng(0).permutation(10).astype(np.int32)
    other = Split(scans.validation.images, order[scans.validation.labels])
    finding = found(scans.train, other)
    assert "their class numbers are mapped to others" in finding.message


@pytest.mark.parametrize(
    "change",
    [
        {"probe/train": types.SimpleNamespace(z=1.0)},
        {"probe/validation": types.SimpleNamespace(z=1.0)},
        {"split/unseen_classes": "9"},
    ],
)
def test_no_mapping_mends_labels_that_do_not_fit_or_are_unseen(change):
    made = Measures(
        _KNOWN
        | {
            "mismatch/ratio": 1.0,
            "mismatch/transform": "their class numbers are mapped to others",
            "mismatch/gain": Estimate(0.3, 0.2, 0.4),
            "clean/accuracy": proportion(900, 1000),
            "validation/accuracy": proportion(100, 1000),
        }
    )
    assert rule(made) is not None
    assert rule(Measures(made | change)) is None


def test_silent_on_what_is_well(found, scans, flowers):
    assert found(scans.train, scans.validation) is None
    assert found(scans.train, scans.validation.take(np.arange(25))) is None
    assert found(flowers.train, flowers.validation) is None
    flat = [
        Split(each.images.reshape(len(each), -1), each.labels)
        for each in (scans.train, scans.validation)
    ]
    assert found(*flat) is None


def test_silent_on_another_light_and_on_noise(found, scans):
    data = drawn_flowers(
        train=300, validation=300, size=32, light=0.1, validation_light=1.5
    )
    assert found(data.train, data.validation) is None
    labels = np.random.default_rng(0).permutation(scans.validation.labels)
    assert found(scans.train, Split(scans.validation.images, labels)) is None


def judged(ratio, gain, clean, right):
    return rule(
        Measures(
            {
                "mismatch/ratio": ratio,
                "mismatch/transform": "they are mirrored",
                "mismatch/gain": gain,
                "clean/accuracy": proportion(clean, 1000),
                "validation/accuracy": proportion(right, 1000),
            }
        )
    )


def test_thresholds():
    none = Estimate(0.0, 0.0, 0.0)
    assert judged(1.0, Estimate(0.1, 0.06, 0.14), 900, 700).status == "confirmed"
    assert judged(1.0, Estimate(0.1, 0.04, 0.16), 900, 700) is None
    assert judged(9.0, none, 900, 700) is None
    assert judged(255.0, none, 900, 700).status == "confirmed"
    # Nothing was learnt, so that nothing can be lost.
    assert judged(255.0, none, 100, 100).status == "suspected"


def test_the_evidence():
    finding = judged(1.0, Estimate(0.25, 0.2, 0.3), 900, 700)
    assert finding.message == (
        "the model is right about 25.0% more of the validation images once they are "
        "mirrored: the splits are prepared differently"
    )
    gain, ratio = finding.evidence
    assert gain.threshold == "for certain above 0.05"
    assert ratio.value == 1.0
    finding = judged(254.0, Estimate(0.0, 0.0, 0.0), 900, 700)
    assert finding.message == (
        "the values of validation images spread 254 times as far as those of training "
        "images: one of the splits was scaled and the other was not"
    )
