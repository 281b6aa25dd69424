"""The last species has a hundred times fewer training images than the first.

    python -m experiments.static_accuracy.class_imbalance

Over 2 seeds: validation accuracy 65.5 +- 1.1 %; mended 91.5 +- 0.4 % (python -m
benchmarks.zoo.run --admit --cases='run: imbalance' --seeds=2).
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="drawn_flowers(train=500, validation=400, size=24, imbalance=100)",
    model="cnn(filters=(16, 32), dense=64)",
    train_for="20ep",
    workdir="runs/static_accuracy/class_imbalance",
)

if __name__ == "__main__":
    main(CONFIG)
