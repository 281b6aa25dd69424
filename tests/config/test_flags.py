"""Tests of framework/config/flags.py."""

import dataclasses
import re
import string
import subprocess
import sys

import pytest
from absl import flags as absl_flags
from hypothesis import given
from hypothesis import strategies as st

from framework.config import flags
from framework.config.config import Config
from framework.config.fields import GROUPS
from framework.errors import UsageError

FIELDS = dataclasses.fields(Config)


def parsed(*arguments, defaults=None):
    """Parses a command line into a config."""
    values = absl_flags.FlagValues()
    flags.define(defaults or Config(), values)
    flags.parse(["program", *arguments], values)
    return flags.read(values)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_is_a_flag(field):
    values = absl_flags.FlagValues()
    defaults = Config(learning_rate=0.5, schedule="cosine", jit=True, seed=9)
    flags.define(defaults, values)
    flag = values[field.name]
    assert flag.default == getattr(defaults, field.name)
    assert field.metadata["help"].split()[-1] in flag.help
    assert f"--{field.name}" in flags.help_text("", {}, values).replace("[no]", "")


def test_without_flags_the_defaults_hold():
    defaults = Config(learning_rate=0.5, schedule="cosine", jit=True, seed=9)
    assert parsed(defaults=defaults) == defaults


def test_flags_change_the_config():
    config = parsed("--learning_rate=.1", "--batch_size", "64", "--jit", "--seed=3")
    assert config == Config(learning_rate=0.1, batch_size=64, jit=True, seed=3)
    assert parsed("--nojit", defaults=Config(jit=True)) == Config()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--learning_rat=1", "'learning_rat'.*learning_rate"),
        ("--shedule=cosine", "'shedule'.*schedule"),
        ("--learning_rate=fast", "learning_rate"),
        ("--batch_size=1.5", "batch_size"),
        ("--jit=perhaps", "jit"),
        ("--precision=float64", r"precision.*float32\|bfloat16\|float16"),
        ("--learning_rate", "learning_rate"),
        ("cosine", "'cosine' is not a flag: flags are --name=value"),
        ("-", "'-' is not a flag"),
        ("--learning_rate=nan", "learning_rate must be a finite number, not nan"),
        ("--batch_size=0", "batch_size must be at least 1, not 0"),
        ("--flagfile=/nowhere/flags.txt", "nowhere"),
        ("--flagfile=", "--flagfile= names no file"),
    ],
)
def test_refuses(argument, message):
    with pytest.raises(UsageError, match=f"(?s){message}"):
        parsed(argument)


def test_stray_words_among_flags_are_refused():
    with pytest.raises(UsageError, match="'fast' is not a flag"):
        parsed("--seed=3", "fast", "--jit")


CHANGED = {
    "on_nonfinite": "skip",
    "dataset": """folder("it's 5% o' flowers", size=64)""",
    "augment": 'rotate(20) + fill("#fff")',
    "model": "cnn(filters=(32, 64), padding='same')",
    "schedule": '(warmup(5%) + cosine(end=.01)) * plateau("train/loss", factor=.2)',
    "optimizer": "sgd(momentum=.9, nesterov=True)",
    "loss": "cross_entropy(class_weights='balanced')",
    "init_from": "runs/large.npz",
    "freeze": "backbone until 30%, block[12]_",
    "lr_scale": "head: 1, layerwise(.75)",
    "test": "12.5%",
    "fold": "3/4",
    "exclude": "runs/a/diagnosis/flagged.csv,b c.csv",
    "sampling": "effective(beta=.99)",
    "metrics": "auc + top_k(3)",
    "hooks": "mine:Watch(limit=3)",
    "report": """mine:Tracker(project="it's")""",
    "input": "memory",
    "cache": "off",
    "normalize": "unit",
    "precision": "bfloat16",
    "strategy": "mirrored",
    "cluster": "slurm",
    "service": "a:1,b:2",
    "diagnose": True,
    "tpu": "local",
    "train_for": "2.5ep",
    "evaluate_every": "5%",
    "checkpoint_every": "1000",
    "log_every": "7",
    "monitor": "validation/recall/löwe",
    "workdir": "runs/my run $HOME/# --seed=4",
    "wait_for": "30s",
    "profile": "100-120",
    "accumulate": 2,
}


