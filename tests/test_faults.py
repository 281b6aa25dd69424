"""Tests that nothing is lost, whatever ends a run and whenever it does."""

import dataclasses
import errno
import os
import pathlib
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks.faults import same_run
from benchmarks.faults.same_run import SMALL
from benchmarks.speed.invariance import two_machines
from framework.errors import RunError, Stopped, UsageError
from framework.launch import run_folder
from framework.launch.run import run
from framework.launch.verification import AGREES, verify
from framework.loop.evaluator import Evaluator
from framework.loop.train_loop import TrainLoop
from framework.report.history import History
from framework.system import archive

ROOT = pathlib.Path(__file__).parents[1]


def small(folder, **changes):
    return dataclasses.replace(SMALL, **{"workdir": str(folder / "run"), **changes})


def assert_same_run(config, expected):
    """Compares two runs to the last bit."""
    problem = same_run.difference(
        *(pathlib.Path(each.workdir) for each in (config, expected))
    )
    assert problem is None


def arguments(config, number=signal.SIGKILL, times=0, moment="any", place=0):
    """Returns the command line of a process that gets a signal at a moment."""
    flags = run_folder.flags.flagfile(config).splitlines()
    return [signal.Signals(number).name, str(times), moment, str(place), *flags]


@pytest.fixture(scope="module")
def start(command):
    """Runs a process that gets a signal at a moment; returns it when it has ended."""
    return lambda *place: command("benchmarks.faults.moments", *arguments(*place))


def errors(done):
    """Returns the lines of stderr of a process, without its moments."""
    lines = done.stderr.splitlines()
    return [line for line in lines if not line.startswith("moment ")]


