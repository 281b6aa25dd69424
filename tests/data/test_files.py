"""Tests of framework/data/files.py."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from framework.data import formats
from framework.data.files import Files, served
from framework.data.split import LazySplit
from framework.errors import RunError, UsageError

COLOUR = (200, 50, 30)
UNREADABLE = b"\xff\xd8\xff this is no image"


def photograph(seed=0, size=(12, 9)):
    """Returns a smooth image, which survives JPEG compression."""
    generator = np.random.Generator(np.random.PCG64(seed))
    coarse = generator.integers(0, 256, (3, 3, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encoded(image, kind):
    content = io.BytesIO()
    image.save(content, kind)
    return content.getvalue()


def write(root, counts, kind="JPEG", suffix=".jpg"):
    """Writes a number of images into each folder."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for index in range(count):
            content = encoded(photograph(seed=len(name) * 100 + index), kind)
            (root / name / f"{index:03}{suffix}").write_bytes(content)
    return root


def ignore(done, total):
    """Ignores progress."""


def test_names_need_not_be_text(tmp_path):
    write(tmp_path, {"a": 2})
    try:
        (tmp_path / "a/000.jpg").rename(tmp_path / "a/\udce9.jpg")
    except OSError:
        pytest.skip("not a file system of bytes")
    paths = tuple(str(path) for path in (tmp_path / "a").iterdir())
    assert Files(paths, (4, 4)).load(ignore).shape == (2, 4, 4, 3)


def plain(mode, kind="PNG"):
    return encoded(Image.new("RGB", (8, 8), COLOUR).convert(mode), kind)


def transparent(mode):
    return encoded(Image.new("RGBA", (8, 8), (*COLOUR, 0)).convert(mode), "PNG")


@pytest.mark.parametrize(
    ("content", "expected", "tolerance"),
    [
        (plain("RGB"), COLOUR, 0),
        (plain("RGB", "JPEG"), COLOUR, 3),
        (plain("CMYK", "JPEG"), COLOUR, 3),
        (plain("L"), (93, 93, 93), 0),
        (plain("L", "JPEG"), (93, 93, 93), 1),
        (encoded(Image.new("RGB", (8, 8), COLOUR).quantize(4), "PNG"), COLOUR, 0),
        (transparent("RGBA"), COLOUR, 0),
        (transparent("LA"), (93, 93, 93), 0),
        (encoded(Image.new("1", (8, 8), 1), "PNG"), (255, 255, 255), 0),
        # 16 bits; 140 is their upper half.
        (
            encoded(Image.fromarray(np.full((8, 8), 36000, np.uint16)), "PNG"),
            (140, 140, 140),
            1,
        ),
    ],
    ids=[
        "rgb",
        "rgb_jpeg",
        "cmyk_jpeg",
        "grey",
        "grey_jpeg",
        "palette",
        "rgba",
        "grey_alpha",
        "1_bit",
        "16_bits",
    ],
)
@pytest.mark.parametrize("size", [8, pytest.param(5, marks=pytest.mark.extended)])
def test_colours_of_all_kinds(tmp_path, content, expected, tolerance, size):
    path = tmp_path / "image"
    path.write_bytes(content)
    image = Files((str(path),), (size, size)).load(ignore)[0]
    wanted = np.broadcast_to(expected, (size, size, 3))
    np.testing.assert_allclose(image, wanted, atol=tolerance)
    grey = Files((str(path),), (size, size), channels=1).load(ignore)[0]
    brightness = np.dot(expected, (0.299, 0.587, 0.114))
    np.testing.assert_allclose(
        grey, np.full((size, size, 1), brightness), atol=tolerance + 1
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "size", [(9, 12), pytest.param((30, 7), marks=pytest.mark.extended)]
)
def test_element_and_load_agree_bit_for_bit(tmp_path, size, channels):
    paths = []
    for index, shape in enumerate([(12, 9), (9, 12), (40, 31), (5, 6), (1, 1)]):
        for kind in ("PNG", "JPEG"):
            path = tmp_path / f"{index}.{kind}"
            path.write_bytes(encoded(photograph(index, shape), kind))
            paths.append(str(path))
    files = Files(tuple(paths), size, channels)
    loaded = files.load(ignore)
    assert loaded.dtype == files.dtype
    assert loaded.shape == files.shape == (10, *size, channels)

    dataset = tf.data.Dataset.range(10).map(files.element)
    assert dataset.element_spec == tf.TensorSpec((*size, channels), tf.uint8)
    np.testing.assert_array_equal(np.stack(list(dataset.as_numpy_iterator())), loaded)
    for index in (0, 9):
        eager = files.element(tf.constant(index, tf.int32))
        np.testing.assert_array_equal(eager, loaded[index])


def test_an_image_of_the_right_size_is_untouched(tmp_path):
    image = photograph(1, (12, 9))
    (tmp_path / "image.png").write_bytes(encoded(image, "PNG"))
    loaded = Files((str(tmp_path / "image.png"),), (9, 12)).load(ignore)
    np.testing.assert_array_equal(loaded[0], np.asarray(image))


