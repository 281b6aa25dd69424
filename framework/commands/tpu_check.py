"""Compiles a run's training and evaluation step for TPUs, without a TPU.

    python -m venv tpu && tpu/bin/pip install -r third_party/tpu_check.txt
    whyflat tpu-check --model='resnet(depth=20)' --compiler=tpu/bin/python
    whyflat tpu-check --topology=v5e:2x2 --compiler=tpu/bin/python

All flags are those of a run. TensorFlow turns what one chip does of a step, from the
choice of its images to the new weights and the sums for the metrics, into StableHLO;
Google's own compiler, which comes with libtpu, compiles that for the topology. The exit
code is 0 if it can. Nothing is run, and the numbers are the compiler's estimates.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import tensorflow as tf
from absl import flags

from framework import main as main_lib
from framework.config import Config
from framework.errors import RunError, UsageError
from framework.launch import components
from framework.launch.components import Parts
from framework.loop.steps import Evaluator

_TOPOLOGY = flags.DEFINE_string("topology", "v5e:1x1", "Which TPUs, as v5e:2x2.")
_COMPILER = flags.DEFINE_string(
    "compiler",
    sys.executable,
    "A Python with the packages of third_party/tpu_check.txt in the repository.",
)
_PROGRAM = Path(__file__).with_name("tpu_compile.py")
# So that libtpu asks nobody on the net what machine this is.
_OFFLINE = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "JAX_PLATFORMS": "cpu",
}
# What XLA compiles for a CPU, but not for a TPU.
_NOT_ON_TPU = {"Bincount", "DenseBincount"}

CONFIG = Config(
    model="cnn(filters=(32, 64), dense=128, dropout=.3, padding='same')",
    augment="rotate(20) + shift(.1) + flip + brightness(.2) + mixup(.4)",
    clip_norm=1.0,
    ema=0.99,
    batch_size=128,
    train_dev=0.0,
    workdir="runs/tpu_check",
)


def run(config: Config) -> None:
    """Compiles both steps, and prints what the compiler says of them.

    Raises:
        UsageError: There is no such topology, or no compiler.
        RunError: They cannot be compiled.
    """
    chips = _chips(_TOPOLOGY.value)
    _check_compiler(_COMPILER.value)
    made = components.build(config, None, None, lambda *_: None)
    for name, (step, specs) in steps(made, chips).items():
        program = lowered(name, step, specs)
        found = _compiled(name, program, _TOPOLOGY.value, chips)
        print(_said(name, found, len(program), chips), flush=True)


def steps(
    made: Parts, chips: int
) -> dict[str, tuple[Callable[..., object], Sequence[tf.TensorSpec]]]:
    """Returns what a chip does of a training and of an evaluation step.

    Args:
        made: A new run, on one device.
        chips: How many share a batch.

    Returns:
        By name, a function to be compiled, and what it is given.

    Raises:
        UsageError: The batch cannot be divided so.
    """
    from framework.commands.tpu_chip import Chip

    size, accumulate = made.objective.batch_size, made.loop.feed.micro_batches
    policy = made.objective.augment
    shares = chips * accumulate * (2 if policy and policy.mixes else 1)
    if size % shares:
        raise UsageError(
            f"batch_size must be a multiple of {shares} on {chips} chips, not {size}"
        )
    validation = made.examples.validation_batches
    evaluator = Evaluator(made.state, made.objective, validation, size)

    def train(rows, step, real, place):
        with Chip(chips, place):
            return made.loop.on_replica(rows, step, real)[0]

    def evaluate(rows, place):
        with Chip(chips, place):
            return evaluator.on_replica(rows, size // chips)

    rows, number = tf.TensorSpec([size], tf.int32), tf.TensorSpec([], tf.int32)
    step = tf.TensorSpec([], tf.int64)
    return {
        "training step": (train, (rows, step, number, number)),
        "evaluation step": (evaluate, (rows, number)),
    }


def lowered(
    name: str,
    function: Callable[..., object],
    specs: Sequence[tf.TensorSpec],
    stage: str = "stablehlo_serialized",
) -> bytes:
    """Returns a function as StableHLO.

    Args:
        name: What to call it.
        function: Of tensors.
        specs: What it is given.
        stage: "stablehlo" for text.

    Raises:
        RunError: There are operations in it that a TPU lacks; they are named.
    """
    function = tf.function(function, jit_compile=True, autograph=False)
    graph = function.get_concrete_function(*specs).graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    lacking = _NOT_ON_TPU & {node.op for node in nodes}
    try:
        ir = function.experimental_get_compiler_ir(*specs)
        program = ir(stage=stage, platform_name="CPU")
    except (ValueError, tf.errors.OpError) as problem:
        lacking |= set(re.findall(r"No registered '(\w+)' OpKernel", str(problem)))
        if not lacking:
            raise RunError(
                f"the {name} does not compile: {str(problem).splitlines()[0]}"
            ) from None
    if lacking:
        raise RunError(f"the {name} has what a TPU lacks: {', '.join(sorted(lacking))}")
    return program


def _chips(topology: str) -> int:
    """Returns how many chips a topology has.

    Raises:
        UsageError: It is none.
    """
    sides = re.fullmatch(r"\w+:(\d+(?:x\d+)*)", topology)
    if not sides:
        raise UsageError(f"--topology must be like v5e:2x2, not {topology!r}")
    return math.prod(map(int, sides[1].split("x")))


def _check_compiler(python: str) -> None:
    """Refuses a Python without Google's compiler."""
    code = "import importlib.metadata as m; m.version('jax'); m.version('libtpu')"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True)
    except OSError as problem:
        raise UsageError(f"--compiler={python}: {problem.strerror}") from None
    if done.returncode:
        raise UsageError(
            f"{python} has no jax and libtpu; install them in an environment of their "
            f"own, in the versions of third_party/tpu_check.txt in the repository, and "
            f"give its python as --compiler"
        )


def _compiled(
    name: str, program: bytes, topology: str, chips: int
) -> Mapping[str, float | str]:
    """Returns what the compiler says of a program.

    Raises:
        RunError: It cannot compile it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "step.mlir"
        path.write_bytes(program)
        done = subprocess.run(
            [_COMPILER.value, _PROGRAM, topology, str(chips), path],
            capture_output=True,
            text=True,
            env={**os.environ, **_OFFLINE},
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[
            -1
        ]
        raise RunError(f"the {name} does not compile for {topology}: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def _said(name: str, found: Mapping[str, float | str], size: int, chips: int) -> str:
    mebi = {key: found[key] / 2**20 for key in ("arguments", "temporary", "bytes")}
    return (
        f"{name}: {size / 1000:.0f} kB of StableHLO, nothing in it that a TPU lacks; "
        f"compiled for {chips} x {found['kind']} in {found['seconds']:.0f} s\n"
        f"    memory of a chip: {mebi['arguments']:.1f} MiB of weights, images and "
        f"other arguments, {mebi['temporary']:.1f} MiB temporary\n"
        f"    cost on a chip: {found['flops'] / 1e9:.3g} GFLOP, "
        f"{mebi['bytes']:.0f} MiB read and written"
    )


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Does what the command line says, and exits."""
    main_lib.main(CONFIG, run, argv, __doc__)
