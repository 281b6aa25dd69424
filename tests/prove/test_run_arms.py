"""Tests of framework/prove/run_arms.py."""

import dataclasses
import json

import numpy as np
import pytest

from framework.config import Config
from framework.data import fingerprint
from framework.data.arrays import digits
from framework.data.hold_out import hold_out_test
from framework.diagnose.core.intervention import Intervention
from framework.errors import Stopped, UsageError
from framework.launch import run as run_lib
from framework.launch import run_folder
from framework.launch.given import Given
from framework.loop.checkpoint import Checkpoints
from framework.prove import plan as plan_lib
from framework.prove import run_arms
from framework.prove.plan import Judge
from framework.prove.run_arms import Arms

CONFIG = Config(
    model="mlp(units=(16,))",
    test="20%",
    batch_size=128,
    train_for="3ep",
    learning_rate=1e-5,
)
RUNS = [("remedy", 1), ("unchanged", 1)]


def arms_in(folder, told=None, is_given=False, config=CONFIG, **remedy):
    dataset = hold_out_test(digits(), CONFIG.test)
    splits = {
        "train": dataset.train,
        "validation": dataset.validation,
        "test": dataset.test,
    }
    data = {name: fingerprint.describe(split, 10) for name, split in splits.items()}
    change = Intervention(**(remedy or {"constant_learning_rate": 0.003}))
    judge = Judge(plan_lib.TEST, "accuracy", data)
    plan = plan_lib.make(config, {"remedy": change}, judge)
    ticks = iter(range(1_000))
    config = dataclasses.replace(config, test="") if is_given else config
    progress = (told if told is not None else []).append
    given = Given(dataset=dataset if is_given else None)
    return Arms(plan, config, dataset, given, folder, progress, lambda: next(ticks))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proof")
    told = []
    arms_in(folder, told).train(RUNS)
    return folder, told


@pytest.mark.extended
def test_each_arm_is_an_ordinary_run_with_its_changes(trained):
    folder, _ = trained
    remedied, unchanged = (
        run_folder.read_config(folder / f"{arm}-{seed}") for arm, seed in RUNS
    )
    assert CONFIG.difference(remedied) == {
        "learning_rate": (1e-5, 0.003),
        "seed": (0, 1),
        "evaluate_every": ("1ep", "100%"),
    }
    assert set(CONFIG.difference(unchanged)) == {"seed", "evaluate_every"}
    # The command that is printed for it resumes it: nothing is left to do.
    result = run_lib.run(remedied, quiet=True)
    assert result.history.last_step == arms_in(folder).outcome(*RUNS[0]).step


@pytest.mark.extended
def test_fewer_evaluations_change_no_numbers(trained, tmp_path):
    arms = arms_in(tmp_path)
    arms._plan = dataclasses.replace(arms._plan, evaluate_every="")
    arms.train(RUNS[:1])
    every, once = arms.outcome(*RUNS[0]), arms_in(trained[0]).outcome(*RUNS[0])
    assert np.array_equal(every.values, once.values)
    assert every.validation == once.validation
    rows = [
        len((folder / "remedy-1" / "metrics.jsonl").read_text().splitlines())
        for folder in (tmp_path, trained[0])
    ]
    assert rows == [3, 1]


@pytest.mark.extended
def test_the_values_are_those_of_the_test_part(trained):
    from framework.launch.evaluation import evaluate

    folder, _ = trained
    outcome = arms_in(folder).outcome(*RUNS[0])
    wanted = evaluate(str(folder / "remedy-1"), "test", "last")
    assert len(outcome.values) == wanted.images
    assert outcome.values.mean() == pytest.approx(wanted.accuracy.value)
    assert outcome.values.mean() > 0.6 > arms_in(folder).outcome(*RUNS[1]).values.mean()
    assert 0 < outcome.validation <= 1


def test_progress_has_speed_and_rest(trained):
    assert trained[1] == [
        "remedy, seed 1: run 1 of 2 to the next look",
        "unchanged, seed 1: run 2 of 2 to the next look; 1.0 s a run, about 1 s left",
    ]


def test_a_finished_arm_is_not_trained_again(trained, monkeypatch):
    monkeypatch.setattr(run_lib, "run", pytest.fail)
    told = []
    arms_in(trained[0], told).train(RUNS)
    assert told == []


