"""Tests of framework/diagnose/conclude.py and figure.py."""

import json
import shutil
import types

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from framework.config import Config
from framework.data import exclusion
from framework.data.arrays import digits
from framework.diagnose import conclude as conclude_lib
from framework.diagnose.conclude import CONFIRMED, conclude
from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.finding import Finding, ImageList, Remedy
from framework.errors import UsageError
from framework.launch.run import run
from framework.loop.nonfinite import DivergedError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("record") / "run"
    run(
        Config(
            model="mlp(units=(16,))",
            learning_rate=1e-7,
            train_for="6ep",
            workdir=str(workdir),
        ),
        quiet=True,
    )
    return workdir


@pytest.mark.extended
def test_a_cause_is_printed_and_recorded(folder, capsys):
    assert conclude(str(folder)) == CONFIRMED
    captured = capsys.readouterr()
    assert "\nverdict: at chance" in captured.out
    assert "learning_rate_too_low (confirmed, costs" in captured.out
    assert "trial of learning_rate_too_low: " in captured.err
    found = json.loads((folder / "diagnosis" / "diagnosis.json").read_text())
    assert found["format"] == 3
    assert found["verdict"] == "at_chance"
    assert found["findings"][0]["cause"] == "learning_rate_too_low"
    assert found["findings"][0]["cost_points"] > 30
    assert set(found["plateau"]) >= {"accuracy", "change", "p", "churn", "detectable"}
    assert (folder / "diagnosis" / "diagnosis.txt").read_text() == captured.out
    listed = (folder / "diagnosis" / "data.csv").read_text()
    assert listed.startswith("kind,split,image,label,other_split,")
    page = (folder / "diagnosis" / "report.html").read_text()
    assert f"the report is in {folder / 'diagnosis' / 'report.html'}" in captured.err
    assert "The learning rate is too low: this costs" in page
    assert f"<bdi>{folder}</bdi>" in page
    assert page.count('<svg class="curve') == 2
    branch = folder / "diagnosis" / "trials" / "learning_rate_too_low"
    assert (branch / "metrics.jsonl").exists()


@pytest.mark.extended
def test_tensorboard_shows_the_last_diagnosis_only(folder):
    for _ in range(2):
        conclude(str(folder), print_json=True)
    events = EventAccumulator(str(folder / "diagnosis")).Reload()
    tags = events.Tags()["tensors"]
    assert sorted(tags) == ["diagnosis/figure", "diagnosis/text"]


@pytest.fixture(scope="module")
def died(tmp_path_factory):
    """A run whose rate is so high that it ends before its first evaluation."""
    workdir = tmp_path_factory.mktemp("died") / "run"
    config = Config(
        model="mlp(units=(16,))",
        optimizer="sgd",
        learning_rate=1e30,
        train_for="6ep",
        workdir=str(workdir),
    )
    with pytest.raises(DivergedError, match="numbers are no longer finite"):
        run(config, quiet=True)
    return workdir


@pytest.mark.extended
def test_the_cause_of_a_run_that_died_is_named(died, capsys):
    before = {path: path.read_bytes() for path in died.glob("*") if path.is_file()}
    assert conclude(str(died)) == CONFIRMED
    captured = capsys.readouterr()
    text = " ".join(captured.out.split())
    assert "before its first evaluation, because numbers were" in captured.err
    assert "verdict: diverged: numbers were no longer finite in step " in text
    found = json.loads((died / "diagnosis" / "diagnosis.json").read_text())
    first = found["findings"][0]
    assert (first["cause"], first["status"]) == ("learning_rate_too_high", "confirmed")
    assert first["cost_points"] > 20
    assert first["remedy"]["flags"][0].startswith("--learning_rate=")
    assert "step in which numbers ceased to be finite" in text
    assert found["run"] == {"step": 0, "evaluations": 0}
    after = {path: path.read_bytes() for path in died.glob("*") if path.is_file()}
    assert after == before


def test_a_run_without_evaluations_and_without_a_reason_is_refused(died, tmp_path):
    folder = shutil.copytree(died, tmp_path / "run")
    for path in folder.glob("nonfinite-step-*.npz"):
        path.unlink()
    with pytest.raises(UsageError, match="has no evaluation yet; wait for the first"):
        conclude(str(folder))


@pytest.mark.extended
@pytest.mark.parametrize(
    ("name", "value", "note"),
    [
        ("_MOST_AUDITED", 100, "1,797 images are not audited here; `whyflat audit`"),
        ("audit", lambda *arguments: 1 / 0, "could not be audited: ZeroDivisionError"),
    ],
)
def test_why_the_images_were_not_audited_is_on_the_page(
    folder, capsys, monkeypatch, name, value, note
):
    monkeypatch.setattr(conclude_lib, name, value)
    conclude(str(folder), budget=0.0)
    assert note in capsys.readouterr().out
    assert note in (folder / "diagnosis" / "diagnosis.txt").read_text()


def test_images_to_leave_out_are_listed(tmp_path):
    images = ImageList("flagged", np.array([5, 2]), np.array([7, -1]), "odd")
    remedies = Remedy("", images=images), Remedy("")
    findings = [
        Finding(CAUSES["label_noise"], "confirmed", "", (), remedy, "")
        for remedy in remedies
    ]
    dataset, result = digits(), types.SimpleNamespace(findings=findings)
    conclude_lib._write_lists(result, dataset, tmp_path)
    (path,) = tmp_path.iterdir()
    labels = dataset.train.labels
    assert path.read_text().splitlines() == [
        "split,index,label,likely_label,reason",
        f"train,5,{labels[5]},7,odd",
        f"train,2,{labels[2]},,odd",
    ]
    assert exclusion.find(dataset, str(path))[0].tolist() == [2, 5]
