"""The cost of augmentation in a training step of the seed article's second net.

taskset -c 0 python -m benchmarks.speed.augment_step

Whole steps and augmentation alone, of batches as large, are done in turn, round after
round. So the share is seen on a busy machine as well, where a difference between steps
with and without would be lost in the noise.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from absl import app, flags

_ROUNDS = flags.DEFINE_integer(
    "rounds", 12, "Number of measurements of each, such as 12."
)
_STEPS = flags.DEFINE_integer(
    "steps", 20, "Number of steps per measurement, such as 20."
)


def contestants() -> dict[str, Callable[[], object]]:
    """Returns functions that run training steps, and only their augmentation."""
    import tensorflow as tf

    from experiments.seed_augmented import CONFIG
    from framework.launch import components
    from framework.numerics.draws import Draws

    built = components.build(CONFIG, None, None, lambda *_: None)
    policy, count = built.objective.augment, CONFIG.batch_size
    images = tf.constant(built.examples.train_batches.split.images[:count])
    start = tf.constant(0, tf.int64)

    def body(step: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        changed = policy(images, Draws(CONFIG.seed, step, start, count), count)
        return step + 1, total + changed[0, 0, 0, 0]

    @tf.function(autograph=False)
    def alone() -> tf.Tensor:
        return tf.while_loop(lambda step, _: step < _STEPS.value, body, (start, 0.0))[1]

    def whole() -> None:
        built.loop(0, _STEPS.value)
        built.loop.is_finite()

    return {"whole": whole, "alone": lambda: alone().numpy()}


def main(_: list[str]) -> None:
    """Prints the fraction."""
    seconds: dict[str, list[float]] = {}
    makers = contestants()
    for _ in range(_ROUNDS.value + 1):
        for name, make in makers.items():
            start = time.perf_counter()
            make()
            seconds.setdefault(name, []).append(time.perf_counter() - start)
    # The first round traces and compiles.
    whole, alone = seconds["whole"][1:], seconds["alone"][1:]
    shares = [one / other for one, other in zip(alone, whole, strict=True)]
    low, middle, high = statistics.quantiles(shares, n=4)
    print(
        f"{1000 * statistics.median(whole) / _STEPS.value:.1f} ms a step, "
        f"augmentation {middle:.1%} of it (quartiles {low:.1%} to {high:.1%})"
    )


if __name__ == "__main__":
    app.run(main)
