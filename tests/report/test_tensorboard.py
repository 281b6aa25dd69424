"""Tests of framework/report/tensorboard.py."""

import dataclasses
import time

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.backend.event_processing.plugin_event_accumulator import (
    EventAccumulator,
)
from tensorboard.compat.proto.event_pb2 import SessionLog
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.util import tensor_util

from framework.launch import run_folder
from framework.numerics.metrics import Predictions
from framework.report import tags, tensorboard
from framework.report.about import About
from framework.report.events import read_scalars
from framework.report.history import History
from framework.report.tensorboard import TensorBoard

CONFIG = {"learning_rate": 0.1, "augment": "", "model": "mlp", "seed": 0}
CHANGED = {"learning_rate": 0.1, "model": "mlp"}
NAMES = ("cat", "dog")
SPLITS = ("train", "train_clean", "train_dev", "validation")


def predictions():
    labels = np.array([0, 1, 1], np.int32)
    predicted = np.array([0, 1, 0], np.int32)
    third = np.full(3, 0.5, np.float32)
    rank = (labels != predicted).astype(int)
    logits = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    return Predictions(labels, predicted, rank, third, third, logits=logits)


def row(step, accuracy):
    return {
        "epoch": step / 10,
        "learning_rate": 0.1,
        "train/accuracy": 0.1,
        "train/loss": 2.0,
        "train_clean/accuracy": 0.2,
        "train_dev/loss": 0.3,
        "validation/accuracy": accuracy,
        "validation/recall/cat": 1.0,
    }


class Clock:
    """A timing with a fixed speed."""

    images_per_second = 321.0


def validation(rows):
    return np.zeros((len(rows), 4, 4, 3), np.uint8), [f"{row}.png" for row in rows]


def weights():
    """Returns weights that change each time."""
    weights.calls += 1
    return {"00_dense/kernel": np.arange(4.0) + weights.calls}


weights.calls = 0


def board(folder, samples=(), history=None):
    about = About(
        CONFIG,
        CHANGED,
        {"data": "pets"},
        {"python": "3.12"},
        "Dense",
        NAMES,
        samples,
        validation,
        schedule=((0, "warmup for 15 steps"), (0, "plateau"), (15, "constant")),
        weights=weights,
    )
    history = history or History(folder / "metrics.jsonl")
    return TensorBoard(folder, about, history, "validation/accuracy", Clock())


def advance(report, start, stop, accuracy=0.5):
    """Logs every fifth step and evaluates every tenth, as the loop does."""
    report._history.truncate(start)
    for step in range(start + 5, stop + 1, 5):
        report.logged(step, {"accuracy": 0.3, "loss": step / 100, "learning_rate": 0.1})
        if step % 10 == 0:
            metrics = row(step, accuracy)
            report._history.append(step, metrics)
            report.evaluated(step, metrics, {"validation": predictions()})


def events(folder):
    """Returns all events as written, in the order of the files."""
    paths = sorted(folder.iterdir())
    return [event for path in paths for event in EventFileLoader(str(path)).Load()]


def shown(folder):
    """Returns the steps and values that TensorBoard shows, by tag."""
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return {
        tag: [
            (event.step, tensor_util.make_ndarray(event.tensor_proto))
            for event in accumulator.Tensors(tag)
        ]
        for tag in accumulator.Tags()["tensors"]
    }


def curve(folder, tag):
    return [(step, pytest.approx(float(value))) for step, value in shown(folder)[tag]]


@pytest.fixture
def finished(tmp_path):
    report = board(tmp_path, [np.zeros((2, 4, 4, 3), np.float32)])
    report.started(0)
    advance(report, 0, 30)
    report.finished(30)
    return tmp_path


