"""Exceptions that end a command, each reported in one line."""


class UsageError(ValueError):
    """Wrong usage: a flag, a spec or a path is wrong (exit code 2)."""


class RunError(RuntimeError):
    """Failure at run time: a file, a disk or the numbers are bad (exit code 1)."""


class WorkerLostError(RunError):
    """Another worker of the run was lost; rerunning all resumes it (exit code 75)."""


class Stopped(KeyboardInterrupt):
    """A signal stopped the run; rerunning the command resumes it (exit code 75).

    Like KeyboardInterrupt, it is not caught by `except Exception`.
    """
