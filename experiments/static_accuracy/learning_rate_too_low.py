"""Adam at 1/500 of the usual learning rate.

    python -m experiments.static_accuracy.learning_rate_too_low

Over 2 seeds: validation accuracy 25.4 +- 6.9 %; mended 91.5 +- 0.4 % (python -m
benchmarks.zoo.run --admit --cases='run: Adam 2e-6' --seeds=2).
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="drawn_flowers(train=500, validation=400, size=24)",
    model="cnn(filters=(16, 32), dense=64)",
    learning_rate=2e-06,
    train_for="20ep",
    workdir="runs/static_accuracy/learning_rate_too_low",
)

if __name__ == "__main__":
    main(CONFIG)
