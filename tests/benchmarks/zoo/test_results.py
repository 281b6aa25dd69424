"""Tests of benchmarks/zoo/results.py."""

from benchmarks.zoo import results


def test_lines_are_read_but_for_failures_and_what_a_kill_has_cut(tmp_path):
    path = tmp_path / "runs" / "results.jsonl"
    assert results.completed(path) == []
    for line in [{"case": "a"}, {"case": "b", "error": "OSError"}, {"case": "c"}]:
        results.append(path, line)
    with path.open("a") as stream:
        stream.write('{"case": "d", ')
    assert results.completed(path) == [{"case": "a"}, {"case": "c"}]
