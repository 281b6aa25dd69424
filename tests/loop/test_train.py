"""Tests of framework/loop/train.py."""

import signal

import numpy as np
import pytest

from framework.errors import Stopped
from framework.loop.evaluate import Evaluations
from framework.loop.nonfinite import NonFiniteError
from framework.loop.plan import Plan
from framework.loop.stop import Stop
from framework.loop.train import train
from framework.numerics.metrics import Predictions
from framework.report.history import History

NAMES = ("cat", "dog")


def predictions(right=2):
    labels = np.array([0, 1, 0, 1], np.int32)
    rank = (np.arange(4) >= right).astype(np.int32)
    predicted = np.where(rank == 0, labels, 1 - labels)
    return Predictions(labels, predicted, rank, np.full(4, 0.5), np.full(4, 0.7))


class Number:
    """A variable."""

    def __init__(self, value=0):
        self.value = value

    def numpy(self):
        return self.value

    def assign(self, value):
        self.value = value


class FakeLoop:
    """The compiled loop: records its calls, and lets signals arrive in them."""

    def __init__(self, events, signals, bad):
        self.events, self.signals, self.bad = events, signals, bad

    def __call__(self, step, count):
        self.events.append(("ran", step, count))
        for done in range(step + 1, step + count + 1):
            self.signals.arrive(done)

    def common_count(self, count):
        return count

    def measured_step(self, step):
        self(step, 1)
        return {"gradient_norm": 1.0}

    def is_finite(self):
        trained = max(event[1] for event in self.events if event[0] == "advanced")
        return trained not in self.bad

    def take_window(self):
        return {"accuracy": 0.25, "loss": 0.5}

    def take_totals(self):
        return {"accuracy": 0.25, "loss": 0.5}


class FakeLearningRate:
    """A schedule whose controller asks to go back to the best at some steps."""

    def __init__(self, events, signals):
        self.events, self.signals = events, signals
        self.resets = set()

    def log_values(self):
        return {"schedule/scale": 1.0}

    def scale(self):
        return 1.0

    def observe(self, step, metrics):
        self.events.append(("observed", metrics["validation/accuracy"]))
        self.signals.arrive("observed")
        return step in self.resets


class FakeNoise:
    """The estimate of the gradient's noise."""

    def estimate(self):
        return {"noise_scale": 40.0}


class FakeState:
    """What training changes."""

    def __init__(self, learning_rate, pending):
        names = ("in_a_row", "skipped", "rollbacks")
        self.nonfinite = {name: Number() for name in names}
        self.totals = {"examples": Number(int(pending))}
        self.learning_rate = learning_rate
        self.noise = FakeNoise()

    def rate(self):
        return 0.1


class FakeCheckpoints:
    """Records what is saved, and checks that the history has its evaluations."""

    def __init__(self, events, history, restored):
        self.events, self.history = events, history
        self.restored = self.last_saved = restored
        self.keeps_earlier = []

    def restore(self, rolls_back_to):
        while not rolls_back_to(self.last_saved):
            self.last_saved -= 1
        return self.restored

    def save(self, step, ranked, extra, keeps_earlier):
        self.keeps_earlier.append((step, keeps_earlier))
        assert list(ranked) == self.history.ranked("validation/accuracy")
        self.history.check_against(extra)
        self.last_saved = step
        # A restart must find the evaluation in the history.
        evaluated = [event[1] for event in self.events if event[0] == "evaluated"]
        assert {row["step"] for row in self.history.rows} >= set(evaluated)
        self.events.append(("saved", step))

    def save_best(self, step, ranked):
        if step == ranked[0]:
            self.events.append(("saved best", step))

    def raise_failure(self):
        pass

    def wait(self):
        self.events.append(("waited",))

    def roll_back(self):
        self.events.append(("went back", self.last_saved))
        return self.last_saved

    def restore_best(self, prefixes, ranked):
        assert ranked
        assert not any("window/loss".startswith(prefix) for prefix in prefixes)
        self.events.append(("restored best",))