def test_curves_are_over_steps_where_they_belong(finished):
    logged = [(s, s / 100) for s in range(5, 31, 5)]
    train, evaluated = finished / "train", (10, 20, 30)
    assert curve(train, "loss/since_last_log") == logged
    assert curve(train, "speed/images_per_second")[-1] == (30, 321)
    # One quantity has the same tag in all splits, and so one chart.
    for split, value in (("train", 0.1), ("train_clean", 0.2), ("validation", 0.5)):
        actual = curve(finished / split, "accuracy/accuracy")
        assert actual == [(s, value) for s in evaluated]
    for split, value in (("train", 2), ("train_dev", 0.3)):
        assert curve(finished / split, "loss/loss") == [(s, value) for s in evaluated]
    assert set(shown(train)) == {
        "about/config",
        "about/environment",
        "about/model",
        "about/run",
        "accuracy/accuracy",
        "accuracy/since_last_log",
        "custom_scalars__config__",
        "images/augmented",
        "learning_rate/learning_rate",
        "learning_rate/schedule",
        "loss/loss",
        "loss/since_last_log",
        "speed/images_per_second",
        "updates/00_dense/kernel",
        "weights/00_dense/kernel",
    }
    assert set(shown(finished / "validation")) == {
        "accuracy/accuracy",
        "images/confusion",
        "images/least_certain",
        "images/most_certain",
        "images/reliability",
        "images/worst_errors",
        "precision_recall/cat",
        "precision_recall/dog",
        "recall/cat",
    }


def test_a_curve_is_described_once(finished):
    descriptions = [
        value.metadata.summary_description
        for event in events(finished / "train")
        for value in event.summary.value
        if value.tag == "loss/since_last_log"
    ]
    assert descriptions[0].startswith("Mean loss of the steps since")
    assert not any(descriptions[1:])


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        # All earlier events are discarded, or all after the checkpoint.
        (0, 0),
        (20, 21),
    ],
)
def test_every_process_says_from_which_step_on_it_writes(tmp_path, step, expected):
    report = board(tmp_path)
    report.started(step)
    report.finished(step)
    for part in ("train", "validation"):
        starts = [
            event.step
            for event in events(tmp_path / part)
            if event.session_log.status == SessionLog.START
        ]
        assert starts == [expected]


@pytest.mark.parametrize("saved", [0, 20, 40])
def test_a_resumed_run_has_no_zigzag(tmp_path, saved):
    killed = board(tmp_path)
    killed.started(0)
    advance(killed, 0, 40, accuracy=0.1)
    writers = list(killed._files.values())
    # The process wrote after its last checkpoint, and was killed.
    for writer in killed._files.values():
        writer.flush()
    resumed = board(tmp_path)
    resumed.started(saved)
    advance(resumed, saved, 60, accuracy=0.9)
    resumed.finished(60)
    actual = curve(tmp_path / "validation", "accuracy/accuracy")
    assert actual == [(s, 0.1 if s <= saved else 0.9) for s in range(10, 61, 10)]
    steps = [step for step, _ in curve(tmp_path / "train", "loss/since_last_log")]
    assert steps == list(range(5, 61, 5))
    for writer in writers:
        writer.close()


def test_the_config_is_told_once(finished):
    resumed = board(finished)
    resumed.started(30)
    resumed.finished(30)
    actual = [
        value
        for event in events(finished / "train")
        for value in event.summary.value
        if value.tag == "about/config"
    ]
    assert len(actual) == 1
    text = tensor_util.make_ndarray(actual[0].tensor).item().decode()
    assert "| learning_rate | `0.1` |" in text
    assert text.index("`mlp`") < text.index("**Defaults**") < text.index("| seed |")
    assert actual[0].metadata.plugin_data.plugin_name == "text"


def of_hparams(folder):
    """Returns the data of the HParams plugin, in the order of the events."""
    return [
        plugin_data_pb2.HParamsPluginData.FromString(value.metadata.plugin_data.content)
        for event in events(folder / "summary")
        for value in event.summary.value
        if value.metadata.plugin_data.plugin_name == "hparams"
    ]


