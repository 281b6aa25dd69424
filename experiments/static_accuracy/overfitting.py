"""Sixty training images, without augmentation or other regularization.

    python -m experiments.static_accuracy.overfitting

Over 3 seeds: validation accuracy 64.9 +- 5.8 %; mended 92.2 +- 1.5 % (python -m
benchmarks.zoo.run --admit --cases='run: sixty flowers' --seeds=3).
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="drawn_flowers(train=60, validation=400, size=24)",
    train_dev=0.0,
    model="cnn(filters=(16, 32), dense=64)",
    train_for="60ep",
    workdir="runs/static_accuracy/overfitting",
)

if __name__ == "__main__":
    main(CONFIG)
