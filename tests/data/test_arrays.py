"""Tests of framework/data/arrays.py."""

import hashlib
import pathlib

import numpy as np
import pytest

from framework.data import memory
from framework.data.arrays import arrays, digits, noise
from framework.errors import RunError, UsageError

MANIFEST = pathlib.Path(__file__).parents[2] / "third_party/datasets.toml"


def contents(**changes):
    whole = {
        "x_train": np.arange(6 * 4 * 5 * 3, dtype=np.uint8).reshape(6, 4, 5, 3),
        "y_train": np.array([0, 1, 2, 0, 1, 2]),
        "x_validation": np.zeros((2, 4, 5, 3), np.uint8),
        "y_validation": np.array([2, 0]),
    }
    whole.update(changes)
    return {name: array for name, array in whole.items() if array is not None}


@pytest.fixture
def saved(tmp_path):
    def save(**changes):
        path = tmp_path / "some.npz"
        np.savez_compressed(path, **contents(**changes))
        return str(path)

    return save


def test_digits_are_the_real_scans():
    pytest.importorskip("sklearn")
    dataset = digits()
    assert dataset.image_shape == (8, 8, 1)
    assert dataset.class_names == tuple("0123456789")
    assert len(dataset.train) + len(dataset.validation) == 1797
    assert abs(len(dataset.validation) - 0.2 * 1797) <= 5
    for split in (dataset.train, dataset.validation):
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int32
        assert (split.images.min(), split.images.max()) == (0, 255)
        # 17 shades, a sixteenth of 255 apart.
        assert len(np.unique(split.images)) == 17


def test_digits_of_another_seed_are_divided_in_another_way():
    pytest.importorskip("sklearn")
    once, again, other = (digits(seed=seed).validation for seed in (0, 0, 1))
    np.testing.assert_array_equal(once.images, again.images)
    assert not np.array_equal(once.images, other.images)


def test_the_manifest_knows_the_digits():
    tomllib = pytest.importorskip("tomllib")
    datasets = pytest.importorskip("sklearn.datasets")
    expected = tomllib.loads(MANIFEST.read_text())["digits"]["sha256"]
    images, labels = datasets.load_digits(return_X_y=True)
    for name, array in (("images", images), ("labels", labels)):
        sha256 = hashlib.sha256(array.astype(np.uint8).tobytes()).hexdigest()
        assert sha256 == expected[name]


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_digits_refuse_a_share_out_of_range(share):
    with pytest.raises(UsageError, match="validation must be between 0 and 1"):
        digits(validation=share)


def test_noise_is_normal_and_validation_is_stretched():
    dataset = noise(train=300, validation=200, size=8, classes=3, validation_scale=2.0)
    assert dataset.train.images.shape == (300, 8, 8, 3)
    assert dataset.train.images.dtype == dataset.validation.images.dtype == np.float32
    assert dataset.num_classes == 3
    assert set(dataset.train.labels) == {0, 1, 2}
    # 57,600 and 38,400 draws: their means and deviations stray by less than 0.03.
    assert dataset.train.images.mean() == pytest.approx(0.0, abs=0.03)
    assert dataset.train.images.std() == pytest.approx(1.0, abs=0.03)
    assert dataset.validation.images.std() == pytest.approx(2.0, abs=0.06)


def test_noise_depends_on_the_seed_alone():
    once, again, other = (noise(4, 4, 4, seed=seed).train for seed in (0, 0, 1))
    np.testing.assert_array_equal(once.images, again.images)
    np.testing.assert_array_equal(once.labels, again.labels)
    assert not np.array_equal(once.images, other.images)


@pytest.mark.parametrize(
    "options",
    [
        {"train": 0},
        {"validation": -1},
        {"size": 0},
        {"classes": 1},
        {"classes": 10**12},
    ],
)
def test_noise_refuses_counts_that_make_no_sense(options):
    name, value = next(iter(options.items()))
    with pytest.raises(
        UsageError, match=rf"{name} must be at (least|most) \d+, not {value}"
    ):
        noise(**options)


