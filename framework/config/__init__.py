"""Configuration of a run: fields, flags and the grammar of specs."""

from framework.config.config import Config

__all__ = ["Config"]
