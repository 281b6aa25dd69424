"""The only hidden layer has two units.

    python -m experiments.static_accuracy.insufficient_capacity

Over 3 seeds: validation accuracy 33.1 +- 17.4 %; mended 97.8 +- 0.5 % (python -m
benchmarks.zoo.run --admit --cases='run: two units' --seeds=3).
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="digits",
    model="mlp(units=(2,))",
    train_for="30ep",
    workdir="runs/static_accuracy/insufficient_capacity",
)

if __name__ == "__main__":
    main(CONFIG)
