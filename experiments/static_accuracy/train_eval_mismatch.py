"""Batch norm's moving statistics are updated too slowly to converge.

    python -m experiments.static_accuracy.train_eval_mismatch

Over 5 seeds: validation accuracy 40.4 +- 16.9 %; mended 84.0 +- 2.0 % (python -m
benchmarks.zoo.run --admit --cases='run: slow statistics' --seeds=5).
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="drawn_flowers(train=500, validation=400, size=24)",
    model="experiments.static_accuracy.networks:slow_statistics(momentum=.999)",
    train_for="20ep",
    workdir="runs/static_accuracy/train_eval_mismatch",
)

if __name__ == "__main__":
    main(CONFIG)
