"""Tests of data.drawn."""

import inspect

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from framework.config import spec
from framework.data import drawn, flower
from framework.data.drawn import drawn_flowers
from framework.errors import UsageError

# Disables all variation but the argument under test.
STILL = {
    "light": 0.0,
    "temperature": 0.0,
    "angle": 0.0,
    "scale": 0.0,
    "position": 0.0,
    "background": 0.0,
    "blur": 0.0,
    "noise": 0.0,
}


def few(**knobs):
    return drawn_flowers(**{"train": 60, "validation": 40, "size": 32, **knobs})


def small_pixels(images):
    n, size = images.shape[:2]
    blocks = images.reshape(n, 8, size // 8, 8, size // 8, 3).mean((2, 4))
    return blocks.reshape(n, -1) / 255


def difference(images, others):
    return np.abs(images.astype(int) - others).mean((1, 2, 3))


@pytest.mark.parametrize("size", [16, 33, 64])
def test_shapes(size):
    dataset = drawn_flowers(train=7, validation=3, size=size)
    assert dataset.train.images.shape == (7, size, size, 3)
    assert dataset.validation.images.shape == (3, size, size, 3)
    assert dataset.train.images.dtype == dataset.validation.images.dtype == np.uint8
    assert dataset.train.labels.dtype == dataset.validation.labels.dtype == np.int32
    assert dataset.class_names == flower.SPECIES


def test_a_spec_builds_it():
    call = spec.single("drawn_flowers(train=6, validation=5, size=16, light=.1)")
    dataset = spec.build(call, {"drawn_flowers": drawn_flowers}, "dataset")
    assert dataset.train.images.shape == (6, 16, 16, 3)


def test_each_spread_has_one_for_validation():
    parameters = inspect.signature(drawn_flowers).parameters
    for name in drawn.Conditions.__dataclass_fields__:
        assert parameters[f"validation_{name}"].default is None
        assert parameters[name].default is not None


def test_same_arguments_same_images():
    first, second = few(), few()
    np.testing.assert_array_equal(first.train.images, second.train.images)
    np.testing.assert_array_equal(first.validation.images, second.validation.images)
    assert difference(first.train.images, few(seed=1).train.images).min() > 5


@pytest.mark.extended
def test_a_larger_set_begins_with_the_smaller():
    faults = {"label_noise": 0.2, "mislabelled": 0.3, "imbalance": 4, "duplicates": 0.2}
    # More than one chunk of images is drawn at a time, and more than one block of 100.
    small = drawn_flowers(train=130, validation=30, **faults)
    large = drawn_flowers(train=267, validation=141, **faults)
    np.testing.assert_array_equal(large.train.images[:130], small.train.images)
    np.testing.assert_array_equal(large.train.labels[:130], small.train.labels)
    np.testing.assert_array_equal(large.validation.images[:30], small.validation.images)
    np.testing.assert_array_equal(large.validation.labels[:30], small.validation.labels)


@pytest.mark.parametrize("name", list(STILL))
def test_a_validation_knob_leaves_training_alone(name):
    same = few(**STILL)
    other = few(**STILL, **{f"validation_{name}": 0.5})
    np.testing.assert_array_equal(same.train.images, other.train.images)
    np.testing.assert_array_equal(same.validation.labels, other.validation.labels)
    assert difference(same.validation.images, other.validation.images).mean() > 0.05


@pytest.mark.parametrize("name", list(STILL))
def test_validation_is_as_training_unless_asked(name):
    value = {name: 0.5}
    both = few(**{**STILL, **value})
    alone = few(**STILL, **{f"validation_{name}": 0.5})
    np.testing.assert_array_equal(both.validation.images, alone.validation.images)


def test_a_test_part_is_drawn_as_validation_and_changes_nothing_else():
    knobs = {"train": 30, "validation": 20, "size": 16, "light": 0.0}
    without = drawn_flowers(**knobs, validation_light=2.0)
    data = drawn_flowers(**knobs, validation_light=2.0, test=40)
    assert without.test is None
    for name in ("train", "validation"):
        one, other = getattr(without, name), getattr(data, name)
        np.testing.assert_array_equal(one.images, other.images)
    assert len(data.test) == 40
    assert not data.is_test_drawn
    spread = {
        name: getattr(data, name).images.mean(axis=(1, 2, 3)).std()
        for name in ("train", "validation", "test")
    }
    assert spread["test"] > 2 * spread["train"]
    assert spread["validation"] > 2 * spread["train"]
    # They are other flowers.
    assert not any((data.test.images[0] == each).all() for each in without.train.images)
    longer = drawn_flowers(**knobs, validation_light=2.0, test=50)
    np.testing.assert_array_equal(longer.test.images[:40], data.test.images)


def test_light_spreads_the_brightness():
    def brightness(light):
        images = few(**{**STILL, "light": light}).train.images
        return images.mean((1, 2, 3))

    steady = brightness(0.0)
    ratios = [np.log2(brightness(light) / steady) for light in (0.1, 0.3, 0.6)]
    assert [np.abs(ratio).max() for ratio in ratios] == pytest.approx(
        [0.1, 0.3, 0.6], rel=0.15
    )
    # The same flower gets the same light, three times as strong.
    np.testing.assert_allclose(ratios[1], 3 * ratios[0], atol=0.03)


def test_temperature_moves_red_against_blue():
    images = few(**{**STILL, "temperature": 0.5}).train.images
    change = images.mean((1, 2)) - few(**STILL).train.images.mean((1, 2))
    assert np.all(change[:, 0] * change[:, 2] <= 0)
    assert np.abs(change[:, 1]).max() < 0.5


def test_noise_has_its_standard_deviation():
    noise = few(**{**STILL, "noise": 6.0}).train.images.astype(float)
    noise -= few(**STILL).train.images
    assert noise.std() == pytest.approx(6.0, rel=0.05)
    assert abs(noise.mean()) < 0.1


def test_blur_takes_details_away():
    def details(blur):
        images = few(**{**STILL, "blur": blur}).train.images.astype(float)
        return np.abs(np.diff(images, axis=2)).mean()

    assert details(3.0) < 0.7 * details(0.0)


def test_background_makes_corners_differ():
    def spread(background):
        images = few(**{**STILL, "background": background}).train.images
        return images[:, 0, 0].std(0).mean()

    assert spread(0.0) < 3 < spread(0.5) < spread(1.0)


@pytest.mark.parametrize("count", [100, 500])
def test_classes_are_balanced(count):
    labels = drawn_flowers(train=count, validation=count, size=16)
    for split in (labels.train, labels.validation):
        assert np.bincount(split.labels).tolist() == [count // 5] * 5


def test_imbalance():
    dataset = drawn_flowers(train=1000, validation=100, size=16, imbalance=16)
    shares = np.array([16, 8, 4, 2, 1]) / 31
    counts = np.bincount(dataset.train.labels)
    np.testing.assert_allclose(counts, 1000 * shares, atol=1)
    assert np.bincount(dataset.validation.labels).tolist() == [20] * 5


@pytest.mark.parametrize("share", [0.0, 0.005, 0.1, 0.37, 1.0])
def test_label_noise_changes_a_share_of_the_labels_only(share):
    clean = drawn_flowers(train=200, validation=20, size=16)
    noisy = drawn_flowers(train=200, validation=20, size=16, label_noise=share)
    assert (noisy.train.labels != clean.train.labels).sum() == 200 * share
    np.testing.assert_array_equal(noisy.train.images, clean.train.images)
    np.testing.assert_array_equal(noisy.validation.labels, clean.validation.labels)


def test_label_noise_draws_all_other_classes():
    clean = drawn_flowers(train=500, validation=1, size=16).train.labels
    noisy = drawn_flowers(train=500, validation=1, size=16, label_noise=1.0)
    pairs = np.zeros((5, 5), int)
    np.add.at(pairs, (clean, noisy.train.labels), 1)
    assert np.all(np.diag(pairs) == 0)
    assert pairs[~np.eye(5, dtype=bool)].min() >= 10


@pytest.mark.extended
def test_mislabelled_changes_one_pair_only():
    clean = few(train=500)
    wrong = few(train=500, mislabelled=0.4)
    true, called = (flower.SPECIES.index(name) for name in drawn.MISLABELLED)
    changed = wrong.train.labels != clean.train.labels
    assert changed.sum() == 40
    assert set(clean.train.labels[changed]) == {true}
    assert set(wrong.train.labels[changed]) == {called}
    np.testing.assert_array_equal(wrong.train.images, clean.train.images)


@pytest.mark.extended
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_duplicates_are_near_a_training_image(share):
    dataset = drawn_flowers(train=100, validation=100, duplicates=share)
    nearest = [
        difference(dataset.train.images, image).min()
        for image in dataset.validation.images
    ]
    # Two exposures of one scene differ by their noise, of 4 levels each.
    near = np.array(nearest) < 7
    assert near.sum() == 100 * share
    assert min(nearest) > 1
    sources = [
        difference(dataset.train.images, image).argmin()
        for image in dataset.validation.images[near]
    ]
    np.testing.assert_array_equal(
        dataset.train.labels[sources], dataset.validation.labels[near]
    )


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"train": 0}, "train must be an integer of at least 1, not 0"),
        ({"train": 2.5}, "train must be an integer of at least 1, not 2.5"),
        ({"validation": True}, "validation must be an integer"),
        ({"size": 8}, "size must be an integer from 16 to 512, not 8"),
        ({"seed": -1}, "seed must be an integer from 0"),
        ({"light": -0.1}, "light must be a number from 0 to 8, not -0.1"),
        ({"light": float("nan")}, "light must be a number from 0 to 8, not nan"),
        ({"light": "10%"}, "light must be a number from 0 to 8, not '10%'"),
        ({"light": None}, "light must be a number from 0 to 8, not None"),
        ({"validation_angle": 200}, "validation_angle must be a number from 0 to 180"),
        ({"scale": 1.0}, "scale must be a number from 0 to 0.9, not 1.0"),
        ({"background": 1.5}, "background must be a number from 0 to 1, not 1.5"),
        ({"label_noise": 1.1}, "label_noise must be a number from 0 to 1, not 1.1"),
        ({"mislabelled": -1}, "mislabelled must be a number from 0 to 1, not -1"),
        ({"imbalance": 0.5}, "imbalance must be a number from 1 to 1000, not 0.5"),
        ({"duplicates": 2}, "duplicates must be a number from 0 to 1, not 2"),
    ],
)
def test_errors(knobs, message):
    with pytest.raises(UsageError) as caught:
        drawn_flowers(**knobs)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.extended
def test_it_can_be_learnt_but_not_by_colour_alone():
    dataset = drawn_flowers(train=1000, validation=500, size=32)

    def accuracy(features):
        model = LogisticRegression(max_iter=200)
        model.fit(features(dataset.train.images), dataset.train.labels)
        images, labels = dataset.validation.images, dataset.validation.labels
        return model.score(features(images), labels)

    assert accuracy(lambda images: images.mean((1, 2)) / 255) < 0.5
    assert 0.6 < accuracy(small_pixels) < 0.95