class FakeReport:
    """Records the events, and the rows of the log by step."""

    def __init__(self, events):
        self.events = events
        self.rows = {}

    def started(self, step):
        self.events.append(("started", step))

    def advanced(self, step, seconds):
        assert seconds >= 0
        self.events.append(("advanced", step))

    def logged(self, step, metrics):
        self.events.append(("logged", step))
        self.rows[step] = metrics

    def evaluated(self, step, metrics, predictions):
        assert set(predictions) == {"train_clean", "validation"}
        self.events.append(("evaluated", step))

    def spent(self, what, seconds):
        assert what in ("evaluation", "checkpoint")
        assert seconds >= 0

    def finished(self, step):
        self.events.append(("finished", step))


class Signals:
    """Sends a signal at some moments: after a step, "evaluating", or "observed"."""

    def __init__(self):
        self.moments = set()
        self.stop = Stop()
        self.stop.defer()

    def arrive(self, moment):
        if moment in self.moments:
            self.moments.remove(moment)
            self.stop.receive(signal.SIGTERM)


class Harness:
    """A training of fakes, which record their calls in one list."""

    def __init__(self, folder, restored=0, bad=(), rights=(), pending=False):
        self.events = []
        self.signals = Signals()
        self.history = History(folder / "metrics.jsonl")
        self.rights = list(rights)
        self.loop = FakeLoop(self.events, self.signals, set(bad))
        self.learning_rate = FakeLearningRate(self.events, self.signals)
        self.state = FakeState(self.learning_rate, pending)
        self.checkpoints = FakeCheckpoints(self.events, self.history, restored)
        self.report = FakeReport(self.events)

    def train(self, **changes):
        intervals = {"log_every": 2, "evaluate_every": 4, "checkpoint_every": 4}
        plan = Plan(**({"total_steps": 8, "steps_per_epoch": 4} | intervals | changes))
        calls = {
            "train_clean": lambda check: predictions(),
            "validation": self.evaluate,
        }
        train(
            self.state,
            self.loop,
            Evaluations(calls, NAMES),
            plan,
            self.history,
            self.checkpoints,
            self.report,
            self.signals.stop,
        )
        return [event for event in self.events if event[0] not in ("ran", "advanced")]

    def evaluate(self, check):
        self.signals.arrive("evaluating")
        check()
        self.events.append(("evaluating",))
        return predictions(self.rights.pop(0) if self.rights else 2)


def test_everything_in_its_order(tmp_path):
    assert Harness(tmp_path, rights=[1, 3]).train() == [
        ("started", 0),
        ("logged", 2),
        ("logged", 4),
        ("evaluating",),
        ("evaluated", 4),
        ("saved best", 4),
        ("observed", 0.25),
        ("saved", 4),
        ("logged", 6),
        ("logged", 8),
        ("evaluating",),
        ("evaluated", 8),
        ("saved best", 8),
        ("observed", 0.75),
        ("saved", 8),
        ("waited",),
        ("finished", 8),
    ]


def test_goes_back_to_the_best_before_it_saves(tmp_path):
    harness = Harness(tmp_path, rights=[3, 1])
    harness.learning_rate.resets = {8}
    assert harness.train()[-6:] == [
        ("evaluated", 8),
        ("observed", 0.25),
        ("restored best",),
        ("saved", 8),
        ("waited",),
        ("finished", 8),
    ]