@pytest.fixture(scope="module")
def process(tmp_path_factory, start):
    """A run in a process of its own that nothing has broken, and its moments."""
    config = small(tmp_path_factory.mktemp("process"))
    done = start(config)
    assert done.returncode == 0
    return config, [
        line for line in done.stderr.splitlines() if line not in errors(done)
    ]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A run in this process that nothing has broken."""
    config = small(tmp_path_factory.mktemp("uninterrupted"))
    run(config)
    return config


# Kills are sampled in tests/benchmarks/faults as well.
@pytest.mark.slow
def test_killed_while_compiling_evaluating_and_saving(tmp_path, start, process):
    config = small(tmp_path)
    for moment, place in (("compile", 1), ("evaluate", 5), ("write", 100)):
        killed = start(config, signal.SIGKILL, 1, moment, place)
        assert killed.returncode == -signal.SIGKILL, moment
    assert start(config).returncode == 0
    assert_same_run(config, process[0])


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path, start, process):
    generator, kills, runs = np.random.default_rng(0), 0, 0
    while kills < 24:
        (tmp_path / str(runs)).mkdir()
        config = small(tmp_path / str(runs))
        code = -signal.SIGKILL
        while code:
            # Early moments as often as late ones, of which there are more.
            place = int(len(process[1]) ** generator.uniform())
            code = start(config, signal.SIGKILL, 1, "any", place).returncode
            assert code in (0, -signal.SIGKILL)
            kills += code != 0
        assert_same_run(config, process[0])
        runs += 1
    print(f"{kills} kills survived in {runs} runs")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "place"),
    [
        ("compile", 1),
        ("compile evaluation", 1),
        ("epoch", 3),
        ("evaluate", 2),
        ("record", 2),
        ("draw", 2),
        ("write", 20),
        ("sync", 4),
        ("put in place", 6),
        ("let go", 3),
    ],
)
def test_killed_at_a_moment(tmp_path, start, process, moment, place):
    config = small(tmp_path)
    killed = start(config, signal.SIGKILL, 1, moment, place)
    assert killed.returncode == -signal.SIGKILL
    assert start(config).returncode == 0
    assert_same_run(config, process[0])


@pytest.mark.extended
@pytest.mark.parametrize(
    ("number", "times", "code", "message"),
    [
        (
            signal.SIGTERM,
            1,
            75,
            "stopped by SIGTERM; rerun the same command to resume",
        ),
        (
            signal.SIGINT,
            2,
            130,
            "error: interrupted; the same command resumes from the last checkpoint",
        ),
    ],
)
def test_a_stopped_process_has_a_code_of_its_own(
    tmp_path, start, number, times, code, message
):
    done = start(small(tmp_path), number, times, "evaluate", 5)
    assert done.returncode == code
    assert errors(done) == [message]


def interrupt(monkeypatch, owner, name, place):
    """Sends this process a signal when a function is called for the n-th time."""
    function, calls = getattr(owner, name), []

    def call(*args, **kwargs):
        calls.append(1)
        if len(calls) == place:
            os.kill(os.getpid(), signal.SIGTERM)
        return function(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)


@pytest.mark.parametrize(
    ("owner", "name", "place"),
    [
        pytest.param(TrainLoop, "_step", 1, marks=pytest.mark.extended),
        pytest.param(TrainLoop, "measured_step", 4, marks=pytest.mark.extended),
        (Evaluator, "__call__", 2),
        pytest.param(Evaluator, "__call__", 9, marks=pytest.mark.extended),
        pytest.param(archive, "write", 3, marks=pytest.mark.extended),
    ],
    ids=lambda value: str(value),
)
def test_stopped_by_a_signal(tmp_path, uninterrupted, monkeypatch, owner, name, place):
    config = small(tmp_path)
    interrupt(monkeypatch, owner, name, place)
    with pytest.raises(Stopped, match="stopped by SIGTERM"):
        run(config)
    monkeypatch.undo()
    run(config)
    assert_same_run(config, uninterrupted)


@pytest.mark.extended
def test_stopped_again_and_again(tmp_path, uninterrupted, monkeypatch):
    config, stops = small(tmp_path), 0
    is_finite, calls = TrainLoop.is_finite, []

    def interrupted(self):
        calls.append(1)
        if len(calls) % 2 == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return is_finite(self)

    monkeypatch.setattr(TrainLoop, "is_finite", interrupted)
    while True:
        try:
            run(config)
            break
        except Stopped:
            stops += 1
    assert stops >= 5
    assert_same_run(config, uninterrupted)


@pytest.mark.extended
@pytest.mark.parametrize(
    ("first", "then"), [(1, 2), pytest.param(2, 1, marks=pytest.mark.slow)]
)
def test_goes_on_with_another_number_of_devices(
    tmp_path, uninterrupted, monkeypatch, first, then
):
    config = small(tmp_path, strategy="mirrored", devices=first)
    interrupt(monkeypatch, TrainLoop, "measured_step", 4)
    with pytest.raises(Stopped):
        run(config)
    monkeypatch.undo()
    run(dataclasses.replace(config, devices=then))
    folders = [pathlib.Path(each.workdir) for each in (config, uninterrupted)]
    actual, expected = map(same_run.arrays, folders)
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        # How far gradients of fewer images differ depends on how many they are of; of
        # losses that differ in the last digit the checksum is another one.
        if "/noise/" not in name and "history/sha256" not in name:
            size = max(np.abs(value).max(initial=0), 1e-3)
            np.testing.assert_allclose(actual[name], value, atol=5e-6 * size)
    actual, expected = (History(folder / "metrics.jsonl") for folder in folders)
    for name in ("train/accuracy", "validation/accuracy", "learning_rate"):
        np.testing.assert_array_equal(actual[name], expected[name])


@pytest.mark.extended
def test_shards_keep_all_bits_if_the_number_of_devices_changes(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    expected = small(tmp_path / "other", shards=4, threads=2)
    run(expected)
    config = small(tmp_path, shards=4, threads=2, strategy="mirrored", devices=2)
    interrupt(monkeypatch, TrainLoop, "measured_step", 4)
    with pytest.raises(Stopped):
        run(config)
    monkeypatch.undo()
    run(dataclasses.replace(config, strategy="default", devices=0))
    assert_same_run(config, expected)


# One process with 1, 2 and 4 devices, and two processes.
PLACES = (
    {"strategy": "default"},
    {"strategy": "mirrored", "devices": 2},
    {"strategy": "mirrored", "devices": 4},
    {"strategy": "multi_worker"},
)


def start_two(config, *signals):
    """Runs two processes, the first of which gets a signal; returns their codes."""
    processes = []
    for own, variables in zip((signals, ()), two_machines(), strict=True):
        program = [sys.executable, "-m", "benchmarks.faults.moments"]
        processes.append(
            subprocess.Popen(
                [*program, *arguments(config, *own)],
                env={**os.environ, **variables},
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
    return [process.wait() for process in processes]


@pytest.mark.slow
def test_shards_keep_all_bits_through_kills_with_other_devices_each_time(
    tmp_path, start
):
    long = {"shards": 4, "threads": 2, "train_for": "5ep", "checkpoint_every": "3"}
    (tmp_path / "other").mkdir()
    expected = small(tmp_path / "other", **long)
    assert start(expected).returncode == 0
    generator, kills, turn, code = np.random.default_rng(5), [0, 0, 0, 0], 0, -1
    while code:
        place = turn % len(PLACES)
        config = small(tmp_path, **long, steps_per_call=1, **PLACES[place])
        # A call of the loop is a step.
        killed = signal.SIGKILL, 1, "train", int(generator.integers(5, 14))
        if PLACES[place]["strategy"] == "multi_worker":
            code, other = start_two(config, *killed)
            assert other in (0, 75)
        else:
            code = start(config, *killed).returncode
        assert code in (0, -signal.SIGKILL)
        kills[place] += code != 0
        turn += 1
    print(f"kills with 1, 2, 4 devices and in two processes: {kills}")
    assert all(kills)
    assert_same_run(config, expected)
    assert verify(config.workdir, share=1.0).verdict == AGREES


@pytest.mark.extended
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_takes_no_more(tmp_path, uninterrupted, monkeypatch, code):
    config, write = small(tmp_path), archive.write

    def refused(path, step, values):
        if step >= 21:
            raise OSError(code, os.strerror(code))
        write(path, step, values)

    monkeypatch.setattr(archive, "write", refused)
    with pytest.raises(OSError, match=os.strerror(code)):
        run(config)
    monkeypatch.undo()
    saved = pathlib.Path(config.workdir).glob("checkpoints/*")
    assert max(path.name for path in saved) == "step-00000014.npz"
    run(config)
    assert_same_run(config, uninterrupted)


def test_a_stop_that_could_not_be_saved_is_a_failure(tmp_path, monkeypatch):
    def refused(path, step, values):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    interrupt(monkeypatch, TrainLoop, "measured_step", 1)
    monkeypatch.setattr(archive, "write", refused)
    with pytest.raises(OSError, match="No space left"):
        run(small(tmp_path))


@pytest.mark.extended
def test_a_process_without_room_ends_in_one_line(tmp_path):
    config = small(tmp_path, model="mlp(units=(4096,))")

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    program = [sys.executable, "-m", "benchmarks.faults.moments", *arguments(config)]
    done = subprocess.run(
        program, capture_output=True, text=True, cwd=ROOT, preexec_fn=limited
    )
    assert done.returncode == 1
    assert len(errors(done)) == 1
    assert "free some space, then rerun the same command to resume" in errors(done)[0]
    assert not list(pathlib.Path(config.workdir).glob("checkpoints/*"))


def on_tmpfs(folder, options, config):
    """Runs a process whose folder is a file system of its own, if one may be made."""
    flags = run_folder.flags.flagfile(config).splitlines()
    command = [sys.executable, "-m", "experiments.train", *flags]
    mount = f"mount -t tmpfs -o {options} none {folder}"
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    try:
        tried = subprocess.run([*alone, mount], capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if tried.returncode:
        pytest.skip("no file system may be mounted here")
    script = f'{mount} && "$@"; code=$?; ls -R {folder}; exit $code'
    return subprocess.run(
        [*alone, script, "sh", *command], capture_output=True, text=True, cwd=ROOT
    )


@pytest.mark.extended
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("size=1m", "free some space, then rerun the same command to resume"),
        ("ro", "cannot be written to: Read-only file system"),
    ],
)
def test_a_file_system_that_is_full_or_read_only(tmp_path, options, message):
    # Its weights take more than a mebibyte.
    done = on_tmpfs(tmp_path, options, small(tmp_path, model="mlp(units=(4096,))"))
    assert done.returncode == 1
    assert len(errors(done)) == 1
    assert message in errors(done)[0]
    assert ".npz" not in done.stdout


def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch):
    def refused(self, *args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(pathlib.Path, "mkdir", refused)
    with pytest.raises(RunError, match="cannot be written to: Read-only file system"):
        run(small(tmp_path))


@pytest.mark.extended
def test_a_truncated_checkpoint_is_passed_over(tmp_path, uninterrupted, caplog):
    config = small(tmp_path)
    run(config)
    latest = max(pathlib.Path(config.workdir).glob("checkpoints/*.npz"))
    os.truncate(latest, latest.stat().st_size // 2)
    run(config)
    assert f"{latest} cannot be read" in caplog.text
    assert_same_run(config, uninterrupted)


def test_a_second_run_in_the_folder_is_refused(tmp_path):
    config = small(tmp_path, train_for="1ep")
    run(config)
    with (
        run_folder.locked(pathlib.Path(config.workdir)),
        pytest.raises(UsageError, match="another process is running in workdir"),
    ):
        run(config)


@pytest.fixture
def photographs(tmp_path):
    """A folder of JPEG files of two classes."""
    generator = np.random.default_rng(0)
    for name, light in (("dark", 60), ("light", 200)):
        (tmp_path / "photographs" / name).mkdir(parents=True)
        for index in range(20):
            pixels = generator.normal(light, 30, (8, 8, 3)).clip(0, 255)
            path = tmp_path / "photographs" / name / f"{index:02}.jpg"
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    return tmp_path / "photographs"


@pytest.mark.extended
@pytest.mark.parametrize(
    "fault", ["corrupt", pytest.param("gone", marks=pytest.mark.slow)]
)
def test_a_file_that_goes_bad_in_the_middle_of_an_epoch(
    tmp_path, photographs, monkeypatch, fault
):
    config = small(
        tmp_path,
        dataset=f"folder({str(photographs)!r}, size=8)",
        input="stream",
        # A cache would have read the file before it goes bad.
        cache="off",
        batch_size=4,
        steps_per_call=1,
        checkpoint_every="3",
    )
    bad = photographs / "dark" / "07.jpg"
    whole, measured_step = bad.read_bytes(), TrainLoop.measured_step

    def spoil(self, step):
        if step > 10:
            bad.unlink(missing_ok=True)
            if fault == "corrupt":
                bad.write_bytes(whole[:100])
        return measured_step(self, step)

    monkeypatch.setattr(TrainLoop, "measured_step", spoil)
    with pytest.raises(RunError, match=r"07\.jpg (is not a complete|no longer exists)"):
        run(config)
    monkeypatch.undo()
    bad.write_bytes(whole)
    run(config)
    again = dataclasses.replace(config, workdir=str(tmp_path / "again"))
    run(again)
    assert_same_run(config, again)
