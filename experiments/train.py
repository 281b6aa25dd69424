"""The same as `whyflat train`."""

from framework.commands.train import CONFIG, main

__all__ = ["CONFIG", "main"]

if __name__ == "__main__":
    main()
