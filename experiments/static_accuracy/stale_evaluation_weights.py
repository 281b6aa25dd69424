"""What is evaluated is an average over far more steps than the run has.

    python -m experiments.static_accuracy.stale_evaluation_weights

@@RESULT@@
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="drawn_flowers(train=500, validation=400, size=24)",
    model="cnn(filters=(16, 32), dense=64)",
    ema=0.9995,
    train_for="20ep",
    workdir="runs/static_accuracy/stale_evaluation_weights",
)

if __name__ == "__main__":
    main(CONFIG)
