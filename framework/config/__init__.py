"""What defines a run: its fields, its flags, and the grammar of specs."""

from framework.config.config import Config

__all__ = ["Config"]
