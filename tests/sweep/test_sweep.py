"""Tests of framework/sweep/{sweep,study,trial,settings}.py, whose runs are fakes."""

import collections
import dataclasses
import json
from pathlib import Path

import pytest

from framework.config import Config
from framework.errors import RunError, Stopped, UsageError
from framework.loop.nonfinite import DivergedError
from framework.report.history import History
from framework.sweep import record, space, study, table
from framework.sweep.settings import Settings
from framework.sweep.sweep import sweep

optuna = pytest.importorskip("optuna")

MONITOR = "validation/accuracy"
TEXT = "learning_rate=log(1e-4, 1e-1), schedule=['constant', 'cosine']"


class Runs:
    """Trains in no time, with a curve that the config determines.

    Args:
        value: Returns the accuracy that a config reaches.
        evaluations: Of each run.
    """

    def __init__(self, value=lambda config: config.learning_rate, evaluations=10):
        self._value, self._evaluations = value, evaluations
        self.configs = []
        self.evaluated = collections.Counter()

    def __call__(self, config, reports):
        self.configs.append(config)
        folder = Path(config.workdir)
        folder.mkdir(parents=True, exist_ok=True)
        history = History(folder / "metrics.jsonl")
        for number in range(len(history) + 1, self._evaluations + 1):
            accuracy = self._value(config) * number / self._evaluations
            history.append(number, {MONITOR: accuracy})
            self.evaluated[folder.parent.name] += 1
            for report in reports:
                report.evaluated(number, {MONITOR: accuracy}, {})


def no_pause(seconds):
    raise AssertionError("waits")


def unmarked(folder, is_complete):
    pass


def swept(folder, train, text=TEXT, pause=no_pause, mark=unmarked, **changes):
    config = Config()
    settings = Settings(space.parse(text, config), 4, MONITOR, sampler="random")
    return sweep(
        folder,
        dataclasses.replace(settings, **changes),
        lambda values: dataclasses.replace(config, **values),
        {"batch_size": 32},
        train,
        pause=pause,
        mark=mark,
    )


def values(rows):
    return [dict(each.values) for each in rows]


@pytest.mark.parametrize("sampler", ["random", "tpe"])
@pytest.mark.parametrize("storage", ["", "sqlite:///{}/study.db"])
def test_each_trial_is_trained_with_each_seed(tmp_path, sampler, storage):
    train = Runs()
    rows = swept(
        tmp_path / "sweep",
        train,
        f"{TEXT}, seed=2",
        sampler=sampler,
        storage=storage.format(tmp_path),
    )
    assert [each.number for each in rows] == [0, 1, 2, 3]
    assert [(each.seed, each.learning_rate) for each in train.configs] == [
        (seed, row.values["learning_rate"]) for row in rows for seed in (0, 1)
    ]
    assert rows[2].metrics == (rows[2].values["learning_rate"],) * 2
    assert rows[2].folder == str(tmp_path / "sweep" / "trial-0002")
    content = (tmp_path / "sweep" / record.TABLE).read_text()
    assert content == table.as_csv(rows, MONITOR)
    # The same command again has the result at once.
    assert (
        swept(
            tmp_path / "sweep",
            None,
            f"{TEXT}, seed=2",
            sampler=sampler,
            storage=storage.format(tmp_path),
        )
        == rows
    )


def test_more_trials_go_on_where_the_sweep_ended(tmp_path):
    first = swept(tmp_path, Runs())
    again = swept(tmp_path, Runs(), trials=6)
    assert again[:4] == first
    assert len(again) == 6
    assert len(swept(tmp_path, None, trials=2)) == 6


def test_a_grid_has_each_point_once_also_after_a_stop(tmp_path):
    text = "learning_rate=log(1e-3, 1e-1, points=3), schedule=['constant', 'cosine']"
    points = space.parse(text, Config()).grid()

    def stop(config, reports):
        raise Stopped("stopped")

    with pytest.raises(Stopped):
        swept(tmp_path, stop, text, sampler="grid", trials=6)
    rows = swept(tmp_path, Runs(), text, sampler="grid", trials=6)
    assert values(rows) == points


def test_a_trial_that_a_process_has_left_is_resumed_and_counted_once(tmp_path):
    train = Runs()

    def killed(config, reports):
        if len(train.configs) == 2:
            # Its run is left unfinished.
            Runs(evaluations=3)(config, reports)
            raise Stopped("killed")
        train(config, reports)

    with pytest.raises(Stopped):
        swept(tmp_path, killed)
    rows = swept(tmp_path, train)
    assert [each.number for each in rows] == [0, 1, 2, 3]
    assert train.evaluated["trial-0002"] == 7
    assert values(rows) == values(swept(tmp_path / "other", Runs()))


