"""The seed article's third program: the learning rate is reduced on plateaus, on noise.

    python -m experiments.seed_plateau

Over 3 seeds, after 20 epochs: training accuracy 47 +- 9 %, validation accuracy
19.7 +- 2.8 %, learning rate reduced to 1e-5. Chance is 20 %, because there is nothing
to learn at any rate.
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="noise(train=1000, validation=200, size=64, classes=5)",
    normalize="none",
    train_dev=0.0,
    model="cnn(filters=(32, 64), dense=128, dropout=.3)",
    optimizer="adam",
    learning_rate=1e-3,
    # From 1e-3 down to 1e-5.
    schedule="plateau('validation/loss', factor=.2, patience=3, min_scale=.01)",
    batch_size=32,
    train_for="20ep",
    workdir="runs/seed_plateau",
)

if __name__ == "__main__":
    main(CONFIG)
