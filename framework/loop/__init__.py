"""The training loop: compiled steps, evaluation, checkpoints and when each happens."""
