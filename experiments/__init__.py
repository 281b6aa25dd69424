"""Runnable experiments: each a short file with one CONFIG."""

from pkgutil import extend_path

# First, so that an experiment's `import tensorflow` is put off as the house's own is.
import framework  # noqa: F401

# So that `--model=experiments.mine:net` finds a user's own folder `experiments` too.
__path__ = extend_path(__path__, __name__)
