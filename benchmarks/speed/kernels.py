"""Counts the kernels of a training step, which no processor's speed changes.

    python -m benchmarks.speed.kernels
    python -m benchmarks.speed.kernels --case=residual

Trains small networks for two steps and counts the operations of the compiled loop by
type, after TensorFlow's optimizer: before the graph is adapted to a processor. Printed
is what differs from `KINDS`, and the exit code is 1 if anything does. A test does
the same, so that a step with more kernels, copies or casts is seen without timing.

Not counted: what moves no data (such as Identity and Reshape) or controls the loop.
`benchmarks.speed.allocations` counts the allocations.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from framework.config import Config
from framework.data import Dataset, Split
from framework.launch import components
from framework.launch.components import Components

# These move no data, or control the loop.
_FREE = {
    "Const",
    "Enter",
    "Exit",
    "ExpandDims",
    "Identity",
    "IdentityN",
    "LoopCond",
    "Merge",
    "NextIteration",
    "NoOp",
    "ReadVariableOp",
    "Reshape",
    "ShapeN",
    "Squeeze",
    "Switch",
    "_Arg",
    "_EagerConst",
    "_Retval",
}
# Constants of more bytes are data that are in memory twice.
_MOST_CONSTANT_BYTES = 4096


_PLAIN: dict[str, Any] = {"model": "cnn(filters=(4, 8), dense=8, padding='same')"}
# Trainings whose steps are counted, as fields of a config.
CASES: dict[str, dict[str, Any]] = {
    "plain": _PLAIN,
    "residual": {"model": "resnet(depth=8)", "optimizer": "sgd(momentum=.9)"},
    "augmented": {
        "model": "cnn(filters=(4, 8), dense=8, dropout=.5, padding='same')",
        "augment": "rotate(20) + flip",
    },
    "bfloat16": {**_PLAIN, "precision": "bfloat16"},
}


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of kernels, and how many of them a step has.

    Attributes:
        types: The types of TensorFlow's operations.
        expected: The number in a step of each of `CASES`, in their order, and in a step
            of the evaluation of the first.
        reason: Why there are as many.
    """

    types: tuple[str, ...]
    expected: tuple[int, int, int, int, int]
    reason: str


def build(flags: Mapping[str, Any]) -> Components:
    """Builds a training on 70 images of 8x8x1 of five classes.

    Args:
        flags: Fields of its config.
    """
    generator = np.random.default_rng(0)
    images = generator.integers(256, size=(70, 8, 8, 1), dtype=np.uint8)
    split = Split(images, np.arange(70, dtype=np.int32) % 5)
    dataset = Dataset("random", split, split.take(np.arange(20)), tuple("abcde"))
    with tempfile.TemporaryDirectory() as folder:
        settings = {"train_for": "3ep", "batch_size": 16, "workdir": folder, **flags}
        return components.build(Config(**settings), None, dataset, lambda *_: None)


def count(call: Callable[[], object]) -> dict[str, int]:
    """Returns the number of kernels by type of the functions that a call compiles.

    A fused kernel also counts as the operations that are fused with it.

    Args:
        call: Calls compiled functions for the first time.

    Raises:
        AssertionError: A constant is so large that it must be data.
    """
    counts: collections.Counter[str] = collections.Counter()
    for graph in _optimized(call):
        functions = [function.node_def for function in graph.library.function]
        for nodes in [graph.node, *functions]:
            for node in nodes:
                counts.update(_kernels(node))
    return dict(sorted(counts.items()))


def by_kind(counts: Mapping[str, int]) -> dict[str, int]:
    """Returns the number of kernels of each of `KINDS`; others by their own type.

    >>> by_kind({"Tile": 1, "Pack": 2, "PyFunc": 1})["PyFunc"]
    1

    Args:
        counts: The numbers of kernels by type.
    """
    names = {each: name for name, kind in KINDS.items() for each in kind.types}
    sums = collections.Counter(dict.fromkeys(KINDS, 0))
    for each, number in counts.items():
        sums[names.get(each, each)] += number
    return dict(sums)


def differences(counts: Mapping[str, int], column: int) -> list[str]:
    """Returns a line for each kind of which a step has more or fewer than expected.

    Args:
        counts: The numbers of kernels by type.
        column: The place in `Kind.expected`.
    """
    lines = []
    for name, number in by_kind(counts).items():
        kind = KINDS.get(name)
        expected = kind.expected[column] if kind else 0
        if number != expected:
            reason = kind.reason if kind else "a type that no step had"
            lines.append(f"{name}: {number} instead of {expected} ({reason})")
    return lines


def train_step(flags: Mapping[str, Any]) -> dict[str, int]:
    """Returns the number of kernels of a training step by type; see `count`."""
    loop = build(flags).loop
    return count(lambda: loop(0, 2))


def evaluation_step(flags: Mapping[str, Any]) -> dict[str, int]:
    """Returns the number of kernels of an evaluation step by type; see `count`."""
    built = build(flags)
    evaluator = built.evaluator(built.examples.validation_batches)
    return count(lambda: evaluator(np.arange(20)))


def _optimized(call: Callable[[], object]) -> list[tf.compat.v1.GraphDef]:
    """Returns the optimized graphs of the functions that a call compiles."""
    # There is no public way to them.
    from tensorflow.python.eager import context

    eager = context.context()
    eager.enable_graph_collection()
    try:
        call()
        metadata = eager.export_run_metadata()
    finally:
        eager.disable_graph_collection()
    return [each.post_optimization_graph for each in metadata.function_graphs]


