"""The folder that a diagnosis writes to: diagnosis/ in the run's folder."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from framework.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Workspace:
    """A folder for the result of a diagnosis and for its trials.

    Attributes:
        folder: Where to write.
        problem: Why that is not the run's folder, and will be deleted; empty if it is.
    """

    folder: Path
    problem: str = ""

    @property
    def trials(self) -> Path:
        """The folder of the trials, each an ordinary run."""
        return self.folder / "trials"


@contextlib.contextmanager
def opened(run: Path, is_shared: bool = False) -> Iterator[Workspace]:
    """Opens and locks RUN/diagnosis; a temporary folder if that cannot be written.

    Args:
        run: The folder of a run, perhaps of another user, perhaps under way.
        is_shared: Whether other processes may open it in the same way, as those do
            that share a proof.

    Raises:
        UsageError: Another process is diagnosing the run.
    """
    folder = run / "diagnosis"
    descriptor: int | None = None
    try:
        folder.mkdir(exist_ok=True)
        # A link could lead to anything of this user's.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        problem = "" if os.access(folder, os.W_OK) else "permission denied"
    except OSError as error:
        problem = error.strerror or "it cannot be opened"
    with contextlib.ExitStack() as stack:
        if descriptor is not None:
            stack.callback(os.close, descriptor)
        if problem:
            temporary = tempfile.TemporaryDirectory(prefix="diagnosis-")
            folder = Path(stack.enter_context(temporary))
        elif descriptor is not None:
            _lock(descriptor, run, is_shared)
        workspace = Workspace(folder, problem)
        if workspace.trials.is_symlink():
            workspace.trials.unlink()
        yield workspace


def _lock(descriptor: int, run: Path, is_shared: bool) -> None:
    kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"another process is diagnosing the run in {run}, or proves its remedy; "
            f"wait until it has ended"
        ) from None
