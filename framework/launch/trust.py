"""Decides which runs may be diagnosed: by default those that this user has trained.

A diagnosis imports the modules and contacts the servers that the run's config names. In
another user's folder, these are another user's choice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from framework import models
from framework.config import Config, experiment, spec
from framework.errors import UsageError
from framework.system import atomic

_SPECS = (
    "dataset",
    "sampling",
    "augment",
    "normalize",
    "model",
    "optimizer",
    "schedule",
    "loss",
    "metrics",
    "hooks",
    "report",
)


def load(
    workdir: Path, config: Config, trust_run: bool, given: Collection[str] = ()
) -> None:
    """Loads the experiment file that started a run, if that is allowed.

    A file given by --experiment replaces it.

    Args:
        workdir: The folder of the run.
        config: Its configuration.
        trust_run: Whether the user has passed --trust_run.
        given: The fields of the config whose components are given in Python.

    Raises:
        UsageError: It is not allowed (see `check`), or the file cannot be loaded.
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
    """Checks that code and servers named by a run may be used.

    Args:
        workdir: The folder of the run.
        config: Its configuration.
        entry: The experiment that started it; see `experiment.recorded`.
        trust_run: Whether the user has passed --trust_run.
        given: The fields of the config whose components are given in Python, and
            "experiment" if that is given.

    Raises:
        UsageError: The run names code or servers, and this user has not trained it on
            this machine.
    """
    required = actions(config, entry, given)
    if not required or trust_run or is_trusted(workdir, actions(config, entry)):
        return
    raise UsageError(
        f"the run in {workdir} was not trained by you on this machine, and this "
        f"command would {', '.join(required)}; if you trust it, add --trust_run"
    )


def actions(
    config: Config, entry: Mapping[str, str], given: Collection[str] = ()
) -> list[str]:
    """Returns the code to execute and the servers to contact for a run.

    Args:
        config: The configuration of the run.
        entry: The experiment that started it; see `experiment.recorded`.
        given: The fields of the config whose components are given in Python, and
            "experiment" if that is given.

    Returns:
        Phrases such as "import mine", sorted.
    """
    phrases = {
        f"import {name}"
        for field in _SPECS
        if field not in given
        for name in spec.references(getattr(config, field))
    }
    if "model" not in given and not config.model.startswith("given("):
        code = models.executes(config.model)
        phrases |= {f"execute the code in {code}"} if code else set()
    if "dataset" not in given and config.input == "service":
        phrases.add(f"connect to {config.service}")
    if "experiment" not in given:
        phrases |= {f"execute {name}" for name in entry.values()}
    return sorted(phrases)


def remember(workdir: Path, config: Config) -> None:
    """Records that this user trains this run, if the user has a home folder.

    Args:
        workdir: The folder of the run.
        config: Its configuration.
    """
    required = actions(config, experiment.own(experiment.origin()))
    path, digest = _ledger(), _digest(workdir, required)
    if not required or path is None or digest in _digests(path):
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        atomic.append_line(path, digest)


def is_trusted(workdir: Path, required: Sequence[str]) -> bool:
    """Returns whether this user has trained this run with exactly these `actions`."""
    path = _ledger()
    return path is not None and _digest(workdir, required) in _digests(path)


def _digest(workdir: Path, required: Sequence[str]) -> str:
    text = json.dumps([os.path.realpath(workdir), *sorted(required)])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _ledger() -> Path | None:
    """Returns ~/.local/state/whyflat/trusted, according to XDG base directories."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        state = os.path.expanduser("~/.local/state")
    return Path(state, "whyflat", "trusted") if os.path.isabs(state) else None


def _digests(path: Path) -> set[str]:
    """Returns the lines of a ledger; none if other users can write to it."""
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
