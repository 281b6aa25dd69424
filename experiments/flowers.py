"""Flowers photographed in one light, validated in many: accuracy stalls far below.

    python -m experiments.flowers

MEASURED
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="drawn_flowers(train=1000, validation=500, light=.1, validation_light=1.5)",
    model="cnn(filters=(32, 64), dense=128)",
    train_for="10ep",
    workdir="runs/flowers",
)

if __name__ == "__main__":
    main(CONFIG)
