"""Bad arguments of the other commands, and bad descriptions of a cluster.

    python -m benchmarks.faults.commands

The previews of schedules and augmentations, the sweep of rates, the server of images,
diagnoses of folders that are not runs, and training on machines that an environment
variable describes wrongly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from benchmarks.faults import report
from benchmarks.faults.handled import REFUSED
from benchmarks.faults.inputs import ANY, DIAGNOSE, SMALL, Input, chosen, try_all
from benchmarks.faults.report import Tally

# fmt: off
_LINES: Mapping[str, Sequence[Sequence[str]]] = {
    "framework.schedules": (
        (), ("",), ("cosin",), ("cosine", "x"), ("(((",), ("\x1b[2J",), ("a\nb",),
        ("cosine", "--total_steps=0"), ("cosine", "--total_steps=x"),
        ("cosine", "--total_steps=99999999999999"), ("cosine", "--learning_rate=nan"),
        ("cosine", "--learning_rate=inf"), ("cosine", "--png=nowhere/x.png"),
        ("cosine", "--png=."), ("cosine", "--png=x.nothing"), ("cosine", "--nosuch"),
        ("cosine", "--replay=data.npz"), ("plateau", "--replay=nowhere"),
        ("plateau", "--replay=data.npz"), ("plateau", "--replay=."),
        ("one_cycle(div=0)",), ("constant + " * 980 + "constant",),
    ),
    "framework.augment": (
        (), ("",), ("rotat(1)", "--png=a.png"), ("rotate(20)",), ("flip", "--png=."),
        ("flip", "--png=nowhere/a.png"), ("flip", "--dataset=digit", "--png=a.png"),
        ("flip", "--dataset=arrays('~nosuchuser/x')", "--png=a.png"),
        ("flip", "--dataset=arrays('data.npz')", "--seed=-1", "--png=a.png"),
        ("\x1b[2J", "--png=a.png"), ("flip + " * 980 + "flip", "--png=a.png"),
    ),
    "experiments.lr_range": (
        ("--lowest_rate=x",), ("--lowest_rate=0",), ("--highest_rate=1e-9",),
        ("--sweep_steps=1",), ("--seeds=0",), ("--highest_rate=nan",), ("stray",),
        ("--model=mine:f",), ("--dataset=arrays('data.npz')", "--batch_size=999"),
    ),
    "benchmarks.faults.whyflat": (
        ("verify",), ("verify", ""), ("verify", "nowhere"), ("verify", "."),
        ("verify", "data.npz"), ("verify", "a", "b"), ("verify", "\x1b[2J"),
        ("verify", ".", "--share=x"), ("verify", ".", "--share=0%"),
        ("verify", ".", "--share=nan%"), ("verify", ".", "--share=1e999%"),
        ("verify", ".", "--share=2"), ("verify", ".", "--seed=-1"),
        ("verify", ".", "--json=maybe"), ("verify", "~nosuchuser/x", "--json"),
        ("verify", "/dev/null"), ("verify", "a" * 5000), ("verify", "\udcff"),
    ),
    "framework.data.service": (
        ("--port=x",), ("--port=-1",), ("--port=99999",), ("--nosuch",),
        ("--port=1", "--host=\x1b[2J"), ("--host=a\nb", "--port=99999"),
    ),
    DIAGNOSE: (
        (), ("--workdir=",), ("--workdir=nowhere",), ("--workdir=.",), ("--workdir=/",),
        ("--workdir=data.npz",), ("--workdir=~nosuchuser",), ("--workdir=a\nb",),
        ("--workdir=\x1b[2J",), ("--workdir=\udcff",), ("--workdir=" + "a" * 5000,),
        ("--workdir=/dev/null",), ("--workdir=.", "--budget=x"), ("stray",),
        ("--workdir=.", "--budget=-1"), ("--workdir=.", "--budget=nan"),
        ("--workdir=nowhere", "--json"), ("--workdir=nowhere", "--json=maybe"),
    ),
}
# TF_CONFIG as a whole, its cluster beside a good task, and its task beside a cluster.
_TEXTS = (
    "", "x", "{}", "[]", "null", "5", '"x"', "{", "[" * 100_000, '{"a":' * 100_000,
    "\x1b[2J", "\udcff", '{"cluster": {}}', '{"task": {"type": "worker", "index": 0}}',
)
_CLUSTERS = (
    {}, [], None, {"worker": []}, {"worker": "x"}, {"worker": [5]}, {"worker": [None]},
    {"worker": ["nowhere.invalid"]}, {"worker": ["localhost:99999"]},
    {"worker": ["localhost:-1"]}, {"worker": ["localhost:x"]}, {"worker": ["a b:1"]},
    {"worker": ["\x1b[2J:1"]}, {"ps": ["localhost:1"]},
)
_TASKS = (
    [], None, 5, {}, {"type": "worker"}, {"type": "worker", "index": 9},
    {"type": "worker", "index": -1}, {"type": "worker", "index": "x"},
    {"type": "worker", "index": None}, {"type": 5, "index": 0},
    {"type": "ps", "index": 0}, {"type": "\x1b[2J", "index": 0},
)
_ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "slurm": {"SLURM_STEP_NUM_TASKS": "x"},
    "slurm ": {"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NODELIST": "[[["},
    "slurm  ": {"SLURM_STEP_NUM_TASKS": "-1", "SLURM_PROCID": "x"},
    "kubernetes": {"JOB_NAME": "x", "HOST_IP": "\x1b", "WORKERS": "x"},
}
# fmt: on


def inputs() -> list[Input]:
    """Returns all inputs."""
    commands = [
        Input(f"{module} {line!r}", line, ANY, module=module, free=("here",))
        for module, lines in _LINES.items()
        for line in lines
    ]
    flags = (*SMALL, "--strategy=multi_worker")
    task, cluster = {"type": "worker", "index": 0}, {"worker": ["localhost:1"]}
    texts = [*_TEXTS]
    texts += [json.dumps({"cluster": each, "task": task}) for each in _CLUSTERS]
    texts += [json.dumps({"cluster": cluster, "task": each}) for each in _TASKS]
    for text in texts:
        variables = {"TF_CONFIG": text}
        commands.append(
            Input(f"TF_CONFIG={text!r}", flags, REFUSED, variables=variables)
        )
    for name, variables in _ENVIRONMENTS.items():
        line = (*flags, f"--cluster={name.strip()}")
        commands.append(Input(f"{variables!r}", line, REFUSED, variables=variables))
    return commands


def fuzz(seed: int, number: int | None, only: str) -> list[Tally]:
    """Returns how other commands handled bad arguments; the seed has no effect."""
    del seed
    return [try_all("other commands, clusters", chosen(inputs(), number, only))]


if __name__ == "__main__":
    report.main(__doc__, fuzz)