OF_ONE_CALL = ("fresh", "allow_config_change", "allow_data_change", "diagnose")


def changed(field):
    """Returns a value that is not the field's default."""
    if field.name in CHANGED:
        return CHANGED[field.name]
    if field.type == "bool":
        return not field.default
    return field.default + {"int": 2, "float": 0.1 / 3}[field.type]


def read_back(config, path):
    path.write_text(flags.flagfile(config))
    other = Config(**{field.name: changed(field) for field in FIELDS})
    return parsed(f"--flagfile={path}", defaults=other)


def config_of_one_call(config):
    """Returns a config with the flags that a flagfile leaves out as in `read_back`."""
    return dataclasses.replace(config, **dict.fromkeys(OF_ONE_CALL, True))


def test_a_flagfile_gives_every_field_back(tmp_path):
    config = Config(**{field.name: changed(field) for field in FIELDS})
    path = tmp_path / "flags.txt"
    path.write_text(flags.flagfile(config))
    # Flags of a single call: a rerun must not move the run aside.
    lasting = dataclasses.replace(config, **dict.fromkeys(OF_ONE_CALL, False))
    assert parsed(f"--flagfile={path}") == lasting
    # Also with other defaults, as in another experiment.
    assert read_back(Config(), path) == config_of_one_call(Config())


@given(
    st.text(string.ascii_letters + string.punctuation + " ä", min_size=1).map(
        str.strip
    ),
    st.floats(1e-300, 1e300),
    st.integers(0, 2**32 - 1),
)
def test_a_flagfile_gives_any_value_back(tmp_path_factory, text, number, seed):
    config = Config(
        model=text,
        # "~x" is the home folder of a user x.
        workdir=f"./{text}",
        learning_rate=number,
        clip_norm=number,
        seed=seed,
    )
    actual = read_back(config, tmp_path_factory.getbasetemp() / "flags.txt")
    assert actual == config_of_one_call(config)


def test_a_flag_after_a_flagfile_wins(tmp_path):
    path = tmp_path / "flags.txt"
    path.write_text(flags.flagfile(Config(seed=3, jit=True)))
    assert parsed(f"--flagfile={path}", "--seed=4") == Config(seed=4, jit=True)


def test_command_can_be_typed_into_a_shell():
    arguments = ["train.py", '--dataset=folder("it\'s here")', "--augment=a + b"]
    echo = f"import sys; print(*sys.argv[1:], sep='\\n')\n# {arguments[0]}"
    command = flags.command([sys.executable, "-c", echo, *arguments])
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.stdout.splitlines() == arguments


def test_help_is_in_groups_with_every_field_once():
    values = absl_flags.FlagValues()
    flags.define(Config(), values)
    text = flags.help_text("Trains.", {"model": "One of a, b."}, values)
    assert text.startswith("Trains.\n\ndata:\n")
    assert re.findall(r"^(\w+):$", text, re.M) == list(GROUPS)
    assert re.findall(r"^  --(?:\[no\])?(\w+)", text, re.M) == [
        field.name
        for group in GROUPS
        for field in FIELDS
        if field.metadata["group"] == group
    ]
    assert "One of a, b." in text.partition("--model=")[2].partition("--ema")[0]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--lr=.1", "no --lr; the learning rate is --learning_rate=.1"),
        ("--learning-rate=.1", "no --learning-rate; did you mean --learning_rate=.1?"),
        ("photos/", "--dataset='folder(\"photos/\")'"),
    ],
)
def test_a_common_guess_is_answered(argument, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        parsed(argument)
