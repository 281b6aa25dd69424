"""Runnable experiments: short files with one CONFIG each."""

from pkgutil import extend_path

# Imported first: it makes an experiment's `import tensorflow` lazy.
import framework  # noqa: F401

# Lets `--model=experiments.mine:net` also find a user's own folder `experiments`.
__path__ = extend_path(__path__, __name__)
