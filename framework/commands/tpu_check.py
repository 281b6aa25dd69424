"""Compiles a run's training and evaluation step for TPUs, without a TPU.

    python -m venv tpu && tpu/bin/pip install -r third_party/tpu_check.txt
    whyflat tpu-check --model='resnet(depth=20)' --compiler=tpu/bin/python
    whyflat tpu-check --topology=v5e:2x2 --compiler=tpu/bin/python

All flags are those of a run. TensorFlow lowers one chip's part of a step, from the
choice of images to the new weights and the sums of the metrics, to StableHLO. Google's
compiler, which is part of libtpu, compiles it for the topology. The exit code is 0 if
it compiles. Nothing is executed; the numbers are the compiler's estimates.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import tensorflow as tf
from absl import flags

from framework import main as main_lib
from framework.config import Config
from framework.errors import RunError, UsageError
from framework.launch import checks, components
from framework.launch.components import Components
from framework.loop.evaluator import Evaluator

_TOPOLOGY = flags.DEFINE_string(
    "topology", "v5e:1x1", "Type and arrangement of TPU chips, such as v5e:2x2."
)
_COMPILER = flags.DEFINE_string(
    "compiler",
    sys.executable,
    "Python interpreter with the packages of third_party/tpu_check.txt, such as "
    "tpu/bin/python.",
)
_PROGRAM = Path(__file__).with_name("tpu_compile.py")
# Keeps libtpu from querying the machine type over the network.
_OFFLINE = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "JAX_PLATFORMS": "cpu",
}
# Operations that XLA compiles for a CPU, but not for a TPU.
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


@dataclasses.dataclass(frozen=True)
class Estimates:
    """The compiler's estimates of a program, per chip.

    Attributes:
        kind: Name of the chip.
        seconds: Duration of the compilation.
        arguments: Bytes of weights, images and other arguments.
        temporary: Bytes of temporary memory.
        flops: Floating-point operations.
        bytes: Bytes read and written.
    """

    kind: str
    seconds: float
    arguments: float
    temporary: float
    flops: float
    bytes: float


def run(config: Config) -> None:
    """Compiles the training and the evaluation step, and prints the estimates.

    Raises:
        UsageError: There is no such topology, or no compiler, or a flag does not work
            on TPUs.
        RunError: A step cannot be compiled.
    """
    if config.shards:
        raise UsageError(
            f"--shards={config.shards} does not work on TPUs; leave it out"
        )
    chips = _count_chips(_TOPOLOGY.value)
    _check_compiler(_COMPILER.value)
    built = components.build(config, None, None, lambda *_: None)
    checks.refuse_stream(built.examples.dataset, "an estimate for TPUs")
    for name, (step, specs) in steps(built, chips).items():
        program = lower(name, step, specs)
        estimates = _compile(name, program, _TOPOLOGY.value, chips)
        print(_describe(name, estimates, len(program), chips), flush=True)


def steps(
    built: Components, chips: int
) -> dict[str, tuple[Callable[..., object], Sequence[tf.TensorSpec]]]:
    """Returns one chip's part of a training and of an evaluation step.

    Args:
        built: The components of a new run on one device.
        chips: The number of chips.

    Returns:
        Functions to compile, with the specifications of their arguments, by name.

    Raises:
        UsageError: The batch cannot be divided among the chips.
    """
    from framework.commands.tpu_chip import Chip

    size, accumulate = built.objective.batch_size, built.loop.feed.micro_batches
    policy = built.objective.augment
    divisor = chips * accumulate * (2 if policy and policy.has_mix else 1)
    if size % divisor:
        raise UsageError(
            f"batch_size must be a multiple of {divisor} on {chips} chips, not {size}"
        )
    validation = built.examples.validation_batches
    evaluator = Evaluator(built.state, built.objective, validation, size)

    def train(
        indices: tf.Tensor, step: tf.Tensor, examples: tf.Tensor, chip: tf.Tensor
    ) -> object:
        with Chip(chips, chip):
            return built.loop.on_replica(indices, step, examples)[0]

    def evaluate(indices: tf.Tensor, chip: tf.Tensor) -> object:
        with Chip(chips, chip):
            return evaluator.on_replica(indices, size // chips)

    indices, number = tf.TensorSpec([size], tf.int32), tf.TensorSpec([], tf.int32)
    step = tf.TensorSpec([], tf.int64)
    return {
        "training step": (train, (indices, step, number, number)),
        "evaluation step": (evaluate, (indices, number)),
    }


def lower(
    name: str,
    function: Callable[..., object],
    specs: Sequence[tf.TensorSpec],
    stage: str = "stablehlo_serialized",
) -> bytes:
    """Lowers a function to StableHLO.

    Args:
        name: Its name in messages.
        function: A function of tensors.
        specs: The specifications of its arguments.
        stage: "stablehlo_serialized", or "stablehlo" for text.

    Raises:
        RunError: The function has operations that TPUs do not support.
    """
    compiled = tf.function(function, jit_compile=True, autograph=False)
    graph = compiled.get_concrete_function(*specs).graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    unsupported = _NOT_ON_TPU & {node.op for node in nodes}
    try:
        ir = compiled.experimental_get_compiler_ir(*specs)
        program = ir(stage=stage, platform_name="CPU")
    except (ValueError, tf.errors.OpError) as problem:
        unsupported |= set(re.findall(r"No registered '(\w+)' OpKernel", str(problem)))
        if not unsupported:
            raise RunError(
                f"the {name} does not compile: {str(problem).splitlines()[0]}"
            ) from None
    if unsupported:
        raise RunError(
            f"the {name} has operations that TPUs do not support: "
            f"{', '.join(sorted(unsupported))}"
        )
    return program


def _count_chips(topology: str) -> int:
    """Returns the number of chips of a topology.

    Raises:
        UsageError: The text is not a topology.
    """
    sides = re.fullmatch(r"\w+:(\d+(?:x\d+)*)", topology)
    if not sides:
        raise UsageError(f"--topology must be like v5e:2x2, not {topology!r}")
    return math.prod(map(int, sides[1].split("x")))


def _check_compiler(python: str) -> None:
    """Raises UsageError if a Python interpreter lacks jax or libtpu."""
    code = "import importlib.metadata as m; m.version('jax'); m.version('libtpu')"
    try:
        process = subprocess.run([python, "-c", code], capture_output=True)
    except OSError as problem:
        raise UsageError(f"--compiler={python}: {problem.strerror}") from None
    if process.returncode:
        raise UsageError(
            f"{python} has no jax and libtpu; install third_party/tpu_check.txt of the "
            f"repository in a separate environment, and pass its python as --compiler"
        )


def _compile(name: str, program: bytes, topology: str, chips: int) -> Estimates:
    """Compiles a program; returns the compiler's estimates.

    Raises:
        RunError: The program does not compile.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "step.mlir"
        path.write_bytes(program)
        process = subprocess.run(
            [_COMPILER.value, _PROGRAM, topology, str(chips), path],
            capture_output=True,
            text=True,
            env={**os.environ, **_OFFLINE},
        )
    if process.returncode:
        lines = process.stderr.strip().splitlines()
        reason = lines[-1] if lines else f"exit code {process.returncode}"
        raise RunError(f"the {name} does not compile for {topology}: {reason}")
    fields = json.loads(process.stdout.splitlines()[-1])
    names = [field.name for field in dataclasses.fields(Estimates)]
    return Estimates(**{name: fields[name] for name in names})


def _describe(name: str, estimates: Estimates, size: int, chips: int) -> str:
    mebibyte = 2**20
    return (
        f"{name}: {size / 1000:.0f} kB of StableHLO, all operations supported by TPUs; "
        f"compiled for {chips} x {estimates.kind} in {estimates.seconds:.0f} s\n"
        f"    memory per chip: {estimates.arguments / mebibyte:.1f} MiB of weights, "
        f"images and other arguments, {estimates.temporary / mebibyte:.1f} MiB "
        f"temporary\n"
        f"    cost per chip: {estimates.flops / 1e9:.3g} GFLOP, "
        f"{estimates.bytes / mebibyte:.0f} MiB read and written"
    )


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    main_lib.main(CONFIG, run, argv, __doc__)
