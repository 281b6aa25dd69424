"""Tests of framework/loop/train.py."""

import numpy as np
import pytest

from framework.errors import RunError
from framework.history import History
from framework.loop.plan import Plan
from framework.loop.train import metric_names, summaries, train
from framework.metrics import Predictions

NAMES = ("cat", "dog")


def predictions(right=2):
    labels = np.array([0, 1, 0, 1], np.int32)
    rank = (np.arange(4) >= right).astype(np.int32)
    predicted = np.where(rank == 0, labels, 1 - labels)
    return Predictions(labels, predicted, rank, np.full(4, 0.5), np.full(4, 0.7))


class Fakes:
    """All that `train` is given, writing down in one list what it is asked."""

    def __init__(self, folder, restored=0, loss=0.5, rights=()):
        self.events = []
        self.rewinds = set()
        self.noise = self
        self.restored = restored
        self.loss = loss
        self.rights = list(rights)
        self.history = History(folder / "metrics.jsonl")
        self.learning_rate = self
        self.rows = {}

    def train(self, **changes):
        intervals = {"log_every": 2, "evaluate_every": 4, "checkpoint_every": 4}
        plan = Plan(**({"total_steps": 8, "steps_per_epoch": 4} | intervals | changes))
        evaluations = {"train_clean": predictions, "validation": self.evaluate}
        train(self, self, evaluations, plan, self.history, self, self, NAMES)
        return [event for event in self.events if event[0] not in ("ran", "advanced")]

    # The compiled loop.
    def __call__(self, step, count):
        self.events.append(("ran", step, count))

    def probe(self, step):
        self.events.append(("ran", step, 1))
        return {"gradient_norm": 1.0}

    def window(self):
        return {"loss": self.loss}

    def take_window(self):
        return {"accuracy": 0.25, "loss": self.loss}

    def take_totals(self):
        return {"accuracy": 0.25, "loss": 0.5}

    def evaluate(self):
        self.events.append(("asked",))
        return predictions(self.rights.pop(0) if self.rights else 2)

    # The state, and its learning rate.
    def rate(self):
        return 0.1

    def state(self):
        return {"schedule/scale": 1.0}

    def estimate(self):
        return {"noise_scale": 40.0}

    def observe(self, step, metrics):
        self.events.append(("observed", metrics["validation/accuracy"]))
        return step in self.rewinds

    # The checkpoints.
    def restore(self):
        return self.restored

    def save(self, step):
        # A restart must find the evaluation in the history.
        evaluated = [event[1] for event in self.events if event[0] == "evaluated"]
        assert {row["step"] for row in self.history.rows} >= set(evaluated)
        self.events.append(("saved", step))

    def save_best(self, step):
        self.events.append(("saved best", step))

    def rewind(self, prefixes):
        assert not any("window/loss".startswith(prefix) for prefix in prefixes)
        self.events.append(("rewound",))

    # The report.
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

    def finished(self, step):
        self.events.append(("finished", step))


def test_everything_in_its_order(tmp_path):
    assert Fakes(tmp_path, rights=[1, 3]).train() == [
        ("started", 0),
        ("logged", 2),
        ("logged", 4),
        ("asked",),
        ("evaluated", 4),
        ("saved best", 4),
        ("observed", 0.25),
        ("saved", 4),
        ("logged", 6),
        ("logged", 8),
        ("asked",),
        ("evaluated", 8),
        ("saved best", 8),
        ("observed", 0.75),
        ("saved", 8),
        ("finished", 8),
    ]


def test_goes_back_to_the_best_before_it_saves(tmp_path):
    fakes = Fakes(tmp_path, rights=[3, 1])
    fakes.rewinds = {8}
    assert fakes.train()[-5:] == [
        ("evaluated", 8),
        ("observed", 0.25),
        ("rewound",),
        ("saved", 8),
        ("finished", 8),
    ]


def test_each_step_is_done_once_and_none_over_the_end_of_an_epoch(tmp_path):
    fakes = Fakes(tmp_path)
    fakes.train(total_steps=50, steps_per_epoch=7, log_every=20, evaluate_every=25)
    ran = [event[1:] for event in fakes.events if event[0] == "ran"]
    done = [step + index for step, count in ran for index in range(count)]
    assert done == list(range(50))
    assert all(step // 7 == (step + count - 1) // 7 for step, count in ran)
    # All of it is told, as it goes on.
    told = [event[1] for event in fakes.events if event[0] == "advanced"]
    assert told == sorted(set(told))
    assert told[-1] == 50


@pytest.mark.parametrize("most", [1, 3])
def test_no_call_is_longer_than_was_asked_for(tmp_path, most):
    fakes = Fakes(tmp_path)
    fakes.train(total_steps=40, steps_per_epoch=20, steps_per_call=most)
    assert max(event[2] for event in fakes.events if event[0] == "ran") <= most


def test_the_row_of_an_evaluation(tmp_path):
    fakes = Fakes(tmp_path)
    fakes.train(total_steps=6, steps_per_epoch=4, evaluate_every=6)
    (row,) = fakes.history.rows
    assert row["step"] == 6
    assert row["epoch"] == 1.5
    assert row["learning_rate"] == 0.1
    assert row["train/accuracy"] == 0.25
    assert row["validation/accuracy"] == 0.5
    assert row["train_clean/loss"] == pytest.approx(0.7)
    assert "validation/recall/dog" in row
    assert "train_clean/recall/dog" not in row


def test_a_line_of_the_log_has_norms_and_rates(tmp_path):
    fakes = Fakes(tmp_path)
    fakes.train()
    assert fakes.rows[2] == {
        "accuracy": 0.25,
        "loss": 0.5,
        "gradient_norm": 1.0,
        "noise_scale": 40.0,
        "learning_rate": 0.1,
        "schedule/scale": 1.0,
    }


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_run(tmp_path, loss):
    fakes = Fakes(tmp_path, loss=loss)
    with pytest.raises(
        RunError, match=f"loss became {loss} shortly before step 2; try"
    ):
        fakes.train()
    # Nothing of it is kept.
    assert not [e for e in fakes.events if e[0] in ("saved", "saved best", "logged")]
    assert not len(fakes.history)


def test_resuming_forgets_what_came_after(tmp_path):
    fakes = Fakes(tmp_path)
    fakes.train()
    again = Fakes(tmp_path, restored=4, rights=[4])
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
    Fakes(tmp_path).train()
    again = Fakes(tmp_path, restored=8)
    assert again.train() == [("started", 8), ("finished", 8)]
    assert len(again.history) == 2


def test_only_a_better_evaluation_is_the_best(tmp_path):
    fakes = Fakes(tmp_path, rights=[2, 1, 2, 3])
    events = fakes.train(total_steps=16, checkpoint_every=100)
    best = [event[1] for event in events if event[0] == "saved best"]
    assert best == [4, 16]


def test_early_stopping_saves_where_it_stops(tmp_path):
    fakes = Fakes(tmp_path, rights=[3, 2, 2, 2])
    events = fakes.train(total_steps=100, checkpoint_every=100, early_stopping=2)
    assert events[-2:] == [("saved", 12), ("finished", 12)]


def test_metric_names_are_those_of_an_evaluation(tmp_path):
    names = metric_names(NAMES, has_dev=False)
    found = summaries(
        {"train_clean": predictions(), "validation": predictions()}, NAMES
    )
    assert sorted(names) == sorted([*found, "train/accuracy", "train/loss"])
    assert len(names) == len(set(names))
    more = set(metric_names(NAMES, has_dev=True)) - set(names)
    assert more == {"train_dev/accuracy", "train_dev/loss"}
