"""All weights are initialized to the same value, so that all units stay identical.

    python -m experiments.static_accuracy.bad_initialization

Over 2 seeds: validation accuracy 23.0 +- 0.6 %; mended 97.4 +- 0.6 % (python -m
benchmarks.zoo.run --admit --cases='run: constant weights' --seeds=2).
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="digits",
    model="experiments.static_accuracy.networks:constant(value=.01)",
    train_for="20ep",
    workdir="runs/static_accuracy/bad_initialization",
)

if __name__ == "__main__":
    main(CONFIG)
