"""Tests of main: what a person at the command line is answered."""

import pytest


@pytest.fixture
def train(command):
    return lambda *flags: command("experiments.train", *flags)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--learning_rat=1", "Unknown command line flag 'learning_rat'. Did you mean"),
        ("--learning_rate=-1", "learning_rate must be positive, not -1.0"),
        ("--learning_rate=nan", "learning_rate must be a finite number, not nan"),
        ("--learning_rate=abc", "--learning_rate must be a number, not 'abc'"),
        ("--batch_size=1e9", "--batch_size must be an integer, not '1e9'"),
        ("--dataset=digit", "--dataset: unknown dataset 'digit'; did you mean digits?"),
        ("--model=resnett", "--model: unknown model 'resnett'; did you mean resnet?"),
        ("--model=nowhere:f", "--model: model nowhere:f: there is no module"),
        ("--schedule=cosin", "--schedule: unknown schedule 'cosin'; did you mean"),
        ("--augment=rotat(1)", "--augment: unknown augmentation 'rotat'; did you"),
        ("--optimizer=adem", "--optimizer: unknown optimizer 'adem'; did you mean"),
        ("--schedule=cosine(ende=1)", "its arguments are cosine(steps=None, end=0.0,"),
        ("--schedule=step(every='x')", "a length is steps (500), epochs (10ep)"),
        ("--augment=rotate('x')", "degrees must be float, not 'x'"),
        ("--schedule=warmup(5%)+", "schedule: cannot be read"),
        ("--train_for=10%", "train_for must be in steps or epochs, not '10%'"),
        ("stray", "'stray' is not a flag"),
        ("--epochs=30", "no --epochs; the length of a run is --train_for=30ep"),
        ("--dataset=photos/", "to read it, give --dataset='folder(\"photos/\")'"),
        ("--model=help('nets')", "--model has no member 'nets'; known are cnn, mlp"),
        ("--workdir=~nosuchuser/x", "--workdir: no home folder is known for '~nosuch"),
        ("--service=x\n--fresh", "service must be one line of text, not 'x\\n--fresh'"),
        ("--tpu=\x1b[31m", "tpu must be one line of text, not '\\x1b[31m'"),
        ("--optimizer=adam(beta_1=2)", "beta_1 must be from 0 to below 1, not 2"),
        ("--experiment=none.py", "--experiment must be a Python file, not '/"),
        ("--config=flower", "--config: there is no experiment 'flower'; did you mean"),
        ("--remedy=7", "--remedy"),
        ("--allow_data_change", "--allow_data_change needs --workdir, the folder of"),
        ("--strategy=multi_worker", "needs --workdir, a folder that all workers share"),
        ("--profile=5-3", "--profile: a range has 1 to 1,000 steps, not '5-3'"),
        ("--flagfile=none.txt", "Unable to open flagfile"),
        ("--dataset=sys:exit(0)", "sys:exit"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(train, flag, message):
    done = train(flag)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("flag", ["--remedy", "--folds=3"])
def test_a_dry_run_is_of_one_run(train, flag):
    done = train("--dry_run", flag)
    assert done.returncode == 2
    assert "leave out --remedy and --folds" in done.stderr


@pytest.mark.extended
def test_each_config_has_a_folder_of_its_own(command, tmp_path):
    flags = ("--model=mlp", "--train_for=5", "--batch_size=128")
    for more, name, files in (
        (("--dry_run",), "digits-mlp-1", False),
        ((), "digits-mlp-1", True),
        (("--seed=1",), "digits-mlp-2", True),
        ((), "digits-mlp-1", True),
    ):
        done = command("experiments.train", *flags, *more, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"folder  runs/{name} (" in done.stdout
        assert (tmp_path / "runs" / name / "config.json").exists() == files
    assert "(begun by the same command)" in done.stdout
    assert "nothing left to do after step 5" in done.stdout


def test_workers_do_not_prove(train):
    done = train("--remedy", "--strategy=multi_worker")
    assert done.returncode == 2
    assert "and then run `whyflat remedy` on the run's folder" in done.stderr


def test_help_lists_the_flags_and_succeeds(train):
    done = train("--help")
    assert done.returncode == 0
    assert "Trains an image classifier on any data set" in done.stdout
    assert "--learning_rate=FLOAT   Base learning rate" in done.stdout
    assert "--[no]remedy " in done.stdout
    assert "One of cnn, mlp, resnet, " in done.stdout


def test_a_family_describes_itself(train):
    done = train("--schedule=help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\n  warmup           Rises from `start` to `end`.\n" in done.stdout


@pytest.mark.parametrize(
    ("prepare", "flags", "code", "message"),
    [
        ("dir", ["--dataset=folder('{path}')"], 2, "has no folders in it"),
        ("none", ["--dataset=arrays('{path}')"], 2, "there is no file"),
        ("file", ["--dataset=arrays('{path}')"], 1, "cannot be read, it is damaged"),
        ("file", ["--workdir={path}"], 1, "; use another --workdir"),
        ("full", ["--workdir={path}"], 2, "is not empty, and not a run"),
    ],
)
def test_what_fails_is_one_line_with_its_code(
    train, tmp_path, prepare, flags, code, message
):
    path = tmp_path / "thing"
    if prepare in ("dir", "full"):
        path.mkdir()
    if prepare == "file":
        path.write_text("no run, no array")
    if prepare == "full":
        (path / "letter.txt").write_text("dear diary")
    flags = [flag.format(path=path) for flag in flags]
    done = train(f"--workdir={tmp_path / 'run'}", *flags)
    assert done.returncode == code
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    if prepare == "full":
        assert (path / "letter.txt").read_text() == "dear diary"
