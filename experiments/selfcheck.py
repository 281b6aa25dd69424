"""The same as `whyflat selfcheck`."""

from framework.commands.selfcheck import CONFIG, main

__all__ = ["CONFIG", "main"]

if __name__ == "__main__":
    main()
