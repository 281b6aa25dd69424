"""Validation images have more blur and noise than training images.

    python -m experiments.static_accuracy.distribution_shift

Over 6 seeds: validation accuracy 49.1 +- 9.6 %; mended 73.4 +- 2.1 % (python -m
benchmarks.zoo.run --admit --cases='run: another camera' --seeds=6).
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="drawn_flowers(train=500, validation=400, size=24, blur=.2, "
    "noise=2, validation_blur=2.5, validation_noise=40)",
    model="cnn(filters=(16, 32), dense=64)",
    train_for="20ep",
    workdir="runs/static_accuracy/distribution_shift",
)

if __name__ == "__main__":
    main(CONFIG)