def test_making_smaller_averages(tmp_path):
    """Without smoothing, a fine pattern would become all black or all white."""
    pattern = np.indices((32, 32)).sum(axis=0) % 2 * np.uint8(255)
    (tmp_path / "image.png").write_bytes(
        encoded(Image.fromarray(pattern.astype(np.uint8)), "PNG")
    )
    loaded = Files((str(tmp_path / "image.png"),), (4, 4)).load(ignore)
    assert abs(loaded.astype(int) - 128).max() < 8


def test_the_graph_of_a_server_is_made_of_plain_ops(tmp_path):
    """It must not call Python functions of this process."""
    write(tmp_path, {"a": 2})
    paths = tuple(str(path) for path in sorted((tmp_path / "a").iterdir()))
    files = Files(paths, (4, 4))
    signature = [tf.TensorSpec((), tf.int32)]
    element = served(LazySplit(files, np.zeros(2, np.int32))).images.element
    graph = tf.function(element, signature).get_concrete_function().graph
    kinds = {node.op for node in graph.as_graph_def().node}
    for function in graph.as_graph_def().library.function:
        kinds |= {node.op for node in function.node_def}
    assert not [kind for kind in kinds if "PyFunc" in kind]
    assert {"ReadFile", "DecodeImage"} <= kinds


def test_a_server_cannot_read_other_formats():
    with pytest.raises(UsageError, match=r"not b\.webp; use --input=stream"):
        served(LazySplit(Files(("a.jpg", "b.webp"), (4, 4)), np.zeros(2, np.int32)))


@pytest.mark.parametrize(
    "resize", ["crop", pytest.param("pad", marks=pytest.mark.extended)]
)
def test_formats_and_orientations_become_the_same_image(tmp_path, resize):
    """Whatever the format, the same photograph gives the same pixels."""
    image, tags = photograph(1, (40, 31)), Image.Exif()
    turned = image.transpose(Image.Transpose.ROTATE_90)
    tags[0x0112] = 6
    paths = [tmp_path / name for name in ("a.png", "b.bmp", "c.webp", "d.tif", "e.png")]
    for path, picture in zip(paths, [image] * 4 + [turned], strict=True):
        options = {"lossless": True} if path.suffix == ".webp" else {}
        picture.save(path, **options, **({"exif": tags} if picture is turned else {}))
    files = Files(tuple(map(str, paths)), (9, 14), resize=resize)
    images = files.load(ignore)
    for other in images[1:]:
        np.testing.assert_array_equal(other, images[0])
    squashed = Files((str(paths[0]),), (9, 14)).load(ignore)[0]
    assert np.abs(images[0].astype(int) - squashed).max() > 10


def test_load_tells_how_far_it_is(tmp_path):
    (tmp_path / "image.png").write_bytes(encoded(photograph(), "PNG"))
    messages = []
    files = Files((str(tmp_path / "image.png"),) * 230, (4, 4))
    files.load(lambda *progress: messages.append(progress))
    assert messages == [(100, 230), (200, 230), (230, 230)]


def test_take_keeps_the_given_order(tmp_path):
    files = Files(("a", "b", "c", "d"), (4, 5), 1)
    assert files.take(np.array([2, 0])) == Files(("c", "a"), (4, 5), 1)


def truncated(kind):
    content = encoded(photograph(size=(64, 64)), kind)
    return content[: len(content) // 2]


DAMAGED = {
    "empty": b"",
    "other": b"<html>404</html>",
    "almost": UNREADABLE,
    "half_jpeg": truncated("JPEG"),
    "half_png": truncated("PNG"),
    "tail": encoded(photograph(size=(64, 64)), "JPEG")[:-2],
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_load_names_the_file_that_is_damaged(tmp_path, content):
    write(tmp_path, {"a": 8, "b": 8})
    (tmp_path / "b/003.jpg").write_bytes(content)
    bad = str(tmp_path / "b/003.jpg")
    others = (str(path) for path in sorted(tmp_path.rglob("*.jpg")))
    files = Files((*(path for path in others if path != bad), bad), (8, 8))
    with pytest.raises(RunError) as caught:
        files.load(ignore)
    message = str(caught.value)
    kind = formats.of_content(content) or "image"
    assert message.startswith(f"{bad} is not a complete {kind} file")
    assert "skip_corrupt=True" in message
    assert "\n" not in message


def test_load_names_the_first_of_several(tmp_path):
    write(tmp_path, {"a": 20})
    paths = tuple(str(path) for path in sorted((tmp_path / "a").iterdir()))
    for index in (7, 8, 15):
        (tmp_path / f"a/{index:03}.jpg").write_bytes(UNREADABLE)
    with pytest.raises(RunError, match=r"a/007.jpg is not a complete"):
        Files(paths, (4, 4)).load(ignore)


def test_load_tells_of_a_file_that_has_gone(tmp_path):
    with pytest.raises(RunError, match=r"gone.jpg no longer exists"):
        Files((str(tmp_path / "gone.jpg"),), (4, 4)).load(ignore)


@pytest.mark.parametrize(
    "bad", [[], [0], [39], [0, 1, 2], [3, 5, 20, 21, 22, 39], list(range(40))]
)
def test_corrupt_finds_them_all(tmp_path, bad):
    write(tmp_path, {"a": 40})
    for index in bad:
        (tmp_path / f"a/{index:03}.jpg").write_bytes(UNREADABLE)
    paths = tuple(str(path) for path in sorted((tmp_path / "a").iterdir()))
    assert Files(paths, (4, 4)).corrupt().tolist() == bad
