"""JAX: a step under `jax.jit`, one call a batch, Adam by hand.

    python -m benchmarks.speed.peers.jax_loop --workload=W4

For the convolutional networks only. All is XLA's, which on a processor has convolutions
of its own and no bfloat16 instructions.
"""

from __future__ import annotations

from benchmarks.speed import meter as meter_lib
from benchmarks.speed.workloads import WORKLOADS, Workload, images, scaled


def initial(workload: Workload) -> list:
    """Returns pairs of weights and biases, layer by layer."""
    import jax
    import jax.numpy as jnp

    side, _, channels = workload.shape
    shapes = []
    for count in workload.filters:
        shapes.append((3, 3, channels, count))
        channels, side = count, (side - 2) // 2
    shapes += [(channels * side**2, workload.dense), (workload.dense, workload.classes)]
    make = jax.nn.initializers.glorot_uniform()
    keys = jax.random.split(jax.random.PRNGKey(0), len(shapes))
    return [
        (make(key, shape), jnp.zeros(shape[-1]))
        for key, shape in zip(keys, shapes, strict=True)
    ]


def logits_of(weights: list, x: object) -> object:
    """Returns float32 [rows, classes]."""
    import jax
    import jax.numpy as jnp

    *convolutions, dense, last = weights
    for kernel, bias in convolutions:
        layout = ("NHWC", "HWIO", "NHWC")
        x = jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "VALID", (1, 1), (1, 1), layout
        )
        x = jax.lax.reduce_window(
            jax.nn.relu(x + bias),
            -jnp.inf,
            jax.lax.max,
            (1, 2, 2, 1),
            (1, 2, 2, 1),
            "VALID",
        )
    x = jax.nn.relu(x.reshape(len(x), -1) @ dense[0] + dense[1])
    return x @ last[0] + last[1]


def main() -> None:
    """Trains and prints the measurements."""
    arguments = meter_lib.arguments()
    workload = WORKLOADS[arguments.workload]
    meter = meter_lib.Meter(arguments)
    import jax
    import jax.numpy as jnp
    import numpy as np

    tree = jax.tree_util.tree_map
    data = {name: jnp.asarray(x) for name, x in scaled(images(workload)).items()}

    def outcome(weights, x, y):
        logits = logits_of(weights, x)
        losses = -jax.nn.log_softmax(logits)[jnp.arange(len(y)), y]
        return losses.mean(), jnp.mean(logits.argmax(1) == y)

    @jax.jit
    def train_step(state, x, y):
        weights, first, second, step = state
        (loss, accuracy), gradients = jax.value_and_grad(outcome, has_aux=True)(
            weights, x, y
        )
        step += 1
        first = tree(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = tree(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
        rate = workload.learning_rate * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        weights = tree(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, first, second
        )
        return (weights, first, second, step), loss, accuracy

    test_step = jax.jit(outcome)
    weights = initial(workload)
    zeros = tree(jnp.zeros_like, weights)
    state, size = (weights, zeros, zeros, 0.0), workload.batch_size
    generator = np.random.default_rng(0)
    for epoch in range(arguments.epochs):
        order, trained = generator.permutation(workload.train), []
        for rows in np.split(order, range(size, len(order), size)):
            x, y = data["x_train"][rows], data["y_train"][rows]
            state, *outputs = train_step(state, x, y)
            trained.append(outputs)
            if not epoch and len(trained) == 1:
                jax.block_until_ready(outputs)
                meter.stepped()
        trained = [
            float(jnp.stack(values).mean()) for values in zip(*trained, strict=True)
        ]
        meter.trained()
        x, y = data["x_validation"], data["y_validation"]
        validated = [float(value) for value in test_step(state[0], x, y)]
        meter.evaluated()
        meter_lib.log(epoch, trained + validated)
    meter.write(validated[-1])


if __name__ == "__main__":
    main()