def test_runs_that_differ_in_the_seed_share_a_line_of_hparams(tmp_path):
    for seed in (0, 1):
        report = board(tmp_path / "trial-0001" / f"seed-{seed}")
        changed = {**CHANGED, "seed": seed}
        report._about = dataclasses.replace(report._about, changed=changed)
        report.started(0)
        report.finished(0)
    sessions = [
        of_hparams(tmp_path / "trial-0001" / name)[0].session_start_info
        for name in ("seed-0", "seed-1")
    ]
    names = {session.group_name for session in sessions}
    assert names == {f"{tmp_path.name}/trial-0001"}
    assert sessions[0].hparams == sessions[1].hparams
    assert "seed" not in sessions[0].hparams


@pytest.mark.parametrize("is_rate_adapted", [True, False])
def test_reductions_have_a_chart_if_there_can_be_any(is_rate_adapted):
    (value,) = tags.layout(is_rate_adapted).value
    layout = layout_pb2.Layout.FromString(tensor_util.make_ndarray(value.tensor).item())
    titles = [chart.title for part in layout.category for chart in part.chart]
    assert titles[:3] == ["accuracy", "loss", "learning rate"]
    assert ("reductions by plateau" in titles) == is_rate_adapted


def test_hparams_compares_what_was_set_by_the_runs_name(finished):
    plugin = of_hparams(finished)
    session, end = plugin[0].session_start_info, plugin[1].session_end_info
    assert session.group_name == f"{finished.parent.name}/{finished.name}"
    assert set(session.hparams) == {"learning_rate", "model"}
    assert session.hparams["learning_rate"].number_value == 0.1
    assert end.status == api_pb2.STATUS_SUCCESS
    # Each curve beside the session is a column. Their group is the last in Scalars.
    curves = {tag for tag in shown(finished / "summary") if not tag.startswith("_")}
    assert curves == {"summary/best_accuracy", "summary/last_accuracy"}


def test_hparams_has_the_swept_flags_only(tmp_path):
    report = board(tmp_path)
    report._about = dataclasses.replace(report._about, compared=("augment",))
    report.started(0)
    report.stopped()
    session = of_hparams(tmp_path)[0].session_start_info
    # Also where it has its default.
    assert dict(session.hparams.items()).keys() == {"augment"}
    ((_, text),) = shown(tmp_path / "train")["about/config"]
    assert "learning_rate" in text.item().decode()


@pytest.mark.parametrize("is_complete", [True, False])
def test_hparams_tells_runs_of_pruned_trials_from_those_of_complete_ones(
    tmp_path, is_complete
):
    report = board(tmp_path)
    report.started(0)
    advance(report, 0, 30)
    # As where the pruner ends a run.
    report.stopped()
    for _ in range(2):
        tensorboard.mark(tmp_path, 30, is_complete)
    marks = curve(tmp_path / "summary", "summary/trial_complete")
    assert marks == [(30, float(is_complete))]
    ends = [each.session_end_info.status for each in of_hparams(tmp_path)[1:]]
    assert ends == ([] if is_complete else [api_pb2.STATUS_FAILURE])
    assert len(curve(tmp_path / "summary", "summary/last_accuracy")) == 3


def test_a_run_without_curves_is_not_marked(tmp_path):
    tensorboard.mark(tmp_path, 0, is_complete=False)
    assert list(tmp_path.iterdir()) == []


def test_a_stopped_run_is_compared_as_well_and_its_end_when_it_is_resumed(tmp_path):
    stopped = board(tmp_path)
    stopped.started(0)
    advance(stopped, 0, 20, accuracy=0.5)
    stopped.stopped()
    # A killed run is compared as well: the numbers are those of its last evaluation.
    assert curve(tmp_path / "summary", "summary/last_accuracy") == [
        (10, 0.5),
        (20, 0.5),
    ]
    resumed = board(tmp_path)
    resumed.started(20)
    advance(resumed, 20, 30, accuracy=0.25)
    resumed.finished(30)
    resumed.stopped()
    assert curve(tmp_path / "summary", "summary/best_accuracy") == [
        (step, 0.5) for step in (10, 20, 30)
    ]
    last = curve(tmp_path / "summary", "summary/last_accuracy")
    assert last == [(10, 0.5), (20, 0.5), (30, 0.25)]


def test_the_folders_are_those_of_a_run():
    assert set(tensorboard.FOLDERS) < set(run_folder.FOLDERS)


