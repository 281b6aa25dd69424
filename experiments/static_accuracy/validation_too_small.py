"""The validation split has sixteen images.

    python -m experiments.static_accuracy.validation_too_small

Over 8 seeds: validation accuracy 93.8 +- 5.8 %; mended 92.1 +- 1.0 % (python -m
benchmarks.zoo.run --admit --cases='run: sixteen to validate on' --seeds=8).
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="drawn_flowers(train=500, validation=16, size=24)",
    model="cnn(filters=(16, 32), dense=64)",
    train_for="20ep",
    workdir="runs/static_accuracy/validation_too_small",
)

if __name__ == "__main__":
    main(CONFIG)
