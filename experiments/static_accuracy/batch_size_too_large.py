"""One step per epoch: all images in one batch, at the learning rate of a small batch.

    python -m experiments.static_accuracy.batch_size_too_large

Over 3 seeds: validation accuracy 44.5 +- 4.3 %; mended 91.5 +- 0.7 % (python -m
benchmarks.zoo.run --admit --cases='run: one batch' --seeds=3).
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="drawn_flowers(train=500, validation=400, size=24)",
    model="cnn(filters=(16, 32), dense=64)",
    optimizer="sgd",
    learning_rate=0.02,
    batch_size=475,
    train_for="20ep",
    workdir="runs/static_accuracy/batch_size_too_large",
)

if __name__ == "__main__":
    main(CONFIG)