def test_a_trial_that_kills_its_processes_fails_and_the_others_go_on(tmp_path):
    train = Runs()

    def killing(config, reports):
        # As three processes that were killed at its first evaluation.
        place = Path(config.workdir).parent / "attempts.json"
        place.write_text('{"attempts": 3, "progress": 0}')
        place.rename(place.with_name("kept.json"))
        raise Stopped("killed")

    with pytest.raises(Stopped):
        swept(tmp_path, killing)
    (kept,) = tmp_path.rglob("kept.json")
    kept.rename(kept.with_name("attempts.json"))
    rows = swept(tmp_path, train)
    assert [each.state for each in rows] == [table.FAILED, *[table.COMPLETE] * 3]
    assert "3 processes have ended while training it" in rows[0].problem
    assert "trial-0000" not in train.evaluated


def test_several_processes_share_the_trials(tmp_path):
    # While the first trains its first trial, another process comes, and trains all
    # that the first does not hold; then it waits for the first.
    outer, inner = Runs(), Runs()

    class Waits(Exception):  # noqa: N818
        pass

    def wait(seconds):
        raise Waits

    def busy(config, reports):
        if not outer.configs:
            with pytest.raises(Waits):
                swept(tmp_path, inner, pause=wait)
        outer(config, reports)

    rows = swept(tmp_path, busy)
    assert len(outer.configs) == 1
    assert len(inner.configs) == 3
    assert [each.state for each in rows] == [table.COMPLETE] * 4
    # What a trial draws does not depend on the process.
    assert values(rows) == values(swept(tmp_path / "other", Runs()))


def test_halving_stops_the_worse_trials_early(tmp_path):
    train = Runs()
    text = "learning_rate=[.1, .01, .001, .2], seed=2"
    rows = swept(tmp_path, train, text, sampler="grid", pruner="halving")
    assert [each.state for each in rows] == ["complete", "pruned", "pruned", "complete"]
    # Two evaluations with the first seed, and none with the second.
    assert train.evaluated["trial-0001"] == train.evaluated["trial-0002"] == 2
    assert train.evaluated["trial-0003"] == 20
    assert rows[1].metrics == (pytest.approx(0.002),)


@pytest.mark.parametrize("killed_at", [None, 1, 2])
def test_all_runs_of_a_finished_trial_are_marked_also_after_a_kill(tmp_path, killed_at):
    marks = {}

    def mark(folder, is_complete):
        if len(marks) == killed_at:
            raise Stopped("killed")
        marks[folder.relative_to(tmp_path).as_posix()] = is_complete

    text = "learning_rate=[.1, .01], seed=2"
    options = {"sampler": "grid", "pruner": "halving", "trials": 2}
    if killed_at is not None:
        with pytest.raises(Stopped):
            swept(tmp_path, Runs(), text, mark=mark, **options)
        killed_at = None
    rows = swept(tmp_path, Runs(), text, mark=mark, **options)
    assert marks == {
        "trial-0000/seed-0": True,
        "trial-0000/seed-1": True,
        "trial-0001/seed-0": False,
    }
    assert record.outcomes(tmp_path) == {row.number: row.state for row in rows}


NOISE = (0.05, -0.02, 0.01, -0.04, 0.03, 0.02)


def noisy(config):
    """Returns an accuracy that varies with the seed, for all configs alike."""
    return 0.5 + config.learning_rate + NOISE[config.seed]


def test_a_trial_that_is_worse_over_seeds_than_the_best_is_stopped_early(tmp_path):
    train = Runs(noisy)
    text = "learning_rate=[.2, .1, .3, .201], seed=6"
    rows = swept(tmp_path, train, text, sampler="grid", pruner="wilcoxon")
    assert [each.state for each in rows] == [
        table.COMPLETE,
        table.PRUNED,
        table.COMPLETE,
        table.PRUNED,
    ]
    # The least p of four pairs is 1/16, and of three 1/8.
    assert [len(each.metrics) for each in rows] == [6, 4, 6, 4]
    assert rows[1].metrics == tuple(map(pytest.approx, (0.65, 0.58, 0.61, 0.56)))
    assert table.ranked(rows, MONITOR)[0].number == 2
    assert swept(tmp_path, None, text, sampler="grid", pruner="wilcoxon") == rows


def test_a_trial_that_is_worse_with_some_seeds_only_is_not_stopped(tmp_path):
    def value(config):
        sign = -1 if config.seed % 2 else 1
        return 0.5 + NOISE[config.seed] + sign * config.learning_rate

    text = "learning_rate=[.001, .1], seed=6"
    rows = swept(
        tmp_path, Runs(value), text, sampler="grid", pruner="wilcoxon", trials=2
    )
    assert [each.state for each in rows] == [table.COMPLETE] * 2


def test_a_higher_loss_is_worse_over_seeds(tmp_path):
    class Losses(Runs):
        def __call__(self, config, reports):
            folder = Path(config.workdir)
            folder.mkdir(parents=True)
            loss = noisy(config)
            History(folder / "metrics.jsonl").append(1, {"validation/loss": loss})

    rows = swept(
        tmp_path,
        Losses(),
        "learning_rate=[.2, .3, .1], seed=5",
        sampler="grid",
        pruner="wilcoxon",
        monitor="validation/loss",
        trials=3,
    )
    assert [len(each.metrics) for each in rows] == [5, 4, 5]


