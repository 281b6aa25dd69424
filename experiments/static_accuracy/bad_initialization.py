"""All weights begin at the same value, and so all units stay the same.

    python -m experiments.static_accuracy.bad_initialization

@@RESULT@@
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(
    dataset="digits",
    model="experiments.static_accuracy.networks:constant(value=.01)",
    train_for="20ep",
    workdir="runs/static_accuracy/bad_initialization",
)

if __name__ == "__main__":
    main(CONFIG)
