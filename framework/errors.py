"""The ways in which a run can end before its time, each told in one line."""


class UsageError(ValueError):
    """What was asked for cannot be done: a flag, a spec or a path is wrong (exit 2)."""


class RunError(RuntimeError):
    """What was asked for failed: a file, a disk or the numbers are bad (exit 1)."""


class WorkerLostError(RunError):
    """Another process of the run ended, and all go on when started again (exit 75)."""


class Stopped(KeyboardInterrupt):
    """The run was asked to stop by a signal, and goes on when started again (exit 75).

    Like what Ctrl-C raises, it is not taken for a failure by `except Exception`.
    """
