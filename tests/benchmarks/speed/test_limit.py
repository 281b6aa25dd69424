"""Tests of benchmarks/speed/limit.py."""

import pathlib

import pytest

from benchmarks.speed import limit


def test_own_time_is_without_what_happens_within():
    # A call of 10 ms with a convolution of 4 in it, in which 1 is spent casting.
    events = [
        (0, 10 * 10**9, "call"),
        (10**9, 4 * 10**9, "convolution"),
        (2 * 10**9, 10**9, "cast"),
        (10 * 10**9, 10**9, "cast"),
    ]
    assert limit.own_times(reversed(events)) == {
        "call": 6.0,
        "convolution": 3.0,
        "cast": 2.0,
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("body/Conv2DBackpropFilter_1:_MklNativeConv2DBackpropFilter", limit.PRODUCTS),
        ("dense/Relu:_MklNativeFusedMatMul", limit.PRODUCTS),
        ("MatMul_1:_MklMatMul", limit.PRODUCTS),
        ("norm:_MklNativeFusedBatchNormGradV3", "batch norm"),
        ("MaxPoolGrad:MaxPoolGrad", "pooling"),
        ("d/x:DepthwiseConv2dNativeBackpropFilter", "depthwise convolutions"),
        ("relu/ReluGrad:ReluGrad", "ReLU and sums"),
        ("adam/ResourceApplyAdam_6:ResourceApplyAdam", "update of the weights"),
        (" select_convert_fusion", "fused by XLA: augmentation, ReLU"),
    ],
)
def test_kinds_of_operations(name, kind):
    assert limit.kinds({name: 2.0, "ExecutorState::Process": 1.0}) == {kind: 2.0}


def test_what_all_else_costs_is_the_most_that_could_be_saved():
    times = {limit.PRODUCTS: 8.0, "pooling": 1.0}
    first, *lines, last = limit.report(times, 10.0, 0.4, 100.0)
    assert first == "10.00 ms a step"
    assert [line.split()[-1] for line in lines] == ["80.0%", "10.0%", "10.0%"]
    assert "50 GFLOP/s, 50% of the fastest product (100)" in last
    assert "1.25 times as fast" in last


def test_without_a_count_of_operations_there_is_no_limit():
    *_, last = limit.report({limit.PRODUCTS: 8.0}, 10.0, 0.0, 100.0)
    assert last.startswith("TensorFlow's executor")


def test_the_operations_of_a_real_step_are_known(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["limit", "--workload=W4"])
    monkeypatch.setattr("benchmarks.speed.peak.SIZES", (64,))
    limit.main()
    shares = {
        line[:36].strip(): float(line.split()[-1].rstrip("%"))
        for line in capsys.readouterr().out.splitlines()[1:-1]
    }
    # Measured on a processor with AMX. On an AMD EPYC without AVX-512 the share of
    # products was 8 to 19 % of the same step, and 19.3 % at the commit before.
    has_amx = "amx_tile" in pathlib.Path("/proc/cpuinfo").read_text()
    assert shares[limit.PRODUCTS] > (20 if has_amx else 0)
    assert shares["pooling"] > (2 if has_amx else 0)
