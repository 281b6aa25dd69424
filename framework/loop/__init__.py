"""The training loop: compiled steps, evaluation, checkpoints and their schedule."""