def _kernels(node: tf.compat.v1.NodeDef) -> list[str]:
    if node.op == "Const":
        size = len(node.attr["value"].tensor.tensor_content)
        assert size <= _MOST_CONSTANT_BYTES, f"{node.name} has {size:,} bytes"
    if node.op in _FREE:
        return []
    if node.op == "_FusedBatchNormEx":
        # Whether ReLU is fused with it depends on the processor.
        activation = node.attr["activation_mode"].s.decode()
        added = ["AddV2"] * node.attr["num_side_inputs"].i
        return ["FusedBatchNormV3", *added] + [activation] * (activation != "Identity")
    if not node.op.startswith("_Fused"):
        return [node.op]
    fused = [name.decode() for name in node.attr["fused_ops"].list.s]
    return [node.op.removeprefix("_Fused"), *fused]


_ARITHMETIC = (
    "AddN",
    "AddV2",
    "All",
    "ArgMax",
    "Equal",
    "Expm1",
    "Floor",
    "Greater",
    "GreaterEqual",
    "IsFinite",
    "Less",
    "LessEqual",
    "LogicalAnd",
    "LogicalOr",
    "Max",
    "Maximum",
    "Mean",
    "Minimum",
    "Mul",
    "Neg",
    "Pow",
    "Range",
    "RealDiv",
    "Round",
    "SelectV2",
    "Softmax",
    "SparseSoftmaxCrossEntropyWithLogits",
    "Sqrt",
    "Square",
    "Sub",
    "Sum",
)
KINDS: dict[str, Kind] = {
    "Conv2D": Kind(("Conv2D",), (2, 9, 2, 2, 2), "one for each convolution"),
    "Conv2DBackpropFilter": Kind(
        ("Conv2DBackpropFilter",), (2, 9, 2, 2, 0), "one for each convolution"
    ),
    "Conv2DBackpropInput": Kind(
        ("Conv2DBackpropInput",),
        (1, 8, 1, 1, 0),
        "one for each convolution but the first, whose input has no gradient",
    ),
    "MatMul": Kind(
        ("MatMul",),
        (8, 3, 8, 8, 2),
        "of a dense layer: its output, and the gradients of weights, input and, as the "
        "fastest sum over a batch, bias",
    ),
    "pooling": Kind(
        ("MaxPool", "MaxPoolGrad"), (4, 0, 4, 4, 2), "each forward and backward"
    ),
    "bias and ReLU": Kind(
        ("BiasAdd", "BiasAddGrad", "Relu", "ReluGrad"),
        (12, 16, 12, 12, 7),
        "each forward and backward; forward, they are fused with the convolution",
    ),
    "batch norm": Kind(
        ("FusedBatchNormV3", "FusedBatchNormGradV3"),
        (0, 18, 0, 0, 0),
        "one kernel forward and one backward for each layer",
    ),
    "update": Kind(
        ("ResourceApplyAdam", "ResourceApplyKerasMomentum"),
        (8, 29, 8, 8, 0),
        "one for each variable",
    ),
    "writes": Kind(
        ("AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"),
        (5, 32, 5, 5, 0),
        "the learning rate, the optimizer's count, three sums, and two moving averages "
        "and a count for each batch norm",
    ),
    "gathers": Kind(
        ("GatherV2",), (2, 2, 6, 2, 3), "images and labels; of rotated images, pixels"
    ),
    "casts": Kind(
        ("Cast",),
        (9, 8, 17, 24, 2),
        "the images; others are of scalars, and in bfloat16 of weights and gradients",
    ),
    "moves": Kind(
        ("ConcatV2", "Pack", "StridedSlice", "Tile", "Transpose", "Unpack"),
        (3, 4, 34, 3, 5),
        "the batch's indices and the normalization's statistics; the matrices of an "
        "augmentation",
    ),
    "random numbers": Kind(
        ("StatelessRandomUniformFullIntV2", "RightShift"),
        (0, 0, 6, 0, 0),
        "rotation, flip and dropout",
    ),
    "compiled by XLA": Kind(
        ("PartitionedCall",), (0, 0, 1, 0, 0), "resampling; gradients of ReLU"
    ),
    "lists": Kind(
        ("TensorListReserve", "TensorListSetItem", "TensorListStack"),
        (0, 0, 0, 0, 12),
        "five outputs of each example of an evaluation",
    ),
    "arithmetic": Kind(
        _ARITHMETIC,
        (31, 166, 147, 31, 20),
        "loss and accuracy, the learning rate, the sums of a batch; moving averages of "
        "batch norm; coordinates of an augmentation",
    ),
}


def main() -> None:
    """Prints a line for each difference."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", choices=sorted(CASES), nargs="*", default=CASES)
    lines = [
        f"{name}: {line}"
        for column, name in enumerate(CASES)
        if name in parser.parse_args().case
        for line in differences(train_step(CASES[name]), column)
    ]
    evaluated = evaluation_step(CASES["plain"])
    lines += [f"evaluation: {line}" for line in differences(evaluated, len(CASES))]
    print("\n".join(lines) or "no step has more or fewer kernels than expected")
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
