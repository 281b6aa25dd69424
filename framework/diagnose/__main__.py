"""The same as `whyflat diagnose`."""

from framework.commands.diagnose import main

main()
