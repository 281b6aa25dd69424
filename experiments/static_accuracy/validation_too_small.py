"""Sixteen images to validate on.

    python -m experiments.static_accuracy.validation_too_small

@@RESULT@@
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
