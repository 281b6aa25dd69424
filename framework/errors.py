"""The two ways in which a run can be refused, each told to the user in one line."""


class UsageError(ValueError):
    """What was asked for cannot be done: a flag, a spec or a path is wrong (exit 2)."""


class RunError(RuntimeError):
    """What was asked for failed: a file, a disk or the numbers are bad (exit 1)."""
