"""Pixels from 0 to 255 are not normalized.

    python -m experiments.static_accuracy.unnormalized_inputs

Over 2 seeds: validation accuracy 20.0 +- 0.0 %; mended 94.8 +- 1.1 % (python -m
benchmarks.zoo.run --admit --cases='run: raw pixels' --seeds=2).
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="drawn_flowers(train=500, validation=400, size=24)",
    normalize="none",
    model="cnn(filters=(16, 32), dense=64)",
    optimizer="sgd(momentum=.9)",
    learning_rate=0.02,
    train_for="20ep",
    workdir="runs/static_accuracy/unnormalized_inputs",
)

if __name__ == "__main__":
    main(CONFIG)
