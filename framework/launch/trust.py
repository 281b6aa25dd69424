"""Which runs may be diagnosed without asking: those that this user has trained here.

To diagnose a run, the modules that its config names are imported, and the servers that
it names are spoken to. In a folder of somebody else these are somebody else's choice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from framework.config import Config, experiment, spec
from framework.errors import UsageError
from framework.system import atomic

_SPECS = ("dataset", "augment", "normalize", "model", "optimizer", "schedule")


def load(
    workdir: Path, config: Config, trust_run: bool, given: Collection[str] = ()
) -> None:
    """Loads the experiment file that a run was made by, if it may be.

    Where the user has given --experiment, that is the one.

    Args:
        workdir: The folder of the run.
        config: Its configuration.
        trust_run: Whether the user has said that what it names may be executed.
        given: The fields of the config that are given in Python instead.

    Raises:
        UsageError: It may not (see `check`), or cannot be loaded.
    """
    entry = experiment.recorded(workdir)
    if experiment.is_given():
        given = [*given, "experiment"]
    check(workdir, config, entry, trust_run, given)
    if "experiment" not in given:
        experiment.load_recorded(entry)


def check(
    workdir: Path,
    config: Config,
    entry: Mapping[str, str],
    trust_run: bool,
    given: Collection[str] = (),
) -> None:
    """Refuses to execute or contact what the run of somebody else names.

    Args:
        workdir: The folder of the run.
        config: Its configuration.
        entry: The experiment that it was made by; see `experiment.recorded`.
        trust_run: Whether the user has said that it may.
        given: The fields of the config that are given in Python instead; and
            "experiment".

    Raises:
        UsageError: It would, and this user has not trained this run on this machine.
    """
    wanted = names(config, entry, given)
    if not wanted or trust_run or is_trusted(workdir, names(config, entry)):
        return
    raise UsageError(
        f"the run in {workdir} was not made by you on this machine, and this command "
        f"would {', '.join(wanted)}; if you trust it, add --trust_run"
    )


def names(
    config: Config, entry: Mapping[str, str], given: Collection[str] = ()
) -> list[str]:
    """Returns what a run would have executed or contacted, sorted, a phrase each.

    Args:
        config: Of the run.
        entry: The experiment that it was made by; see `experiment.recorded`.
        given: The fields of the config that are given in Python instead; and
            "experiment".
    """
    found = {
        f"import {name}"
        for field in _SPECS
        if field not in given
        for name in spec.references(getattr(config, field))
    }
    if "dataset" not in given and config.input == "service":
        found.add(f"connect to {config.service}")
    if "experiment" not in given:
        found |= {f"execute {name}" for name in entry.values()}
    return sorted(found)


def remember(workdir: Path, config: Config) -> None:
    """Notes that this user trains this run; where there is no home, nothing.

    Args:
        workdir: The folder of the run.
        config: Its configuration.
    """
    wanted = names(config, experiment.own(experiment.origin()))
    path, digest = _ledger(), _digest(workdir, wanted)
    if not wanted or path is None or digest in _digests(path):
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        atomic.append_line(path, digest)


def is_trusted(workdir: Path, names: Sequence[str]) -> bool:
    """Returns whether this user has trained this run, with just these `names`."""
    path = _ledger()
    return path is not None and _digest(workdir, names) in _digests(path)


def _digest(workdir: Path, names: Sequence[str]) -> str:
    text = json.dumps([os.path.realpath(workdir), *sorted(names)])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _ledger() -> Path | None:
    """Returns ~/.local/state/whyflat/trusted, by the XDG base directories."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        state = os.path.expanduser("~/.local/state")
    return Path(state, "whyflat", "trusted") if os.path.isabs(state) else None


def _digests(path: Path) -> set[str]:
    """Returns the lines of a ledger that only this user can have written."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(file, encoding="ascii", errors="replace") as stream:
            status = os.fstat(file)
            is_own = status.st_uid == os.geteuid() and stat.S_ISREG(status.st_mode)
            if not is_own or status.st_mode & 0o022:
                return set()
            return set(stream.read().split())
    except OSError:
        return set()
