"""The convolutions are frozen at their random initial weights.

    python -m experiments.static_accuracy.frozen_weights

Over 3 seeds: validation accuracy 35.6 +- 1.8 %; mended 90.0 +- 2.0 % (python -m
benchmarks.zoo.run --admit --cases='run: frozen' --seeds=3).
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="drawn_flowers(train=500, validation=400, size=24)",
    model="experiments.static_accuracy.networks:frozen()",
    train_for="20ep",
    workdir="runs/static_accuracy/frozen_weights",
)

if __name__ == "__main__":
    main(CONFIG)
