"""Tests of framework/prove/prove_keras.py: `remedy` after `explain`."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from framework.diagnose import explain, explain_keras
from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.finding import Finding, Remedy
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.report.diagnosis import Diagnosis
from framework.errors import UsageError

L = keras.layers
HIGHER = Intervention(learning_rate_factor=30_000.0)


@pytest.fixture(scope="module")
def data():
    """Digits from 0 to 1: training, validation and test, as (x, y)."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    parts = slice(0, 400), slice(400, 500), slice(500, 800)
    return tuple((x[part], y[part]) for part in parts)


def compiled(rate=1e-5):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 1)), L.Flatten(), L.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss, metrics=["accuracy"])
    return model


def finding(cause, intervention, status="confirmed"):
    remedy = Remedy(f"mend {cause}", intervention=intervention)
    return Finding(CAUSES[cause], status, "so it is", (), remedy, "nothing")


@pytest.fixture
def explained(monkeypatch, data):
    """Returns a diagnosis with given findings, of a model that learns nothing."""

    def explained(*findings, with_test=True, model=None):
        def diagnose(context, *_):
            measured = context.measurements
            return Diagnosis(None, findings, measured, (), {}, context)

        monkeypatch.setattr(explain_keras, "diagnose", diagnose)
        train, validation, test = data
        test = test if with_test else None
        return explain(model or compiled(), train, validation, epochs=6, test=test)

    return explained


LOW = finding("learning_rate_too_low", HIGHER)


def test_it_is_proven_with_its_code_and_leaves_the_model(explained, tmp_path):
    model = compiled()
    before = model.get_weights()
    folder = tmp_path / "proof"
    diagnosis = explained(LOW, model=model)
    assert not diagnosis.slots
    proof = diagnosis.remedy(folder, seeds=3)
    # `save_html` puts it on the page.
    assert "gains +" in diagnosis.slots["proof-answer"]
    assert "+ model.optimizer.learning_rate" in diagnosis.slots["proof"]
    assert proof.plan.sha256 in diagnosis.slots["proof"]
    assert proof.proven is not None
    for own, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(own, now)
    assert repr(proof).startswith("<KerasProof of learning_rate_too_low: proven")
    text = str(proof)
    assert "verdict: proven" in text
    assert "which the diagnosis never saw" in text
    assert "    model.optimizer.learning_rate" in text
    assert "checked: ratio of update_norm = 3e+04, as expected" in text
    assert (folder / "proof.txt").read_text() == text
    fields = json.loads((folder / "proof.json").read_text())
    assert fields["plan_sha256"] == proof.plan.sha256
    values = [each["value"] for each in fields["remedies"][0]["arms"]]
    # Seeds have initial weights of their own.
    assert len(set(values[3:6])) > 1
    # The same call has the result from the folder.
    lines = []
    again = explained(LOW).remedy(folder, seeds=3, progress=lines.append)
    assert not lines
    assert str(again) == text
    with pytest.raises(UsageError, match="has begun by another plan"):
        explained(LOW).remedy(folder, seeds=4)


def test_without_a_test_part_half_of_validation_judges(explained):
    proof = explained(LOW, with_test=False).remedy(seeds=3)
    assert proof.proven
    assert "judged on 5" in str(proof)
    assert "half of them" in str(proof)
    assert proof.folder is None


def test_what_does_not_help_is_not_proven(explained):
    sham = finding("exploding_gradients", Intervention(clip_norm=1.0))
    proof = explained(sham).remedy(seeds=3)
    assert proof.proven is None
    assert proof.results[0].verdict.name in ("no effect", "unresolved")


@pytest.mark.parametrize(
    "findings",
    [
        [],
        [finding("label_noise", None)],
        [finding("learning_rate_too_low", HIGHER, "suspected")],
    ],
)
def test_there_may_be_nothing_to_prove(explained, findings, tmp_path):
    proof = explained(*findings).remedy(tmp_path / "proof")
    assert proof.proven is None
    assert "nothing to prove" in str(proof)
    assert repr(proof) == "<KerasProof of nothing; print it to read it>"
    assert not (tmp_path / "proof").exists()
    if findings and findings[0].remedy.intervention is None:
        assert "what to do: mend label_noise" in str(proof)


def test_weights_that_were_trained_are_kept_and_said(explained):
    model = compiled()
    model.layers[-1].bias.assign(np.ones(10))
    proof = explained(LOW, model=model).remedy(seeds=3)
    assert "the initial weights are those of the program" in str(proof)


def test_refuses(explained, tmp_path):
    diagnosis = explained(LOW)
    with pytest.raises(UsageError, match="seeds must be at least 3, not 2"):
        diagnosis.remedy(seeds=2)
    (tmp_path / "letter.txt").write_text("dear diary")
    with pytest.raises(UsageError, match="is not empty, and not a proof"):
        diagnosis.remedy(tmp_path)
    context = dataclasses.replace(diagnosis.context, program=None)
    with pytest.raises(UsageError, match="prove it by `whyflat remedy RUN`"):
        dataclasses.replace(diagnosis, context=context).remedy()
