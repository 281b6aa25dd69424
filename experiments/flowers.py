"""Flowers photographed in one light, validated in many: accuracy stalls far below.

    python -m experiments.flowers

Over 3 seeds, after 10 epochs: training accuracy 99.9 +- 0.2 %, of the training images
held out 96.0 +- 3.5 %, validation accuracy 65.0 +- 3.0 % and in its best epoch no more
than 66.2 +- 2.6 %. What differs is the light: held-out images have that of training.
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
