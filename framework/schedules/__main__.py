"""The same as `whyflat schedule`."""

from framework.commands.schedule import main

main()