def test_each_step_is_done_once_and_none_over_the_end_of_an_epoch(tmp_path):
    harness = Harness(tmp_path)
    harness.train(total_steps=50, steps_per_epoch=7, log_every=20, evaluate_every=25)
    ran = [event[1:] for event in harness.events if event[0] == "ran"]
    done = [step + index for step, count in ran for index in range(count)]
    assert done == list(range(50))
    assert all(step // 7 == (step + count - 1) // 7 for step, count in ran)
    # All calls are reported in order.
    messages = [event[1] for event in harness.events if event[0] == "advanced"]
    assert messages == sorted(set(messages))
    assert messages[-1] == 50


@pytest.mark.parametrize("most", [1, 3])
def test_no_call_is_longer_than_was_asked_for(tmp_path, most):
    harness = Harness(tmp_path)
    harness.train(total_steps=40, steps_per_epoch=20, steps_per_call=most)
    assert max(event[2] for event in harness.events if event[0] == "ran") <= most


def test_the_row_of_an_evaluation(tmp_path):
    harness = Harness(tmp_path)
    harness.train(total_steps=6, steps_per_epoch=4, evaluate_every=6)
    (row,) = harness.history.rows
    assert row["step"] == 6
    assert row["epoch"] == 1.5
    assert row["learning_rate"] == 0.1
    assert row["train/accuracy"] == 0.25
    assert row["validation/accuracy"] == 0.5
    assert row["train_clean/loss"] == pytest.approx(0.7)
    assert "validation/recall/dog" in row
    assert "train_clean/recall/dog" not in row


def test_a_line_of_the_log_has_norms_and_rates(tmp_path):
    harness = Harness(tmp_path)
    harness.train()
    assert harness.report.rows[2] == {
        "accuracy": 0.25,
        "loss": 0.5,
        "gradient_norm": 1.0,
        "noise_scale": 40.0,
        "learning_rate": 0.1,
        "schedule/scale": 1.0,
    }


def test_numbers_that_are_not_finite_end_the_run(tmp_path):
    harness = Harness(tmp_path, bad=[2])
    with pytest.raises(NonFiniteError, match="not finite after step 2; try"):
        harness.train()
    # No result of it is saved.
    assert not [e for e in harness.events if e[0] in ("saved", "saved best", "logged")]
    assert not len(harness.history)


def test_goes_back_to_the_last_checkpoint_so_often(tmp_path):
    harness = Harness(tmp_path, bad=[6, 12, 14])
    with pytest.raises(NonFiniteError, match="after step 14"):
        harness.train(total_steps=16, rollbacks=2)
    backs = [event[1] for event in harness.events if event[0] == "went back"]
    assert backs == [4, 8]
    # The checkpoint of step 12 has good weights.
    assert ("saved", 12) in harness.events


def test_goes_back_only_where_an_uninterrupted_run_would(tmp_path):
    harness = Harness(tmp_path, bad=[9])
    harness.signals.moments = {9}
    with pytest.raises(Stopped):
        harness.train(total_steps=16, rollbacks=2, steps_per_call=1)
    assert not [event for event in harness.events if event[0] == "went back"]
    assert harness.checkpoints.last_saved == 8


def test_goes_back_to_no_checkpoint_that_a_signal_has_caused(tmp_path):
    harness = Harness(tmp_path)
    harness.signals.moments = {6}
    with pytest.raises(Stopped):
        harness.train(total_steps=16, rollbacks=2, steps_per_call=1)
    assert harness.checkpoints.keeps_earlier == [(4, False), (6, True)]
    resumed = Harness(tmp_path, restored=6, bad=[8])
    resumed.train(total_steps=16, rollbacks=2)
    assert ("went back", 4) in resumed.events


@pytest.mark.parametrize("at", [1, 2, 3, 4, 7])
def test_a_signal_saves_and_leaves_after_the_call(tmp_path, at):
    harness = Harness(tmp_path)
    harness.signals.moments = {at}
    with pytest.raises(Stopped, match="stopped by SIGTERM; rerun the same command"):
        harness.train(steps_per_call=1)
    assert harness.events[-2:] == [("saved", at), ("waited",)]
    # An evaluation takes too long.
    assert list(harness.history["step"]) == ([4] if at > 4 else [])


def test_a_signal_at_the_end_changes_nothing(tmp_path):
    harness = Harness(tmp_path)
    harness.signals.moments = {"observed"}
    assert harness.train(total_steps=4)[-1] == ("finished", 4)


def test_a_signal_before_training_leaves_at_once(tmp_path):
    harness = Harness(tmp_path, restored=4)
    harness.signals.stop.receive(signal.SIGUSR1)
    with pytest.raises(Stopped, match="SIGUSR1"):
        harness.train()
    assert harness.events == [("started", 4)]


@pytest.mark.parametrize("step", [4, 8])
def test_an_evaluation_that_was_broken_off_is_made_up_for(tmp_path, step):
    for name in ("uninterrupted", "broken"):
        (tmp_path / name).mkdir()
    uninterrupted = Harness(tmp_path / "uninterrupted")
    uninterrupted.train()
    harness = Harness(tmp_path / "broken")
    if step == 8:
        harness.train(total_steps=4)
    harness = Harness(tmp_path / "broken", restored=0 if step == 4 else 4)
    harness.signals.moments = {"evaluating"}
    with pytest.raises(Stopped):
        harness.train()
    assert harness.events[-2:] == [("saved", step), ("waited",)]
    again = Harness(tmp_path / "broken", restored=step)
    events = again.train()
    assert events[:4] == [
        ("started", step),
        ("evaluating",),
        ("evaluated", step),
        ("saved best", 4) if step == 4 else ("observed", 0.5),
    ]
    assert again.history.rows == uninterrupted.history.rows


def test_a_rerun_evaluation_whose_process_was_killed_is_rerun_once_more(tmp_path):
    harness = Harness(tmp_path)
    harness.train()
    rows = list(harness.history.rows)
    # The history has step 4, but its checkpoint precedes the evaluation.
    again = Harness(tmp_path, restored=4, pending=True)
    events = again.train()
    assert events[:3] == [("started", 4), ("evaluating",), ("evaluated", 4)]
    assert again.history.rows == rows


@pytest.mark.parametrize(("in_a_row", "ends"), [(0, False), (19, False), (20, True)])
def test_skipped_updates_are_told_until_there_are_too_many(tmp_path, in_a_row, ends):
    harness = Harness(tmp_path)
    harness.state.nonfinite["skipped"].value = 30
    harness.state.nonfinite["in_a_row"].value = in_a_row
    if ends:
        with pytest.raises(NonFiniteError):
            harness.train()
    else:
        harness.train()
        assert harness.report.rows[2]["skipped_steps"] == 30


def test_resuming_forgets_what_came_after(tmp_path):
    harness = Harness(tmp_path)
    harness.train()
    again = Harness(tmp_path, restored=4, rights=[4])
    assert len(again.history) == 2
    events = again.train()
    assert events[0] == ("started", 4)
    assert [event for event in events if event[0] == "logged"] == [
        ("logged", 6),
        ("logged", 8),
    ]
    assert list(again.history["step"]) == [4, 8]
    assert list(again.history["validation/accuracy"]) == [0.5, 1.0]
    assert History(tmp_path / "metrics.jsonl").rows == again.history.rows


def test_a_finished_run_does_nothing_more(tmp_path):
    Harness(tmp_path).train()
    again = Harness(tmp_path, restored=8)
    assert again.train() == [("started", 8), ("waited",), ("finished", 8)]
    assert len(again.history) == 2


def test_only_a_better_evaluation_is_the_best(tmp_path):
    harness = Harness(tmp_path, rights=[2, 1, 2, 3])
    events = harness.train(total_steps=16, checkpoint_every=100)
    best = [event[1] for event in events if event[0] == "saved best"]
    assert best == [4, 16]


def test_early_stopping_saves_where_it_stops(tmp_path):
    harness = Harness(tmp_path, rights=[3, 2, 2, 2])
    events = harness.train(total_steps=100, checkpoint_every=100, early_stopping=2)
    assert events[-3:] == [("saved", 12), ("waited",), ("finished", 12)]


@pytest.mark.parametrize("at", [2, 4])
def test_ends_with_its_state_saved_when_it_is_asked_to(tmp_path, at):
    harness = Harness(tmp_path)
    harness.signals.stop.expect_asks()

    def ask(step, metrics, *predictions):
        if step == at:
            harness.signals.stop.ask("enough")

    harness.report.logged = ask
    events = harness.train()
    assert events[-3:] == [("saved", at), ("waited",), ("finished", at)]
    # Nothing is lost: another process continues.
    again = Harness(tmp_path, restored=at)
    assert again.train()[-1] == ("finished", 8)
