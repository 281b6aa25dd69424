"""The same as `whyflat lr-range`."""

from framework.commands.lr_range import CONFIG, main

__all__ = ["CONFIG", "main"]

if __name__ == "__main__":
    main()