PICTURES = (
    ("train", "images/augmented"),
    ("validation", "images/confusion"),
    ("validation", "images/reliability"),
    ("validation", "images/worst_errors"),
    ("validation", "images/most_certain"),
    ("validation", "images/least_certain"),
)


def test_pictures_can_be_seen(finished):
    for part, tag in PICTURES:
        for _, (width, height, png) in shown(finished / part)[tag]:
            assert png.startswith(b"\x89PNG")
            np.testing.assert_array_equal(
                np.frombuffer(png[16:24], ">u4"), [int(width), int(height)]
            )
    plugins = {
        value.metadata.plugin_data.plugin_name
        for part in ("train", "validation")
        for event in events(finished / part)
        for value in event.summary.value
        if value.tag in dict(map(reversed, PICTURES))
    }
    assert plugins == {"images"}


def test_a_picture_is_made_now_and_then_and_at_the_end(tmp_path):
    report = board(tmp_path)
    report.started(0)
    advance(report, 0, 110)
    report.finished(110)
    assert [step for step, _ in shown(tmp_path / "validation")["images/confusion"]] == [
        10,
        40,
        110,
    ]


def test_no_samples_no_picture(tmp_path):
    report = board(tmp_path)
    report.started(0)
    report.finished(0)
    assert "images/augmented" not in shown(tmp_path / "train")
    assert "images/confusion" not in shown(tmp_path / "validation")


def test_what_is_evaluated_can_be_seen_while_the_run_goes_on(tmp_path):
    report = board(tmp_path)
    report.started(0)
    advance(report, 0, 10)
    assert curve(tmp_path / "validation", "accuracy/accuracy") == [(10, 0.5)]
    report.finished(10)


@pytest.mark.parametrize("started", [False, True])
def test_files_are_closed_whatever_has_happened(tmp_path, started):
    report = board(tmp_path)
    if started:
        report.started(0)
        report.text(10, "static", "why")
    report.stopped()
    report.stopped()
    assert (tmp_path / "validation").exists() == started


def test_a_text_is_in_the_file_of_the_curves(tmp_path):
    # TensorBoard never returns to a file once it has seen a later one.
    report = board(tmp_path)
    report.started(0)
    report.text(10, "static", "why")
    ((step, text),) = shown(tmp_path / "validation")["static"]
    assert (step, text.item()) == (10, b"why")
    assert len(list((tmp_path / "validation").iterdir())) == 1
    report.finished(10)


def test_a_metric_that_is_undefined_is_no_error(tmp_path):
    report = board(tmp_path)
    report.started(0)
    report.evaluated(10, row(10, float("nan")), {"validation": predictions()})
    report.finished(10)
    ((_, value),) = shown(tmp_path / "validation")["accuracy/accuracy"]
    assert np.isnan(value)


def test_chosen_metrics_are_compared_and_several_labels_have_no_confusion(tmp_path):
    report = board(tmp_path)
    report._about = dataclasses.replace(report._about, metrics=("top_k(3)",))
    report.started(0)
    labels = np.array([[1, 0], [1, 1]], np.int32)
    losses = np.zeros(2, np.float32)
    several = Predictions(labels, labels, None, labels.astype(np.float32), losses)
    metrics = {
        **row(10, 0.5),
        "validation/top_k(3)": 0.75,
        "train/subset_accuracy": 0.25,
    }
    report._history.append(10, metrics)
    report.evaluated(10, metrics, {"validation": several})
    report.finished(10)
    assert curve(tmp_path / "validation", "evaluation/top_k(3)") == [(10, 0.75)]
    assert curve(tmp_path / "summary", "summary/best_top_k(3)") == [(10, 0.75)]
    assert curve(tmp_path / "train", "evaluation/subset_accuracy") == [(10, 0.25)]
    assert "images/confusion" not in shown(tmp_path / "validation")


