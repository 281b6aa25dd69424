"""Tests of benchmarks/speed/compare.py, meter.py and workloads.py."""

import argparse
import json

import numpy as np
import pytest

from benchmarks.speed import compare, meter
from benchmarks.speed.workloads import WORKLOADS, images


def line(seconds, **changes):
    """Returns the measurements of a process that trains an epoch in these seconds."""
    values = {
        # In the first epochs graphs are made.
        "train_wall": [9.0, seconds, 9.0, seconds, seconds],
        "train_cpu": [9.0, seconds / 2, 9.0, seconds / 2, seconds / 2],
        "first_step": 3.0,
        "wall": 20.0,
        "cpu": 10.0,
        "peak_mb": 700.0,
        "accuracy": 0.5,
    }
    return {**values, **changes}


def test_ratios_are_taken_within_a_round():
    # The machine is half as fast in the second round.
    lines = {
        compare.BASE: [line(1.0), line(2.0), line(1.0)],
        "Whyflat": [line(0.5), line(1.0), line(0.25)],
    }
    *_, base, ours = compare.table(lines, WORKLOADS["W1"], {}).splitlines()
    assert base.startswith("| Keras fit, arrays | 1,000 | 1.00 (1.00-1.00) | 2,000 |")
    assert ours.startswith("| Whyflat | 2,000 | 2.00 (2.00-4.00) | 4,000 |")


def test_the_share_of_the_peak_is_that_of_a_peer_s_own_precision():
    lines = {compare.BASE: [line(1.0)], "Whyflat, bfloat16": [line(1.0)]}
    peaks = {"float32": 1000.0, "bfloat16": 10_000.0}
    *_, base, ours = compare.table(lines, WORKLOADS["W1"], peaks).splitlines()
    # 2,000 images a second of the processor, 115.94 MFLOP each.
    assert "| 23.2% |" in base
    assert "| 2.3% |" in ours


def test_a_peer_that_failed_is_left_out():
    lines = {compare.BASE: [line(1.0)], "Whyflat": []}
    assert "Whyflat" not in compare.table(lines, WORKLOADS["W1"], {})


def test_a_meter_tells_training_from_evaluation(capsys, monkeypatch):
    clock = iter([(0.0, 0.0), (1.0, 0.5), (3.0, 1.0), (6.0, 2.0), (10.0, 4.0)])
    monkeypatch.setattr(meter, "_now", lambda: next(clock))
    measured = meter.Meter(argparse.Namespace(started=0.0, turns=False))
    for _ in range(2):
        measured.trained()
        measured.evaluated()
    measured.write(0.75)
    values = meter.read("some other line\n" + capsys.readouterr().out)
    assert values["train_wall"] == [1.0, 3.0]
    assert values["train_cpu"] == [0.5, 1.0]
    assert values["evaluate_wall"] == [2.0, 4.0]
    assert values["accuracy"] == 0.75
    assert len(values["memory_mb"]) == 2


def test_what_is_no_line_of_a_meter_is_nothing():
    assert meter.read(json.dumps({"train_wall": []})) is None


@pytest.mark.parametrize("name", ["W1", "W2", "W3", "W4"])
def test_floating_point_operations_are_those_of_the_layers(name):
    import keras

    from benchmarks.speed.peers.keras_fit import net

    total, first = 0, True
    for layer in net(WORKLOADS[name]).layers:
        if not isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            continue
        places = np.prod(layer.output.shape[1:-1], dtype=int)
        once = 2 * int(places) * int(np.prod(layer.kernel.shape))
        # The images have no gradient.
        total += once * (2 if first else 3)
        first = False
    assert WORKLOADS[name].megaflops == pytest.approx(total / 1e6, rel=0.01)


@pytest.mark.parametrize("name", ["W1", "W4"])
def test_images_are_the_same_each_time_and_classes_differ(name):
    data, again = images(WORKLOADS[name]), images(WORKLOADS[name])
    for key, values in data.items():
        np.testing.assert_array_equal(values, again[key])
    x, y = data["x_train"].astype(float), data["y_train"]
    means = [x[y == label].mean(axis=0) for label in np.unique(y)]
    # Far more than the noise of a mean.
    assert np.abs(means[0] - means[1]).mean() > 20


def test_with_turns_ratios_are_taken_epoch_by_epoch():
    # The machine slows down while the epochs take turns; the last one does not count.
    slow = line(1.0, train_cpu=[9.0, 1.0, 2.0, 4.0, 4.0])
    fast = line(1.0, train_cpu=[9.0, 0.5, 1.0, 2.0, 8.0])
    lines = {compare.BASE: [slow], "Whyflat": [fast]}
    *_, ours = compare.table(lines, WORKLOADS["W1"], {}, turns=True).splitlines()
    assert "2.00 (2.00-2.00) |" in ours


def test_an_evaluation_counts_where_the_workload_says_so():
    measured = line(1.0, evaluate_cpu=[1.0, 2.0, 3.0, 4.0, 5.0])
    seconds = compare.epochs(measured, "cpu", WORKLOADS["W8"])
    assert seconds == [2.5, 12.0, 4.5, 5.5]


def test_an_interval_of_a_median():
    values = [5.0, 1.0, 9.0, 3.0, 7.0, 2.0, 8.0, 4.0, 6.0]
    # 1 - 2 (1 + 9) / 2**9 = 96 %.
    assert compare.median_interval(values) == (2.0, 8.0)
    assert compare.median_interval(values[:3]) == (1.0, 9.0)
