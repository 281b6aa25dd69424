"""The same as `whyflat tpu-check`."""

from framework.commands.tpu_check import CONFIG, main

__all__ = ["CONFIG", "main"]

if __name__ == "__main__":
    main()
