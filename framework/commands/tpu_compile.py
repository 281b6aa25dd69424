"""Compiles StableHLO for TPUs without a TPU; run by `whyflat tpu-check`.

    PYTHON framework/commands/tpu_compile.py TOPOLOGY CHIPS FILE

PYTHON must have jax and libtpu in the versions of third_party/tpu_check.txt, because
this program uses their private modules. It does not need TensorFlow or the rest of this
package. It prints the compiler's estimates as one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

# JAX is in an environment of its own, not where types are checked.
from jax._src.interpreters import mlir  # type: ignore[import-not-found,unused-ignore]
from jax._src.lib import xla_client  # type: ignore[import-not-found,unused-ignore]
from jax._src.lib.mlir import ir  # type: ignore[import-not-found,unused-ignore]
from jax.experimental import topologies  # type: ignore[import-not-found,unused-ignore]


def parse(content: bytes, chips: int) -> ir.Module:
    """Parses a program, and prepares it for a number of chips."""
    module = ir.Module.parse(content)
    copies = []

    def visit(operation: ir.Operation) -> ir.WalkResult:
        # TensorFlow inserts these operations, which the compiler does not know.
        if operation.name == "mhlo.copy":
            operation.results[0].replace_all_uses_with(operation.operands[0])
            copies.append(operation)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for copy in copies:
        copy.erase()
    integer = ir.IntegerType.get_signless(32)
    for name, value in (("num_replicas", chips), ("num_partitions", 1)):
        attribute = ir.IntegerAttr.get(integer, value)
        module.operation.attributes[f"mhlo.{name}"] = attribute
    return module


def main(topology: str, chips: int, path: str) -> None:
    """Compiles a file, and prints the compiler's estimates."""
    description = topologies.get_topology_desc(platform="tpu", topology_name=topology)
    devices = description.devices[:chips]
    options = xla_client.CompileOptions()
    options.num_replicas, options.num_partitions = chips, 1
    identifiers = np.array([[device.id] for device in devices])
    options.device_assignment = xla_client.DeviceAssignment.create(identifiers)
    with open(path, "rb") as file:
        content = file.read()
    start = time.perf_counter()
    with mlir.make_ir_context():
        client, module = devices[0].client, parse(content, chips)
        program = client.compile(module, xla_client.DeviceList(tuple(devices)), options)
    memory, cost = program.get_compiled_memory_stats(), program.cost_analysis()
    result = {
        "kind": devices[0].device_kind,
        "seconds": time.perf_counter() - start,
        "arguments": memory.argument_size_in_bytes,
        "temporary": memory.temp_size_in_bytes,
        "code": memory.generated_code_size_in_bytes,
        "flops": cost["flops"],
        "bytes": cost["bytes accessed"],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
