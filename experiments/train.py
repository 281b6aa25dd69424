"""Trains an image classifier on any data set, with any model.

python -m experiments.train
python -m experiments.train --dataset='folder("photos", size=64)' --model=resnet
"""

from framework.config import Config
from framework.main import main

CONFIG = Config(workdir="runs/train")

if __name__ == "__main__":
    main(CONFIG)
