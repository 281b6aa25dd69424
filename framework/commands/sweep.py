"""Trains many settings of a run, and compares them.

    whyflat sweep --sweep='learning_rate=log(1e-4, 1e-1), seed=3' --trials=30
    whyflat sweep --sweep='schedule=["constant", "cosine"]' --sampler=grid

Each trial is an ordinary run for each seed, in --workdir. All other flags are those of
`whyflat train`. The same command again, also at the same time and on other machines
with the same folder, takes a share of the trials, and those of a process that was
killed; after the last trial each prints the table. It needs the extra: pip install
'whyflat[sweep]'.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from absl import flags

from framework import main as main_lib
from framework.config import Config, experiment
from framework.config import flags as flags_lib
from framework.errors import RunError, UsageError
from framework.launch import checks, run_folder, shared
from framework.launch import run as run_lib
from framework.launch.role import Role
from framework.launch.run_folder import InUseError
from framework.report.history import History
from framework.sweep import space as space_lib
from framework.sweep import table
from framework.sweep.settings import GRID, PRUNERS, SAMPLERS, Settings
from framework.sweep.space import Space
from framework.sweep.table import Row
from framework.system import atomic, paths

if TYPE_CHECKING:
    from framework.report import Report

_SWEEP = flags.DEFINE_string(
    "sweep",
    "",
    "Flags to vary: lists, log(low, high) or uniform(low, high), and the number of "
    'seeds, such as \'learning_rate=log(1e-4, 1e-1), augment=["", "flip"], seed=3\'.',
)
_TRIALS = flags.DEFINE_integer(
    "trials", 20, "Number of trials of all processes together, such as 30.", 1
)
_SAMPLER = flags.DEFINE_enum(
    "sampler",
    SAMPLERS[0],
    SAMPLERS,
    "How to choose values: by the trials so far (tpe), at random, or all of a grid, "
    "for which a range has points, as in log(1e-4, 1e-1, points=4).",
)
_PRUNER = flags.DEFINE_enum(
    "pruner",
    PRUNERS[0],
    PRUNERS,
    "Whether to stop the worse trials early: successive halving (halving) of the runs "
    "with the first seed, or a paired test over seeds against the best trial "
    "(wilcoxon), for which --sweep has seed=5 or more.",
)
_STORAGE = flags.DEFINE_string(
    "storage",
    "",
    "URL of a database for Optuna, such as postgresql://host/sweeps; empty for a "
    "journal in --workdir. --workdir must be a folder of all processes anyway.",
)
_EXPORT = flags.DEFINE_string(
    "export_best",
    "",
    "File to write the flags of the best trial to, such as best.txt for --flagfile.",
)

CONFIG = Config(workdir="runs/sweep")


def run(config: Config) -> None:
    """Takes a share of the trials of a sweep, and prints the table.

    Raises:
        UsageError: The space is wrong, or --workdir has another sweep.
        RunError: No trial was trained to the end.
    """
    if importlib.util.find_spec("optuna") is None:
        raise UsageError("whyflat sweep needs Optuna: pip install 'whyflat[sweep]'")
    space = _space(config)
    # Imported here, because it loads Optuna.
    from framework.sweep.sweep import sweep

    folder = Path(config.workdir)
    settings = Settings(
        space,
        len(space.grid()) if _SAMPLER.value == GRID else _TRIALS.value,
        config.monitor,
        _SAMPLER.value,
        _PRUNER.value,
        _STORAGE.value,
        config.seed,
    )
    fixed = {
        name: value
        for name, value in config.numbers().items()
        if name not in (*space.parameters, "seed")
    }
    with shared.programs():
        rows = sweep(
            folder,
            settings,
            lambda values: dataclasses.replace(config, **values),
            fixed,
            functools.partial(_train, tuple(space.parameters)),
            _progress,
            mark=_mark,
        )
    print(table.page(rows, config.monitor))
    print(f"\nthe runs and sweep.csv are in {folder}")
    _conclude(config, rows)


def _space(config: Config) -> Space:
    """Returns the space of --sweep, after a check of all that it names.

    Raises:
        UsageError: A value or another flag is wrong.
    """
    if config.strategy == "multi_worker":
        raise UsageError(
            "a sweep cannot use --strategy=multi_worker: start the same command on "
            "each machine instead"
        )
    for name in ("fresh", "diagnose"):
        if getattr(config, name):
            raise UsageError(f"--{name} is for a single run, not for a sweep")
    space = space_lib.parse(_SWEEP.value, config)
    for name, parameter in space.parameters.items():
        for value in parameter.bounds():
            checks.check(dataclasses.replace(config, **{name: value}))
    if _SAMPLER.value == GRID and len(space.grid()) > _TRIALS.value:
        raise UsageError(
            f"the grid has {len(space.grid())} points, more than --trials="
            f"{_TRIALS.value}; raise it, or use another --sampler"
        )
    return space


def _train(
    compared: Collection[str], config: Config, reports: Sequence[Report]
) -> None:
    run_lib.run(config, quiet=True, reports=reports, role=Role(compared=compared))


def _mark(folder: Path, is_complete: bool) -> None:
    """Tells TensorBoard whether the trial of a run is complete."""
    # Imported here, because it loads TensorBoard.
    from framework.report import tensorboard

    # It is for comparison only: not if the run is being deleted, say.
    with contextlib.suppress(InUseError, OSError), run_folder.locked(folder):
        step = History(folder / "metrics.jsonl").last_step
        tensorboard.mark(folder, step or 0, is_complete)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _conclude(config: Config, rows: Sequence[Row]) -> None:
    """Prints how to train with the best trial, and exports its flags.

    Raises:
        RunError: No trial was trained to the end.
    """
    best = table.ranked(rows, config.monitor)[0]
    if best.state != table.COMPLETE:
        raise RunError(f"no trial was trained to the end: {best.problem or best.state}")
    changed = _best(config, best.values)
    start = ["whyflat", "train"]
    origin = experiment.own(experiment.origin())
    if "file" in origin:
        start.append(f"--experiment={origin['file']}")
    if _EXPORT.value:
        path = Path(paths.expand(_EXPORT.value, "--export_best"))
        atomic.write_text(path, flags_lib.flagfile(changed))
        options = [f"--flagfile={path}"]
    else:
        names = [*changed.difference(Config()), "workdir"]
        options = [f"--{name}={getattr(changed, name)}" for name in names]
    print(f"to train with the values of the best trial, {best.number}:")
    print(f"    {flags_lib.command([*start, *options])}")


def _best(config: Config, values: Mapping[str, Any]) -> Config:
    workdir = f"{config.workdir.rstrip('/')}-best"
    return dataclasses.replace(config, **values, workdir=workdir)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    main_lib.main(CONFIG, run, argv, __doc__, has_experiment_config=True)
