"""The same as `whyflat augment`."""

from framework.commands.augment import main

main()