@pytest.mark.parametrize("pruner", ["halving", "wilcoxon"])
def test_a_pruned_trial_stays_so_if_its_process_ends_before_this_is_told(
    tmp_path, monkeypatch, pruner
):
    arguments = {"text": "learning_rate=[.2, .1], seed=5", "sampler": "grid"}
    expected = swept(
        tmp_path / "other", Runs(noisy), pruner=pruner, trials=2, **arguments
    )
    tell = study.Study.tell

    def killed(self, claim, outcome):
        if outcome.is_pruned:
            raise Stopped("killed")
        tell(self, claim, outcome)

    monkeypatch.setattr(study.Study, "tell", killed)
    train = Runs(noisy)
    with pytest.raises(Stopped):
        swept(tmp_path / "sweep", train, pruner=pruner, trials=2, **arguments)
    monkeypatch.undo()
    before = dict(train.evaluated)
    rows = swept(tmp_path / "sweep", train, pruner=pruner, trials=2, **arguments)
    assert train.evaluated == before
    assert [each.state for each in rows] == [table.COMPLETE, table.PRUNED]
    assert [each.metrics for each in rows] == [each.metrics for each in expected]


def test_a_test_over_too_few_seeds_is_an_error_of_usage(tmp_path):
    with pytest.raises(UsageError, match="needs seed=5 or more, not seed=4"):
        swept(tmp_path, None, f"{TEXT}, seed=4", pruner="wilcoxon")


def test_a_trial_without_a_finite_value_fails_with_its_first_seed(tmp_path):
    train = Runs(lambda config: float("nan"))
    rows = swept(tmp_path, train, "ema=[.9], seed=3", sampler="grid", trials=1)
    assert rows[0].problem == "validation/accuracy is nan"
    assert len(train.configs) == 1


def test_a_loss_is_minimized(tmp_path):
    def train(config, reports):
        Path(config.workdir).mkdir(parents=True)
        loss = config.learning_rate
        history = History(Path(config.workdir) / "metrics.jsonl")
        for step in (1, 2, 3):
            history.append(step, {"validation/loss": loss})
            for report in reports:
                report.evaluated(step, {"validation/loss": loss}, {})

    rows = swept(
        tmp_path,
        train,
        "learning_rate=[.1, .2, .05]",
        sampler="grid",
        pruner="halving",
        monitor="validation/loss",
        trials=3,
    )
    assert [each.state for each in rows] == ["complete", "pruned", "complete"]


@pytest.mark.parametrize("problem", [DivergedError, UsageError])
def test_values_that_cannot_be_trained_with_fail_and_the_others_go_on(
    tmp_path, problem
):
    def train(config, reports):
        if config.schedule == "cosine":
            raise problem("the first line\nthe second")
        Runs()(config, reports)

    text = "schedule=['constant', 'cosine']"
    rows = swept(tmp_path, train, text, sampler="grid", trials=2)
    assert [each.state for each in rows] == [table.COMPLETE, table.FAILED]
    assert rows[1].problem == "the first line"


def test_combinations_that_no_config_has_fail(tmp_path):
    text = "batch_size=[32, 33], accumulate=[1, 2]"
    rows = swept(tmp_path, Runs(), text, sampler="grid")
    problems = [each.problem for each in rows]
    assert problems[:3] == [""] * 3
    assert problems[3].startswith("--accumulate must be a divisor")
    assert rows[3].state == table.FAILED


def test_other_failures_end_the_process_and_leave_the_trial_free(tmp_path):
    def train(config, reports):
        raise RunError("the disk is full")

    with pytest.raises(RunError, match="the disk is full"):
        swept(tmp_path, train)
    assert [each.number for each in swept(tmp_path, Runs())] == [0, 1, 2, 3]


def test_another_space_is_refused_with_the_difference(tmp_path):
    swept(tmp_path, Runs())
    with pytest.raises(UsageError, match="another sweep") as error:
        swept(tmp_path, None, TEXT.replace("1e-4", "1e-5"))
    assert "learning_rate: log(0.0001, 0.1) -> log(1e-05, 0.1)" in str(error.value)


def test_an_incomplete_line_of_the_journal_is_removed(tmp_path):
    swept(tmp_path, Runs())
    journal = tmp_path / record.JOURNAL
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":')
    rows = swept(tmp_path, Runs(), trials=5)
    assert [each.number for each in rows] == [0, 1, 2, 3, 4]
    assert journal.read_bytes().startswith(whole)
    assert all(map(json.loads, journal.read_bytes().splitlines()))


def test_a_database_that_cannot_be_opened_is_an_error_of_usage(tmp_path):
    with pytest.raises(UsageError, match="--storage cannot be opened"):
        swept(tmp_path, None, storage="nonsense")
