"""Tests of benchmarks/speed/scaling.py."""

import io

import pytest

from benchmarks.speed import scaling
from framework import models


def test_every_axis_says_what_limits_it():
    assert set(scaling.LIMITS) == set(scaling.AXES)


@pytest.mark.parametrize("axis", ["batch_size", "size", "steps_per_call", "devices"])
def test_every_point_is_a_network_that_fits_its_images(axis):
    values, others = scaling.AXES[axis]
    for value in values:
        point = {**others, axis: value}
        point.pop("steps_per_call", None)
        made = scaling.settings(point)
        size = point.get("size", 64)
        assert f"size={size}" in made["dataset"]
        assert models.build(made["model"])((size, size, 3), 5).count_params()


def test_a_point_is_measured():
    small = {"size": 8, "train": 64, "model": "mlp(units=(4,))", "started": 0.0}
    costs = scaling.measured({**small, "steps_per_call": 1})
    assert costs["wall"] > 0
    assert costs["cpu"] > 0
    assert costs["peak_mb"] > 10


def test_photographs_are_read_as_a_stream(tmp_path):
    spec = scaling._photographs(tmp_path, (24, 16))
    files = list(tmp_path.rglob("*.jpg"))
    assert len(files) == 1024
    assert str(tmp_path) in spec


def test_draws_what_has_numbers():
    image = pytest.importorskip("matplotlib.image")
    curves = {
        "size": [(8, {"cpu": 1.0}), (16, {"cpu": 2.0})],
        "input": [("memory", {"cpu": 1.0})],
    }
    assert image.imread(io.BytesIO(scaling.drawn(curves))).shape[0] > 100


def test_much_input_is_called_input_bound():
    points = [
        ("memory", {"wall": 90.0, "cpu": 100.0}),
        ("small files", {"wall": 95.0, "cpu": 110.0}),
        ("large files", {"wall": 180.0, "cpu": 300.0}),
    ]
    small, large = scaling.input_shares(points)
    assert small == "small files: input takes 5% of the time"
    assert large.startswith("large files: input takes 50% of the time, input-bound")
    assert "200 us of processor" in large
    assert not list(scaling.input_shares([]))
