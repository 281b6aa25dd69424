"""What augmentation costs of a training step: the seed article's second net.

taskset -c 0 python -m benchmarks.augment_step

The same net is trained with and without, in turn, round after round.
"""

from __future__ import annotations

import dataclasses
import statistics
import time

from absl import app, flags

_ROUNDS = flags.DEFINE_integer("rounds", 12, "How many times each trains.")
_STEPS = flags.DEFINE_integer("steps", 20, "How many steps at a time.")


def main(_: list[str]) -> None:
    """Prints the share."""
    from experiments.seed_augmented import CONFIG
    from framework import parts

    loops = {
        name: parts.build(
            dataclasses.replace(CONFIG, augment=augment), None, None, lambda *_: None
        ).loop
        for name, augment in (("with", CONFIG.augment), ("without", ""))
    }
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(_ROUNDS.value + 1):
        for name, loop in loops.items():
            start = time.perf_counter()
            loop(0, _STEPS.value)
            loop.is_finite()
            seconds[name].append(time.perf_counter() - start)
    # The first round traces and compiles.
    shares = [
        1 - without / with_
        for with_, without in zip(
            seconds["with"][1:], seconds["without"][1:], strict=True
        )
    ]
    low, middle, high = statistics.quantiles(shares, n=4)
    each = statistics.median(seconds["with"][1:]) / _STEPS.value
    print(
        f"{1000 * each:.1f} ms a step of {CONFIG.batch_size} images, of which "
        f"augmentation {middle:.1%} (quartiles {low:.1%} to {high:.1%})"
    )


if __name__ == "__main__":
    app.run(main)
