"""Tests of framework/data/exif.py."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from framework.data import exif

ORIENTATION = 0x0112
PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10


@tf.function(input_signature=[tf.TensorSpec((), tf.string), tf.TensorSpec((), tf.bool)])
def compiled(content, is_png):
    return exif.orientation(content, is_png)


def read(content):
    return int(compiled(content, content.startswith(b"\x89PNG")))


def encoded(kind, value, **others):
    tags = Image.Exif()
    if value is not None:
        tags[ORIENTATION] = value
    # Further tags before and after it, as cameras write them.
    tags[0x010F], tags[0x0132] = "maker", "2026:01:01 00:00:00"
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, kind, exif=tags, **others)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("value", [None, 1, 2, 3, 4, 5, 6, 7, 8])
def test_reads_what_pillow_writes(kind, value):
    assert read(encoded(kind, value)) == (value or 1)


@pytest.mark.parametrize("value", range(1, 9))
def test_upright_is_what_pillow_makes_of_it(value):
    with Image.open(io.BytesIO(encoded("PNG", value))) as file:
        expected = np.asarray(ImageOps.exif_transpose(file))
    turned = exif.upright(tf.constant(PIXELS), tf.constant(value, tf.int64))
    np.testing.assert_array_equal(turned, expected)


def structure(order, value, kind=3):
    """Returns a TIFF structure with one entry, of a type of field."""
    sign = {"II": "<", "MM": ">"}[order]
    entry = struct.pack(f"{sign}HHI", ORIENTATION, kind, 1)
    entry += struct.pack(
        f"{sign}I" if kind == 4 else f"{sign}HH", value, *[0][kind == 4 :]
    )
    return order.encode() + struct.pack(f"{sign}HIH", 42, 8, 1) + entry


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize("kind", [3, 4])
def test_byte_orders_types_and_other_segments(order, kind):
    metadata = segment(0xE1, b"Exif\0\0" + structure(order, 6, kind))
    other = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0 Exif\0\0")
    start = b"\xff\xd8" + segment(0xE0, b"JFIF\0" + bytes(9)) + other
    assert read(start + b"\xff" + metadata) == 6
    # What comes after the start of the image data is none.
    assert read(start + segment(0xDA, b"") + metadata) == 1


@pytest.mark.parametrize("value", [0, 9, 300])
def test_values_out_of_range_are_upright(value):
    metadata = segment(0xE1, b"Exif\0\0" + structure("II", value))
    assert read(b"\xff\xd8" + metadata) == 1


@given(st.data())
def test_damaged_files_do_not_fail(data):
    content = encoded(data.draw(st.sampled_from(["JPEG", "PNG"])), 6)
    end = data.draw(st.integers(4, len(content)))
    place = data.draw(st.integers(4, end))
    junk = data.draw(st.binary(max_size=8))
    assert 1 <= read(content[:place] + junk + content[place + len(junk) : end]) <= 8
