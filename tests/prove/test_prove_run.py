"""Tests of framework/prove/prove_run.py: whole proofs of small runs."""

import dataclasses
import hashlib
import json
import shutil

import keras
import numpy as np
import pytest

from framework.config import Config
from framework.data.arrays import digits
from framework.data.hold_out import hold_out_test
from framework.diagnose import workspace
from framework.diagnose.conclude import conclude
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.report import stored
from framework.errors import UsageError
from framework.launch import openings, run_folder
from framework.launch import run as run_lib
from framework.launch.given import Given
from framework.launch.openings import Opening
from framework.prove import plan as plan_lib
from framework.prove import prove_run as prove_run_lib
from framework.prove import remedy as remedy_lib
from framework.prove import run_arms
from framework.prove.prove_run import prove_run

SLOW = Config(
    model="mlp(units=(16,))",
    test="20%",
    batch_size=64,
    train_for="3ep",
    learning_rate=1e-5,
    log_every="10",
)
HIGHER = {"learning_rate_too_low": Intervention(learning_rate_factor=300.0)}
# Gradients of this model never have such a norm.
SHAM = {"exploding_gradients": Intervention(clip_norm=1e6)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Trains a run; returns its folder."""

    def made(**changes):
        folder = tmp_path_factory.mktemp("prove") / "run"
        config = dataclasses.replace(SLOW, **changes)
        run_lib.run(dataclasses.replace(config, workdir=str(folder)), quiet=True)
        return folder

    return made


def files(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "diagnosis" not in path.relative_to(folder).parts
    }


@pytest.fixture(scope="module")
def proven(made):
    """A run whose learning rate is too low, what it was, and the proof."""
    folder = made()
    before = files(folder)
    return folder, before, prove_run(str(folder), HIGHER)


def without_time(folder):
    fields = json.loads((folder / "proof.json").read_text())
    for remedy in fields["remedies"]:
        for arm in remedy["arms"]:
            arm["seconds"] = 0
    return {**fields, "notes": []}


@pytest.mark.extended
def test_a_rate_that_is_too_low_is_proven_with_three_seeds(proven):
    folder, before, proof = proven
    assert proof.proven is proof.results[0]
    assert proof.proven.seeds == 3
    assert all(gain.value > 0.3 for gain in proof.proven.gains.values())
    assert files(folder) == before
    checks = {each.what: each.is_met for each in proof.proven.checks}
    assert checks == {"config.json of the arm": True, "ratio of update_norm": True}


@pytest.mark.extended
def test_the_files_of_a_proof(proven):
    folder, _, proof = proven
    place = folder / "diagnosis" / "proof"
    assert proof.folder == place
    names = {path.name for path in place.iterdir()}
    (placebo,) = {each.placebo for each in proof.plan.comparisons}
    arms = {"learning_rate_too_low", "unchanged", placebo}
    folders = {f"{arm}-{seed}" for arm in arms for seed in (1, 2, 3)}
    # Other processes that share the proof find what is held by these.
    locks = {"plan.lock", *(f"{each}.lock" for each in folders)}
    assert names == {"plan.json", "proof.json", "proof.txt"} | folders | locks
    assert not any((place / each).stat().st_size for each in locks)
    fields = json.loads((place / "proof.json").read_text())
    digest = hashlib.sha256((place / "plan.json").read_bytes()).hexdigest()
    assert fields["plan_sha256"] == digest
    assert fields["remedies"][0]["verdict"] == "proven"
    assert "verdict: proven" in (place / "proof.txt").read_text()


def test_the_opening_of_the_test_part_is_recorded_once(proven):
    folder, _, proof = proven
    assert "opened for the first time" in proof.notes[0]
    (line,) = openings.path_of(folder).read_text().splitlines()
    opening = json.loads(line)
    assert opening["command"] == "remedy"
    assert opening["images"] == proof.plan.data["test"]["images"]
    mean = sum(each.values.mean() for each in proof.proven.outcomes[SHOWN]) / 3
    assert opening["accuracy"] == pytest.approx(mean)


def test_only_openings_before_the_proof_count(proven, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    shutil.copytree(proven[0], folder)
    monkeypatch.setattr(run_lib, "run", pytest.fail)
    opening = Opening("evaluate", 10, "best", 0.5, 20, "")
    path = openings.path_of(folder)
    own = path.read_text()
    openings.record(folder, opening)
    assert "opened for the first time" in prove_run(str(folder), HIGHER).notes[0]
    path.write_text("")
    openings.record(folder, opening)
    path.write_text(path.read_text() + own)
    assert "opened 1 time(s) before" in prove_run(str(folder), HIGHER).notes[0]


SHOWN = "learning_rate_too_low"


def test_the_same_command_again_trains_nothing(proven, monkeypatch):
    folder = proven[0]
    before = without_time(folder / "diagnosis" / "proof")
    monkeypatch.setattr(run_lib, "run", pytest.fail)
    again = prove_run(str(folder), HIGHER)
    assert again.proven.verdict.name == "proven"
    assert without_time(folder / "diagnosis" / "proof") == before
    assert openings.count(folder) == 1


def test_a_proof_with_another_plan_is_refused(proven):
    with pytest.raises(UsageError, match=r"looks: \[3, 5, 10\] -> \[3, 5\]"):
        prove_run(str(proven[0]), HIGHER, seeds=5)


def test_a_proof_that_was_killed_ends_with_the_same_numbers(
    proven, tmp_path, monkeypatch
):
    """Killed while the last but one run was evaluated."""
    folder, run, trained = tmp_path / "run", run_lib.run, []
    shutil.copytree(proven[0], folder)
    place = folder / "diagnosis" / "proof"
    (placebo,) = {each.placebo for each in proven[2].plan.comparisons}
    shutil.rmtree(place / f"{placebo}-3")
    shutil.rmtree(place / f"{placebo}-2" / "judged")
    (place / "proof.json").unlink()

    def counted(config, *arguments, **options):
        trained.append(config.workdir)
        return run(config, *arguments, **options)

    monkeypatch.setattr(run_lib, "run", counted)
    prove_run(str(folder), HIGHER)
    assert trained == [str(place / f"{placebo}-{seed}") for seed in (2, 3)]
    assert without_time(place) == without_time(proven[0] / "diagnosis" / "proof")
    # It is the same look at the test part.
    assert openings.count(folder) == 1


@pytest.mark.extended
def test_a_sham_remedy_of_a_healthy_run_has_no_effect(made):
    folder = made(learning_rate=3e-3)
    proof = prove_run(str(folder), SHAM)
    assert proof.proven is None
    assert proof.results[0].verdict.name == "no effect"
    assert proof.results[0].gains["unchanged"].value == 0


@pytest.mark.extended
def test_without_a_test_part_a_half_of_validation_judges(made):
    folder = made(test="")
    told = []
    proof = prove_run(str(folder), SHAM, progress=told.append)
    assert proof.results[0].verdict.name == "no effect"
    assert not proof.plan.is_untouched
    images = len(digits().validation)
    parts = {name: each["images"] for name, each in proof.plan.data.items()}
    assert parts["validation"] + parts["test"] == images
    assert abs(parts["validation"] - parts["test"]) <= 10
    assert "no test part: judged on" in proof.notes[0]
    assert openings.count(folder) == 0
    # The arms see the other half only.
    arm = run_folder.read_config(proof.folder / "unchanged-1")
    assert f"validation={parts['validation']}" in arm.dataset
    assert len(told) == 6


@pytest.mark.parametrize(
    ("causes", "judge"),
    [
        (["overfitting"], plan_lib.TEST),
        (["overfitting", "distribution_shift"], plan_lib.HALF),
    ],
)
def test_a_drawn_test_part_does_not_judge_images_of_another_kind(causes, judge):
    drawn = hold_out_test(digits(), "20%", None)
    dataset, images = prove_run_lib._judged(drawn, causes)
    assert images == judge
    is_half = judge == plan_lib.HALF
    assert (len(dataset.validation) < len(drawn.validation)) is is_half
    # One that is given is of the kind that its owner wants.
    given = dataclasses.replace(drawn, is_test_drawn=False)
    assert prove_run_lib._judged(given, causes)[1] == plan_lib.TEST


def test_a_plan_alone_trains_nothing(made, monkeypatch):
    folder = made()
    monkeypatch.setattr(run_arms.run_lib, "run", pytest.fail)
    proof = prove_run(str(folder), HIGHER, plan_only=True)
    assert proof.results == ()
    names = sorted(path.name for path in proof.folder.iterdir())
    assert names == ["plan.json", "plan.lock"]


@pytest.fixture(scope="module")
def plain(made):
    """A run that is never proven."""
    return made(train_for="1ep")


def test_other_data_are_refused(plain, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(plain, folder)
    fields = json.loads((folder / "data.json").read_text())
    fields["splits"]["train"]["digest"] = "another"
    (folder / "data.json").write_text(json.dumps(fields))
    with pytest.raises(UsageError, match="the data are not those of the run") as error:
        prove_run(str(folder), HIGHER)
    assert "    train: other images or labels, of the same number" in str(error.value)
    assert not (folder / "diagnosis" / "proof").exists()


@pytest.mark.parametrize("name", ["model", "dataset"])
def test_a_run_by_python_is_refused(plain, tmp_path, name):
    config = run_folder.read_config(plain)
    given = dataclasses.replace(config, **{name: "given(parameters=5)"})
    run_folder.write_config(tmp_path, given)
    with pytest.raises(UsageError, match=f"the {name} of the run in") as error:
        prove_run(str(tmp_path), HIGHER)
    assert f"run(config, {name}={name}).remedy()" in str(error.value)


def given_model(shape, classes):
    """Builds what no flag names."""
    return keras.Sequential(
        [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(classes)]
    )


@pytest.mark.extended
def test_a_run_with_a_given_model_and_data_is_proven_in_python(tmp_path, capsys):
    folder = tmp_path / "run"
    config = dataclasses.replace(SLOW, train_for="8ep", workdir=str(folder))

    def result(model=given_model):
        return run_lib.run(config, model, digits(), quiet=True)

    with pytest.raises(UsageError, match=r"run\(config, model=model, dataset=dataset"):
        remedy_lib.diagnose_and_remedy((result(), folder)[1])
    told = []
    proof = result().remedy(seeds=3, progress=told.append)
    assert proof.proven is not None
    assert proof.proven.comparison.cause == "learning_rate_too_low"
    text = str(proof)
    assert "changed = dataclasses.replace(config, learning_rate=" in text
    assert "run(changed, model=model, dataset=dataset)" in text
    assert "whyflat train" not in text
    assert any(line.startswith("unchanged, seed 1") for line in told)
    page = (folder / "diagnosis" / "report.html").read_text()
    assert "run(changed, model=model, dataset=dataset)" in page
    # It prints nothing by itself.
    assert capsys.readouterr().out == ""
    told.clear()
    assert str(result().remedy(seeds=3)) == text
    assert not told

    def wider(shape, classes):
        model = given_model(shape, classes)
        return keras.Sequential([*model.layers, keras.layers.Dense(classes)])

    with pytest.raises(UsageError, match="the model given is"):
        prove_run(str(folder), HIGHER, given=Given(wider, digits()))


@pytest.mark.extended
def test_of_a_remedy_that_cannot_be_trained_the_next_is_proven(plain, tmp_path):
    folder, path = tmp_path / "run", tmp_path / "flagged.csv"
    shutil.copytree(plain, folder)
    images = json.loads((folder / "data.json").read_text())["splits"]["train"]["images"]
    # Less than a batch.
    rows = [f"train,{row}" for row in range(50, images)]
    path.write_text("\n".join(["split,index", *rows]))
    changes = {"label_noise": Intervention(exclude=(str(path),)), **HIGHER}
    proof = prove_run(str(folder), changes, seeds=3)
    names = [each.verdict.name for each in proof.results]
    assert names == ["cannot be tried", "proven"]
    assert "batch_size must be at most" in proof.results[0].verdict.reason
    assert not (proof.folder / "label_noise-1").exists()
    assert prove_run(str(folder), changes, seeds=3).plan == proof.plan
    page = (proof.folder / "proof.txt").read_text()
    assert "verdict: cannot be tried: --batch_size" in page


def test_a_remedy_that_names_code_is_refused(plain):
    changes = {"overfitting": Intervention(augment="somewhere:evil()")}
    with pytest.raises(UsageError, match="would import somewhere"):
        prove_run(str(plain), changes)


def test_a_proof_is_of_the_list_as_it_was(plain, tmp_path):
    folder, path = tmp_path / "run", tmp_path / "flagged.csv"
    shutil.copytree(plain, folder)
    path.write_text("split,index\ntrain,3\n")
    changes = {"label_noise": Intervention(exclude=(str(path),))}
    plan = prove_run(str(folder), changes, plan_only=True).plan
    assert plan.arms["label_noise"].changes == {"exclude": str(path)}
    assert plan.lists == {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}
    (folder / "diagnosis" / "proof" / "label_noise-1").mkdir()
    path.write_text("split,index\ntrain,4\n")
    with pytest.raises(UsageError, match=f"lists.{path}: {plan.lists[str(path)]} ->"):
        prove_run(str(folder), changes, plan_only=True)
    path.unlink()
    with pytest.raises(UsageError, match=r"--exclude: .* cannot be read"):
        prove_run(str(folder), changes, plan_only=True)


def leaking(path):
    """Writes noisy digits of which most of the validation images are trained on."""
    whole, generator = digits(validation=0.5, seed=1), np.random.default_rng(0)
    own, others = (
        np.clip(images + generator.normal(0, 100, images.shape), 0, 255)
        for images in (whole.train.images, whole.validation.images)
    )
    labels = whole.validation.labels
    np.savez(
        path,
        x_train=np.concatenate([own[:150], others[:300]]).astype(np.uint8),
        y_train=np.concatenate([whole.train.labels[:150], labels[:300]]),
        x_validation=others[:400].astype(np.uint8),
        y_validation=labels[:400],
        x_test=others[400:].astype(np.uint8),
        y_test=labels[400:],
    )


@pytest.mark.extended
def test_the_ruler_of_a_leaking_run_is_fixed(tmp_path, capsys):
    """Validation falls to what the test part says."""
    leaking(tmp_path / "leaking.npz")
    folder = tmp_path / "run"
    config = Config(
        dataset=f"arrays({str(tmp_path / 'leaking.npz')!r})",
        model="mlp(units=(64,))",
        train_for="40ep",
        evaluate_every="4ep",
        train_dev=0.0,
        workdir=str(folder),
    )
    run_lib.run(config, quiet=True)
    conclude(str(folder))
    page = capsys.readouterr().out
    assert "split_leakage (confirmed" in page
    listed = folder / "diagnosis" / "leaked.csv"
    assert f"--exclude={listed}" in page
    # The copies are the last 300 training images.
    lines = listed.read_text().splitlines()[1:]
    rows = {int(line.split(",")[1]) for line in lines}
    assert len(rows & set(range(150, 450))) > 295
    assert len(rows & set(range(150))) < 10
    assert remedy_lib.remedy(folder, stored.read_findings(folder), seeds=3)
    proof = json.loads((folder / "diagnosis/proof/proof.json").read_text())
    (fixed,) = (each for each in proof["remedies"] if each["cause"] == "split_leakage")
    assert (fixed["kind"], fixed["verdict"]) == ("ruler-fixing", "ruler fixed")
    agreement = fixed["agreement"]
    # Far apart before; afterwards no further than other images would be.
    assert agreement["before"]["low"] > 0.1
    assert agreement["after"]["low"] <= 0 <= agreement["after"]["high"]
    assert agreement["after"]["value"] < agreement["before"]["value"] / 3
    assert agreement["approach"]["low"] > 0.1
    assert [each["is_met"] for each in fixed["checks"]] == [True, True]


def test_a_link_in_place_of_the_proof_is_refused(plain, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(plain, folder)
    (folder / "diagnosis").mkdir()
    (folder / "diagnosis" / "proof").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="is a symbolic link"):
        prove_run(str(folder), HIGHER)


def test_two_proofs_at_once_are_refused(plain):
    with (
        workspace.opened(plain),
        pytest.raises(UsageError, match="another process is diagnosing"),
    ):
        prove_run(str(plain), HIGHER)


@pytest.mark.extended
def test_arms_begin_with_the_copy_of_initial_weights(made, tmp_path):
    path = tmp_path / "w.npz"
    np.savez(path, **{"dense/kernel": np.full((64, 16), 0.01, np.float32)})
    folder = made(init_from=str(path))
    path.unlink()
    moved = shutil.move(folder, tmp_path / "moved")
    plan = prove_run(str(moved), HIGHER, plan_only=True).plan
    assert not plan.refused
    proof = prove_run(str(moved), HIGHER, seeds=3)
    assert proof.results[0].seeds == 3
