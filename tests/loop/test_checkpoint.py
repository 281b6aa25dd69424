"""Tests of framework/loop/checkpoint.py."""

import errno
import os
import threading

import numpy as np
import pytest
import tensorflow as tf

from framework.errors import RunError
from framework.loop.checkpoint import Checkpoints
from framework.system import archive


def variables(value=0.0):
    return {
        "model/0": tf.Variable(np.full((2, 3), value, np.float32)),
        "totals/examples": tf.Variable(int(np.nan_to_num(value))),
        "schedule/0/best": tf.Variable(-np.inf),
    }


@pytest.fixture
def checkpoints(tmp_path):
    def make(variables, keep=2, keep_best=1, kind=Waiting):
        folders = tmp_path / "checkpoints", tmp_path / "best"
        return kind(*folders, variables, keep, keep_best)

    return make


class Waiting(Checkpoints):
    """Checkpoints that are written when a call returns."""

    def save(self, step, ranked=(), keeps_earlier=False):
        super().save(step, ranked, keeps_earlier=keeps_earlier)
        self.wait()

    def save_best(self, step, ranked=None):
        super().save_best(step, [step] if ranked is None else ranked)
        self.wait()


def saved(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def spoil(path, how="truncated"):
    data = path.read_bytes()
    pixels = variables(2)["model/0"].numpy().tobytes()
    damaged = {
        "truncated": data[: len(data) // 2],
        "empty": b"",
        "altered": data.replace(pixels, pixels[:-1] + b"!"),
    }
    path.write_bytes(damaged[how])


def test_what_is_saved_comes_back(checkpoints):
    checkpoints(variables(7)).save(30)
    actual = variables()
    assert checkpoints(actual).restore() == 30
    for name, variable in variables(7).items():
        np.testing.assert_array_equal(actual[name].numpy(), variable.numpy())
        assert actual[name].dtype == variable.dtype


def test_mirrored_variables_come_back_on_all_replicas(checkpoints, mirrored):
    with mirrored.scope():
        before = {"a": tf.Variable([1.0, 2.0]), "b": tf.Variable(3)}
        after = {"a": tf.Variable([0.0, 0.0]), "b": tf.Variable(0)}
    checkpoints(before).save(1)
    checkpoints(after).restore()
    for local in mirrored.experimental_local_results(after["a"]):
        np.testing.assert_array_equal(local.numpy(), [1, 2])


def test_with_nothing_saved_a_run_begins(checkpoints):
    actual = variables(5)
    assert checkpoints(actual).restore() is None
    assert actual["totals/examples"].numpy() == 5


def test_keeps_the_latest(checkpoints, tmp_path):
    some = checkpoints(variables(), keep=2)
    # Steps whose text would sort wrongly without leading zeros.
    for step in (9, 80, 100, 1000):
        some.save(step)
    assert saved(tmp_path) == ["step-00000100.npz", "step-00001000.npz"]
    assert some.restore() == 1000


def test_the_latest_is_the_highest_step_however_many_digits(checkpoints, tmp_path):
    some = checkpoints(variables(), keep=2)
    for step in (99_999_998, 99_999_999, 100_000_000):
        some.save(step)
    assert some.restore() == 100_000_000
    assert len(saved(tmp_path)) == 2


def test_a_best_of_a_future_that_was_lost_is_forgotten(checkpoints, tmp_path):
    first = variables(3)
    some = checkpoints(first, keep=1)
    some.save_best(10)
    some.save(20)
    first["totals/examples"].assign(9)
    some.save_best(30)
    # Killed here, before the checkpoint of step 30.
    again = variables(0)
    other = checkpoints(again, keep=1)
    assert other.restore() == 20
    other.restore_best(("totals/",), [10])
    assert again["totals/examples"].numpy() == 3


def test_the_best_is_kept_apart(checkpoints, tmp_path):
    some = checkpoints(variables(3), keep=1)
    some.save_best(10)
    some.save(20)
    some.save(30)
    values = archive.read(tmp_path / "best" / "step-00000010.npz")
    assert values["step"] == 10
    assert values["totals/examples"] == 3
    assert saved(tmp_path) == ["step-00000030.npz"]


@pytest.mark.parametrize("how", ["truncated", "empty", "altered"])
def test_a_damaged_checkpoint_is_passed_over(checkpoints, tmp_path, caplog, how):
    checkpoints(variables(1)).save(10)
    checkpoints(variables(2)).save(20)
    spoil(tmp_path / "checkpoints/step-00000020.npz", how)
    actual = variables()
    assert checkpoints(actual).restore() == 10
    assert actual["totals/examples"].numpy() == 1
    assert "step-00000020.npz cannot be read" in caplog.text


def test_weights_that_are_nan_are_refused(checkpoints):
    some = checkpoints(variables(np.nan))
    some.save(10)
    with pytest.raises(RunError, match=r"10\.npz has NaN in model/0; delete it"):
        some.check()


@pytest.mark.parametrize("folder", ["checkpoints", "best"])
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_would_be_in_the_way_of_a_checkpoint_is_refused(
    checkpoints, tmp_path, folder, make
):
    some = checkpoints(variables(1))
    some.save(10)
    some.wait()
    path = tmp_path / folder / "step-00000020.npz"
    make(path)
    with pytest.raises(RunError, match=f"{path} is not a file.*--fresh"):
        some.check()
    assert path.exists()


@pytest.mark.parametrize("keep", [1, 2])
def test_a_damaged_later_checkpoint_costs_no_good_one(checkpoints, tmp_path, keep):
    some = checkpoints(variables(1), keep=keep)
    some.save(10)
    damaged = tmp_path / "checkpoints" / "step-00000099.npz"
    damaged.write_bytes(b"not a checkpoint")
    for step in (20, 30):
        some.save(step)
    kept = [f"step-{step:08d}.npz" for step in (20, 30)][-keep:]
    assert saved(tmp_path) == [*kept, damaged.name]
    assert some.restore() == 30


def test_with_all_damaged_nothing_is_done(checkpoints, tmp_path):
    checkpoints(variables(1)).save(10)
    spoil(tmp_path / "checkpoints/step-00000010.npz")
    actual = variables()
    with pytest.raises(RunError, match=r"none of the checkpoints .* with --fresh"):
        checkpoints(actual).restore()
    assert actual["totals/examples"].numpy() == 0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "model/0",
            tf.zeros([2, 4]),
            r"model/0 should be float32 \(2, 4\), but is float32 \(2, 3",
        ),
        (
            "model/1",
            tf.zeros([5]),
            r"model/1 should be float32 \(5,\), but is missing",
        ),
        (
            "model/0",
            tf.zeros([2, 3], tf.int32),
            r"model/0 should be int32 \(2, 3\), but is float32",
        ),
        ("model/0", tf.zeros([2, 3], tf.bool), r"should be bool \(2, 3\), but"),
        ("totals/examples", tf.zeros([], tf.uint32), r"uint32 \(\), but .* int32"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(checkpoints, name, value, message):
    checkpoints(variables(1)).save(10)
    actual = variables() | {name: tf.Variable(value)}
    with pytest.raises(RunError, match=f"of another model or optimizer: .*{message}"):
        checkpoints(actual).restore()
    # No variable was changed.
    assert actual["totals/examples"].numpy() == 0


def full(*args):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_what_there_was(checkpoints, tmp_path, monkeypatch, call):
    some = checkpoints(variables(1), keep=1)
    some.save(10)
    some.save_best(10)
    monkeypatch.setattr(os, call, full)
    for save in (some.save, some.save_best):
        with pytest.raises((OSError, RunError), match="No space left"):
            save(20)
    monkeypatch.undo()
    assert saved(tmp_path) == ["step-00000010.npz"]
    assert [path.name for path in (tmp_path / "best").iterdir()] == [
        "step-00000010.npz"
    ]
    assert archive.read(tmp_path / "best" / "step-00000010.npz")["step"] == 10
    assert some.restore() == 10


def test_what_a_killed_process_left_is_cleared_away(checkpoints, tmp_path):
    for folder in ("checkpoints", "best"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "step-00000010.npz.tmp").write_bytes(b"half")
    checkpoints(variables())
    assert not list(tmp_path.rglob("*.tmp"))


def test_other_files_are_left_alone(checkpoints, tmp_path):
    some = checkpoints(variables(), keep=1)
    (tmp_path / "checkpoints/notes.txt").write_text("mine")
    (tmp_path / "checkpoints/step-00000001.npz.bak").write_text("mine too")
    some.save(10)
    some.save(20)
    assert some.restore() == 20
    assert len(saved(tmp_path)) == 3


def best(folder):
    return [int(path.stem[5:]) for path in sorted((folder / "best").iterdir())]


@pytest.mark.parametrize(
    ("keep_best", "expected"), [(1, [20]), (2, [20, 40]), (3, [20, 30, 40])]
)
def test_keeps_the_best(checkpoints, tmp_path, keep_best, expected):
    values = {10: 0.1, 20: 0.9, 30: 0.5, 40: 0.7, 50: 0.2}
    number = variables()
    some = checkpoints(number, keep_best=keep_best)
    for step in values:
        number["totals/examples"].assign(step)
        ranked = sorted((s for s in values if s <= step), key=lambda s: -values[s])
        some.save_best(step, ranked)
        some.save(step, ranked)
    assert best(tmp_path) == expected
    again = variables()
    other = checkpoints(again, keep_best=keep_best)
    assert other.restore() == 50
    other.restore_best(("totals/",), [20, 40, 30, 50, 10])
    assert again["totals/examples"].numpy() == 20


def test_what_has_no_rank_is_never_the_best(checkpoints, tmp_path):
    some = checkpoints(variables())
    some.save_best(10, [])
    some.save(10, [])
    assert best(tmp_path) == []
    some.restore_best(("model/",), [])


def test_a_best_is_not_let_go_before_the_next_checkpoint(checkpoints, tmp_path):
    some = checkpoints(variables())
    some.save_best(10, [10])
    some.save(10, [10])
    some.save_best(20, [20, 10])
    assert best(tmp_path) == [10, 20]
    # Killed here: the evaluation of step 20 is forgotten.
    checkpoints(variables()).restore()
    assert best(tmp_path) == [10]


@pytest.fixture
def slow_disk(monkeypatch):
    """Blocks writing until the test permits it."""
    go, order, write = threading.Event(), [], archive.write

    def late(path, step, values):
        go.wait()
        order.append(path.parent.name)
        write(path, step, values)

    monkeypatch.setattr(archive, "write", late)
    yield go, order
    go.set()


def test_training_goes_on_while_a_checkpoint_is_written(
    checkpoints, tmp_path, slow_disk
):
    go, order = slow_disk
    number = variables(1)
    some = checkpoints(number, kind=Checkpoints)
    some.save_best(10, [10])
    some.save(10, [10])
    # Values are those at the time of the call, and are written in order.
    number["totals/examples"].assign(2)
    some.raise_failure()
    assert not saved(tmp_path)
    go.set()
    some.wait()
    assert order == ["best", "checkpoints"]
    again = variables()
    checkpoints(again).restore()
    assert again["totals/examples"].numpy() == 1


def test_one_step_is_written_at_a_time(checkpoints, tmp_path, slow_disk):
    go, _ = slow_disk
    some = checkpoints(variables(), kind=Checkpoints)
    some.save(10)
    second = threading.Thread(target=some.save, args=(20,))
    second.start()
    # The second save waits for the first.
    assert second.is_alive()
    go.set()
    second.join()
    some.wait()
    assert len(saved(tmp_path)) == 2


@pytest.mark.parametrize("call", ["save", "save_best", "restore_best", "wait"])
def test_what_the_writer_could_not_do_is_raised(checkpoints, monkeypatch, call):
    some = checkpoints(variables(), kind=Checkpoints)
    monkeypatch.setattr(archive, "write", full)
    some.save(10)
    calls = {
        "save": lambda: some.save(20),
        "save_best": lambda: some.save_best(20, [20]),
        "restore_best": lambda: some.restore_best(("model/",), []),
        "wait": some.wait,
    }
    with pytest.raises(OSError, match="No space left"):
        calls[call]()
    some.close()


def test_a_failure_is_raised_without_waiting(checkpoints, monkeypatch):
    some = checkpoints(variables(), kind=Checkpoints)
    monkeypatch.setattr(archive, "write", full)
    some.save(10)
    some.close()
    with pytest.raises(OSError, match="No space left"):
        some.raise_failure()
    some.raise_failure()


def test_goes_back_to_what_was_last_saved_or_restored(checkpoints):
    number = variables(1)
    some = checkpoints(number)
    some.restore()
    for step, value in ((0, 1), (10, 5)):
        if step:
            number["totals/examples"].assign(5)
            some.save(step)
        number["totals/examples"].assign(9)
        assert some.roll_back() == step
        assert number["totals/examples"].numpy() == value


def test_goes_back_past_a_checkpoint_of_a_signal(checkpoints):
    number = variables()
    some = checkpoints(number, keep=1)
    for step, keeps_earlier in ((10, False), (20, False), (25, True)):
        number["totals/examples"].assign(step)
        some.save(step, keeps_earlier=keeps_earlier)
    resumed = checkpoints(number, keep=1)
    assert resumed.restore(lambda step: step % 10 == 0) == 25
    assert number["totals/examples"].numpy() == 25
    assert resumed.roll_back() == 20
    assert number["totals/examples"].numpy() == 20
    # The next one of the schedule takes their place.
    resumed.save(30)
    again = checkpoints(number)
    assert again.restore(lambda step: False) == 30
    # There is no other.
    assert again.roll_back() == 30


def test_going_back_skips_damaged_files_and_casts(checkpoints, tmp_path):
    number = variables() | {"totals/half": tf.Variable(0, dtype=tf.bfloat16)}
    some = checkpoints(number, keep=2)
    for step in (10, 20):
        number["totals/half"].assign(step)
        some.save(step)
    some.save(25, keeps_earlier=True)
    os.truncate(tmp_path / "checkpoints" / "step-00000020.npz", 300)
    resumed = checkpoints(number)
    assert resumed.restore(lambda step: step % 10 == 0) == 25
    assert resumed.roll_back() == 10
    assert number["totals/half"].numpy() == 10


def test_a_checkpoint_of_before_there_was_such_a_count_is_taken(checkpoints):
    checkpoints(variables(1)).save(10)
    actual = variables() | {"nonfinite/skipped": tf.Variable(3)}
    assert checkpoints(actual).restore() == 10
    assert actual["nonfinite/skipped"].numpy() == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [("int32", "int64"), ("float32", "float64"), ("bfloat16", "bfloat16")],
)
def test_a_value_of_fewer_bits_is_taken(checkpoints, before, after):
    checkpoints({"totals/a": tf.Variable(3, dtype=before)}).save(10)
    actual = tf.Variable(0, dtype=after)
    checkpoints({"totals/a": actual}).restore()
    assert actual.dtype == after
    assert actual.numpy() == 3
