"""Files that a network comes from: their digests, and copies in the run's folder.

With the copies, a run can be resumed, evaluated, exported and diagnosed where the files
themselves are not. Only `write` writes, in the process that holds the run's lock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from framework import models
from framework.config import Config
from framework.errors import UsageError
from framework.models.by_name import Match
from framework.system import archive, atomic, json_text, paths

RECORD, FOLDER = "pretrained.json", "pretrained"
# The folder of a run in which its trials and the arms of its proof are.
DIAGNOSIS = "diagnosis"


def find(config: Config, has_model: bool = False) -> dict[str, Path]:
    """Returns the files to read for a run, by their text in the config.

    For a run that has begun, these are the copies in its folder; for a trial or an arm
    of a proof, in RUN/diagnosis, those of its run.

    Args:
        config: The configuration.
        has_model: Whether the model was given in Python.

    Raises:
        UsageError: A file is not the one that the run was started with, it and its copy
            are gone, or the run's record is damaged.
    """
    folder = Path(config.workdir)
    texts = _texts(config, has_model)
    runs = [] if config.fresh or not texts else [folder, *_diagnosed(folder)]
    recorded = [(run, _recorded(run)) for run in runs]
    found = {}
    for text in texts:
        found[text] = Path(paths.expand(text, "the path"))
        for run, entries in recorded:
            if text in entries:
                found[text] = _of_run(run, text, entries[text], found[text])
                break
    return found


def _of_run(run: Path, text: str, entry: Mapping[str, str], path: Path) -> Path:
    """Returns the file that a run was started with: its copy, or the file itself.

    Args:
        run: The folder of the run.
        text: The file as the config names it.
        entry: That of the run's record.
        path: Where the file was.

    Raises:
        UsageError: See `find`.
    """
    copy = run / entry["copy"]
    # Another run may have been trained further; its copy has not.
    is_same_kind = path.is_dir() if copy.is_dir() else path.is_file()
    if is_same_kind and digest(path) != entry["sha256"]:
        raise UsageError(
            f"{text} has changed since the run in {run} was started with it; restore "
            f"it, use another --workdir, or --fresh to move the run aside"
        )
    if copy.exists() and digest(copy) == entry["sha256"]:
        return copy
    if not path.exists():
        state = "damaged" if copy.exists() else "gone"
        raise UsageError(
            f"there is no {text}, with which the run in {run} was started, and its "
            f"copy {copy} is {state}: restore one of them"
        )
    return path


def _diagnosed(folder: Path) -> list[Path]:
    """Returns the run that a trial or an arm of a proof is of; [] for other runs."""
    for parent in folder.absolute().parents:
        if parent.name == DIAGNOSIS and (parent.parent / "config.json").is_file():
            return [parent.parent]
    return []


def write(
    folder: Path,
    files: Mapping[str, Path],
    values: Mapping[str, Mapping[str, np.ndarray]],
    match: Match | None,
) -> None:
    """Copies the files into a run's folder and writes pretrained.json, once.

    Args:
        folder: The run's folder, which this process must have locked.
        files: From `find`.
        values: The initial weights by name, of each folder that is another run's, by
            its text.
        match: The weights that --init_from has set; None without it.
    """
    if not files:
        return
    recorded = _recorded(folder)
    new = {text: path for text, path in files.items() if text not in recorded}
    if not new:
        return
    (folder / FOLDER).mkdir(exist_ok=True)
    entries = dict(recorded)
    for text, path in new.items():
        if text in values:
            copy = f"{FOLDER}/run.npz"
            archive.write(folder / copy, 0, dict(values[text]))
            sha = digest(folder / copy)
        elif path.is_file():
            content = atomic.read_bytes(path)
            sha = hashlib.sha256(content).hexdigest()
            copy = f"{FOLDER}/{sha[:16]}{path.suffix}"
            atomic.write_bytes(folder / copy, content)
        elif path.is_dir():
            sha = digest(path)
            copy = f"{FOLDER}/{sha[:16]}"
            _copy(path, folder / copy)
        else:
            # The name of a preset, which KerasHub downloads.
            continue
        entries[text] = {"sha256": sha, "copy": copy}
    record: dict[str, Any] = {"files": entries}
    if match is not None:
        record["init_from"] = {
            "matched": match.matched,
            "missing": match.missing,
            "shapes": match.shapes,
            "unused": match.unused,
        }
    text = json.dumps(record, indent=2) + "\n"
    atomic.write_text(folder / RECORD, text)


def _copy(folder: Path, copy: Path) -> None:
    """Copies the files of a folder."""
    for name in _names(folder):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(target, atomic.read_bytes(folder / name))


def _names(folder: Path) -> list[str]:
    """Returns the paths of the files in a folder, relative to it, sorted."""
    files = (each for each in folder.rglob("*") if each.is_file())
    return sorted(each.relative_to(folder).as_posix() for each in files)


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file, or of names and contents of a folder's files."""
    state = hashlib.sha256()
    if path.is_dir():
        for name in _names(path):
            state.update(f"{digest(path / name)} {name}\n".encode())
        return state.hexdigest()
    with atomic.reading(path) as file:
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def _texts(config: Config, has_model: bool) -> list[str]:
    """Returns the files, and runs, that a config names."""
    is_given = has_model or config.model.startswith("given(")
    texts = ["" if is_given else models.file(config.model), config.init_from]
    return [text for text in texts if text]


def _recorded(folder: Path) -> dict[str, dict[str, str]]:
    """Reads the entries of pretrained.json by text; {} if there is none."""
    path = folder / RECORD
    try:
        content = json_text.parse_object(atomic.read_bytes(path))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as problem:
        raise UsageError(f"{path} cannot be read: {problem}; restore it") from None
    entries = content.get("files")
    if not isinstance(entries, dict) or not all(map(_is_entry, entries.values())):
        raise UsageError(f"{path} is damaged; restore it")
    return entries


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or entry.keys() != {"sha256", "copy"}:
        return False
    copy = entry["copy"]
    # Only in the run's folder.
    return (
        isinstance(copy, str)
        and isinstance(entry["sha256"], str)
        and copy.startswith(f"{FOLDER}/")
        and Path(copy).name == copy.removeprefix(f"{FOLDER}/")
    )