def test_arrays_come_back_as_they_were_saved(saved):
    dataset = arrays(saved())
    np.testing.assert_array_equal(dataset.train.images, contents()["x_train"])
    np.testing.assert_array_equal(dataset.train.labels, [0, 1, 2, 0, 1, 2])
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.labels.dtype == np.int32
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.notes == ()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i1", "i8", "u2", "?"])
def test_other_numbers_become_float32(saved, dtype):
    images = np.arange(6 * 4 * 5).reshape(6, 4, 5, 1).astype(dtype)
    dataset = arrays(saved(x_train=images, x_validation=images[:2]))
    assert dataset.train.images.dtype == np.dtype("f4")
    np.testing.assert_array_equal(dataset.train.images, images.astype(np.float32))
    # Pixels saved as wide integers are a common mistake.
    assert len(dataset.notes) == 2 * (dtype in ("i1", "i8", "u2"))


def test_grey_images_get_a_channel(saved):
    grey = np.zeros((6, 4, 5), np.uint8)
    dataset = arrays(saved(x_train=grey, x_validation=grey[:2]))
    assert dataset.image_shape == (4, 5, 1)


@pytest.mark.parametrize("dtype", ["u1", "i8", ">i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_labels_of_any_whole_numbers(saved, dtype, shape):
    labels = np.array([0, 1, 2, 0, 1, 2]).astype(dtype).reshape(shape)
    dataset = arrays(saved(y_train=labels))
    assert dataset.train.labels.dtype == np.int32
    np.testing.assert_array_equal(dataset.train.labels, [0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize(
    "names", [["cat", "dog", "löwe"], np.char.encode(["cat", "dog", "löwe"], "utf-8")]
)
def test_class_names_of_the_file(saved, names):
    dataset = arrays(saved(class_names=np.array(names)))
    assert dataset.class_names == ("cat", "dog", "löwe")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": None}, r"lacks x_train; write it with numpy.savez\(path, x_train"),
        ({"y_train": None, "y_validation": None}, "lacks y_train, y_validation"),
        ({"x_train": np.array(["a"] * 6)}, "x_train must be numbers, not <U1"),
        ({"x_train": np.zeros((6, 4, 5, 3), complex)}, "x_train must be numbers"),
        ({"x_train": np.array([None] * 6)}, "x_train is an array of Python objects"),
        ({"y_train": np.array([None] * 6)}, "y_train is an array of Python objects"),
        ({"x_train": np.zeros((6, 4))}, r"must be uint8 or float32 \[N, .*\(6, 4\)"),
        ({"x_train": np.full((6, 4, 5, 3), np.nan)}, "image 0 has NaN"),
        ({"x_train": np.full((6, 4, 5, 3), 1e300)}, "image 0 has NaN or infinite"),
        (
            {"y_train": np.array([0, 1, 0.5, 0, 1, 0])},
            r"not 0.5 \(at index 2\)",
        ),
        ({"y_train": np.array([0, 1, np.nan, 0, 1, 0])}, "integers, not nan"),
        ({"y_train": np.array([0, 1, np.inf, 0, 1, 0])}, "integers, not inf"),
        (
            {"y_train": np.array(list("abcabc"))},
            "y_train must be integers, not <U",
        ),
        ({"y_train": np.eye(6)}, r"not \(6, 6\); convert one-hot labels"),
        ({"y_train": np.full((6, 2), 0.5)}, r"must be 0 or 1 for each class, not"),
        (
            {"y_train": np.ones((6, 2)), "y_validation": np.array([1, 0])},
            r"training labels are of shape \(6, 2\) but",
        ),
        ({"y_train": np.zeros((6, 2))}, "train: no image has a label"),
        ({"y_train": np.array([0, 1, -1, 0, 1, 0])}, r"from 0, not -1 \(at index 2\)"),
        ({"y_train": np.array([0, 1, 2**40, 0, 1, 0])}, "from 0, not 1099511627776"),
        ({"y_train": np.array([0, 1, 900, 0, 1, 0])}, "label 900 but only 6 images"),
        ({"y_train": np.array([0, 1])}, r"6 images have labels of shape \(2,\)"),
        ({"y_validation": np.array([0, 3])}, "label 3 of image 1 is not one of 0 to 2"),
        ({"class_names": np.array(["a", "b"])}, "label 2 of image 2 is not one of"),
        ({"weights": np.ones(5)}, r"6 images have weights of shape \(5,\)"),
        ({"weights": np.array([*"abcabc"])}, "weights must be numbers, not <U1"),
        ({"validation_weights": np.array([1, 1e300])}, "weight inf of image 1"),
        ({"class_names": np.array("abc")}, r"class_names must be strings \[K\]"),
        ({"class_names": np.array(["a", None])}, "class_names is an array of Python"),
    ],
)
def test_refuses_bad_content(saved, changes, message):
    with pytest.raises(RunError, match=message) as caught:
        arrays(saved(**changes))
    assert "\n" not in str(caught.value)
    assert "some.npz" in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere.npz", ""])
def test_refuses_a_path_that_is_no_file(tmp_path, name):
    with pytest.raises(UsageError, match="there is no file"):
        arrays(str(tmp_path / name))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"no zip file",
        lambda data: b"PK\x03\x04 no zip file either",
        lambda data: data[: len(data) // 2],
        lambda data: data[:100] + bytes(200) + data[300:],
    ],
    ids=["empty", "other", "almost", "truncated", "altered"],
)
def test_refuses_a_damaged_file(saved, damage):
    path = pathlib.Path(saved())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunError, match=r"some.npz: .*write it again") as caught:
        arrays(str(path))
    assert "\n" not in str(caught.value)


def test_refuses_a_single_array(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(RunError, match="is a single array; write it with"):
        arrays(str(tmp_path / "one.npy"))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_images_in_memory_that_tensorflow_can_use(tmp_path, save, order, monkeypatch):
    monkeypatch.setattr(memory, "_CHUNK", 100)
    images = np.random.default_rng(0).integers(256, size=(9, 8, 8, 3), dtype=np.uint8)
    save(
        tmp_path / "data.npz",
        x_train=np.asarray(images, order=order),
        x_validation=images[:4],
        y_train=np.arange(9) % 2,
        y_validation=np.arange(4) % 2,
    )
    dataset = arrays(str(tmp_path / "data.npz"))
    np.testing.assert_array_equal(dataset.train.images, images)
    np.testing.assert_array_equal(dataset.validation.images, images[:4])
    is_usable = memory.usable(dataset.train.images) is dataset.train.images
    # NumPy alone reads arrays in Fortran's order.
    assert is_usable == (order == "C")


def test_class_names_that_are_not_utf8(saved):
    names = np.array([b"\xff", b"l\xc3\xb6we", b"c\x1b"])
    built = arrays(saved(class_names=names))
    assert built.class_names == ("\\xff", "löwe", "c\\x1b")


def test_a_path_from_the_home_folder(saved, monkeypatch):
    path = pathlib.Path(saved())
    monkeypatch.setenv("HOME", str(path.parent))
    assert arrays(f"~/{path.name}").num_classes == 3
    with pytest.raises(UsageError, match="no home folder is known for '~nosuchuser'"):
        arrays("~nosuchuser/a.npz")


def test_a_test_part_may_be_in_the_file(saved):
    assert arrays(saved()).test is None
    x = np.full((3, 4, 5, 3), 9, np.uint8)
    dataset = arrays(saved(x_test=x, y_test=np.array([[1], [2], [0]])))
    np.testing.assert_array_equal(dataset.test.images, x)
    assert dataset.test.labels.tolist() == [1, 2, 0]
    assert not dataset.is_test_drawn


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"x_test": np.zeros((3, 4, 5, 3), np.uint8)},
            r"lacks y_test; .*x_test=\.\.\.",
        ),
        ({"y_test": np.zeros(3, int)}, "lacks x_test"),
        (
            {"x_test": np.zeros((1, 4, 5, 3), np.uint8), "y_test": np.array([3])},
            "test: label 3 of image 0",
        ),
        (
            {"x_test": np.zeros((1, 4, 5, 3), np.int16), "y_test": np.array([0])},
            "are uint8 but test images float32",
        ),
    ],
)
def test_a_bad_test_part_is_refused(saved, changes, message):
    with pytest.raises(RunError, match=message):
        arrays(saved(**changes))


def test_weights_may_be_in_the_file(saved):
    weights = np.array([1, 2, 0, 1, 1, 3])
    path = saved(weights=weights, validation_weights=np.array([[1], [2]], np.uint8))
    dataset = arrays(path)
    assert dataset.train.weights.dtype == np.float32
    assert dataset.train.weights.tolist() == weights.tolist()
    assert dataset.validation.weights.tolist() == [1.0, 2.0]
    assert arrays(saved()).train.weights is None


def test_several_labels_each(saved):
    labels = np.array(
        [[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1]]
    )
    # Each validation image happens to have one.
    path = saved(y_train=labels, y_validation=np.eye(3, dtype=bool)[:2])
    dataset = arrays(path)
    assert dataset.has_several_labels
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.train.labels.dtype == np.int32
    assert dataset.train.labels.tolist() == labels.tolist()
    assert dataset.validation.labels.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert not arrays(saved()).has_several_labels