def test_a_part_of_another_run_has_curves_only(tmp_path):
    report = board(tmp_path)
    report._about = dataclasses.replace(report._about, is_listed=False)
    calls = weights.calls
    report.started(0)
    advance(report, 0, 50)
    report.finished(50)
    assert weights.calls == calls
    assert read_scalars(tmp_path / "validation", "accuracy/accuracy")
    for folder in ("train", "validation"):
        content = b"".join(p.read_bytes() for p in (tmp_path / folder).iterdir())
        assert not any(x in content for x in (b"images/", b"precision_recall/"))


def texts(folder, tag):
    return [(step, text.item().decode()) for step, text in shown(folder)[tag]]


@pytest.mark.parametrize("saved", [0, 10, 20])
def test_the_schedule_and_its_reductions_are_told_once_whatever_was_killed(
    tmp_path, saved
):
    killed = board(tmp_path)
    killed.started(0)
    advance(killed, 0, 30)
    killed.rescaled(10, 1.0, 0.5)
    killed.rescaled(20, 0.5, 0.25)
    for writer in killed._files.values():
        writer.flush()
    resumed = board(tmp_path)
    resumed.started(saved)
    advance(resumed, saved, 40)
    # The checkpoint of a step has the reductions after that step.
    for step in (10, 20):
        if step > saved:
            resumed.rescaled(step, 1.0, 0.5)
    resumed.finished(40)
    train = tmp_path / "train"
    parts = texts(train, "learning_rate/schedule")
    assert [step for step, _ in parts] == [0, 15]
    assert parts[0][1] == "from step 0: `warmup for 15 steps` and `plateau`"
    assert parts[1][1] == "from step 15: `constant`"
    reductions = texts(train, "learning_rate/reductions")
    assert [step for step, _ in reductions] == [10, 20]
    assert (
        "after step 10 the schedule reduces the learning rate to 0.5"
        in (reductions[0][1])
    )
    killed.stopped()


@pytest.mark.parametrize("jump", [0.0, -86_400.0, 86_400.0])
@pytest.mark.parametrize("saves", [(), (10,), (20, 10), (40, 40)])
def test_no_tag_goes_back_or_has_a_step_twice(tmp_path, monkeypatch, saves, jump):
    clock = time.time()
    monkeypatch.setattr(time, "time", lambda: clock)
    report = board(tmp_path, [np.zeros((2, 4, 4, 3), np.float32)])
    report.started(0)
    advance(report, 0, 50)
    open_files = [report]
    for saved in saves:
        clock += jump
        for writer in report._files.values():
            writer.flush()
        report = board(tmp_path, [np.zeros((2, 4, 4, 3), np.float32)])
        open_files.append(report)
        # As the loop does first.
        report._history.truncate(saved)
        report.started(saved)
        advance(report, saved, 50)
    advance(report, 50, 110)
    report.finished(110)
    for folder in tensorboard.FOLDERS:
        for tag, points in shown(tmp_path / folder).items():
            steps = [step for step, _ in points]
            assert steps == sorted(set(steps)), (folder, tag)
    images = shown(tmp_path / "validation")["images/confusion"]
    # After 1, 4 and 16 evaluations of the run, whichever process made them.
    assert [step for step, _ in images] == [10, 40, 110]
    for each in open_files:
        each.stopped()


def test_histograms_are_of_the_weights_and_of_one_interval_between_evaluations(
    tmp_path,
):
    report = board(tmp_path)
    report.started(0)
    advance(report, 0, 50)
    report.finished(50)
    train = shown(tmp_path / "train")
    steps = [step for step, _ in train["weights/00_dense/kernel"]]
    assert steps == [10, 40, 50]
    updates = train["updates/00_dense/kernel"]
    # The weights after the last evaluation are those of the end.
    assert [step for step, _ in updates] == [10, 40]
    assert all(counts[-1].tolist() == [1, 1, 4] for _, counts in updates)


def test_precision_recall_curves_have_raw_counts(finished):
    ((_, counts),) = shown(finished / "validation")["precision_recall/dog"][:1]
    assert counts.shape == (6, 101)
    # At the threshold 0 everything is predicted to be a dog.
    assert counts[:, 0].tolist() == pytest.approx([2, 1, 0, 0, 2 / 3, 1])