@pytest.mark.extended
def test_a_stopped_arm_resumes_to_the_same_numbers(trained, tmp_path, monkeypatch):
    """Stopped after its second epoch, at a checkpoint."""
    whole, save = trained[0] / "remedy-1", Checkpoints.save

    def save_and_stop(self, step, *arguments, **named):
        save(self, step, *arguments, **named)
        if step == 18:
            raise Stopped("stopped by SIGTERM; rerun the same command")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_and_stop)
        with pytest.raises(Stopped):
            arms_in(tmp_path).train(RUNS[:1])
    assert not (tmp_path / "remedy-1" / "judged").exists()
    arms_in(tmp_path).train(RUNS[:1])
    for name in ("metrics.jsonl", "config.json"):
        actual = (tmp_path / "remedy-1" / name).read_text()
        assert actual.replace(str(tmp_path), str(trained[0])) == (
            (whole / name).read_text()
        )
    np.testing.assert_array_equal(
        arms_in(tmp_path).outcome(*RUNS[0]).values,
        arms_in(trained[0]).outcome(*RUNS[0]).values,
    )


def test_a_folder_with_another_run_is_refused(trained, tmp_path):
    arms = arms_in(trained[0], constant_learning_rate=0.01)
    with pytest.raises(UsageError, match=r"remedy-1 is not that of plan.json: learn"):
        arms.train(RUNS)


def test_other_data_are_refused(trained):
    arms = arms_in(trained[0])
    arms._plan.data["test"]["digest"] = "another"
    with pytest.raises(UsageError, match=r"not that of plan.json: the data differ"):
        arms.train(RUNS)


def test_an_average_of_the_weights_is_judged_where_it_is_evaluated(tmp_path):
    config = dataclasses.replace(CONFIG, learning_rate=0.003, ema=0.9, train_for="1ep")
    arms = arms_in(tmp_path, config=config, clip_norm=1.0)
    arms.train(RUNS[1:])
    from framework.launch.evaluation import evaluate

    wanted = evaluate(str(tmp_path / "unchanged-1"), "test", "last").accuracy.value
    assert arms.outcome(*RUNS[1]).values.mean() == pytest.approx(wanted)


def test_a_data_set_can_be_given(tmp_path):
    told = []
    arms = arms_in(tmp_path, told, is_given=True)
    arms.train(RUNS[1:])
    fields = json.loads((tmp_path / "unchanged-1" / "config.json").read_text())
    assert fields["dataset"].startswith("given(")
    # It is not trained again.
    arms_in(tmp_path, told, is_given=True).train(RUNS[1:])
    assert len(told) == 1
    assert len(arms.outcome(*RUNS[1]).values) == len(arms._dataset.test)


def test_an_arm_that_diverges_is_right_about_nothing(tmp_path, monkeypatch):
    arms = arms_in(tmp_path, learning_rate_factor=1e35)
    arms.train(RUNS[:1])
    outcome = arms.outcome(*RUNS[0])
    assert outcome.has_diverged
    assert outcome.values.sum() == outcome.validation == 0
    # Nor is it trained again.
    monkeypatch.setattr(run_arms.run_lib, "run", pytest.fail)
    arms_in(tmp_path, learning_rate_factor=1e35).train(RUNS[:1])


class Process(Arms):
    """A process that shares arms, which take no time.

    Args:
        folder: Of the arms.
        done: The arms that are judged; all processes share it.
        during: Called while an arm is trained.
        pause: Called when all arms that are left are held.
    """

    def __init__(self, folder, done, during=lambda: None, pause=pytest.fail):
        super().__init__(None, CONFIG, None, False, folder, lambda line: None)
        self._done, self._during, self._pause = done, during, pause
        self.trained = []

    def _is_done(self, arm, seed):
        return (arm, seed) in self._done

    def _run(self, arm, seed):
        self.trained.append((arm, seed))
        self._during()
        self._done.add((arm, seed))


ALL = [(arm, seed) for seed in (1, 2, 3) for arm in ("remedy", "unchanged")]


def test_processes_share_arms_and_each_waits_for_the_last(tmp_path):
    done, waited = set(), []

    class Waits(Exception):  # noqa: N818
        pass

    def wait(seconds):
        waited.append(seconds)
        raise Waits

    second = Process(tmp_path, done, pause=wait)

    def during():
        # While the first trains its first arm, the second comes.
        if not second.trained:
            with pytest.raises(Waits):
                second.train(ALL)

    first = Process(tmp_path, done, during)
    first.train(ALL)
    assert first.trained == ALL[:1]
    assert second.trained == ALL[1:]
    assert len(waited) == 1
    assert done == set(ALL)


def test_the_arm_of_a_process_that_has_stopped_is_taken_up(tmp_path):
    done = set()

    def stop():
        raise Stopped("stopped")

    with pytest.raises(Stopped):
        Process(tmp_path, done, stop).train(ALL)
    again = Process(tmp_path, done)
    again.train(ALL)
    assert again.trained == ALL
