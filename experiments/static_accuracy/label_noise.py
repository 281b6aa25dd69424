"""40 % of the training labels are wrong, and the network memorizes them.

    python -m experiments.static_accuracy.label_noise

Over 2 seeds: validation accuracy 67.6 +- 1.2 %; mended 91.5 +- 0.4 % (python -m
benchmarks.zoo.run --admit --cases='run: label noise' --seeds=2).
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="drawn_flowers(train=500, validation=400, size=24, label_noise=.4)",
    model="cnn(filters=(16, 32), dense=64)",
    train_for="20ep",
    workdir="runs/static_accuracy/label_noise",
)

if __name__ == "__main__":
    main(CONFIG)
