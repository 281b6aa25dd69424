"""Runs the console script `whyflat` as a module.

python -m benchmarks.faults.whyflat verify runs/digits-cnn-1
"""

from framework.commands import main

if __name__ == "__main__":
    main()
