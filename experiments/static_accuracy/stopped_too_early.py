"""Training ends after two epochs, but needs twenty.

    python -m experiments.static_accuracy.stopped_too_early

Over 3 seeds: validation accuracy 66.0 +- 6.5 %; mended 91.4 +- 0.3 % (python -m
benchmarks.zoo.run --admit --cases='run: two epochs' --seeds=3).
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="drawn_flowers(train=500, validation=400, size=24)",
    model="cnn(filters=(16, 32), dense=64)",
    train_for="2ep",
    evaluate_every="5%",
    workdir="runs/static_accuracy/stopped_too_early",
)

if __name__ == "__main__":
    main(CONFIG)
