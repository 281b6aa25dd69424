"""Tests of framework/system/processor.py."""

from framework.system import processor


def test_reads_name_and_instructions(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("model name\t: Fast 9\nflags\t\t: fpu avx2 fma avx512f\n" * 2)
    actual = processor.describe(str(path))
    assert actual == {"name": "Fast 9", "instructions": ["avx2", "avx512f", "fma"]}


def test_arm_calls_them_features(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nFeatures\t: fp asimd sve\n")
    assert processor.describe(str(path))["instructions"] == ["asimd", "sve"]


def test_without_the_file_nothing_is_known(tmp_path):
    assert processor.describe(str(tmp_path / "none"))["instructions"] == []
