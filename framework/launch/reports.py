"""Builds the reports of a run: on the console, in its folder, and to hooks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console as Screen

from framework.augment import preview
from framework.config import Config
from framework.launch import environment, weight_samples
from framework.launch import hooks as hooks_lib
from framework.launch.components import Components
from framework.launch.hooks import Hook, HookReport
from framework.launch.role import Role
from framework.loop.stop import Stop
from framework.report import Report
from framework.report.about import About
from framework.report.console import Console
from framework.report.files import Files
from framework.report.history import History
from framework.report.profile import Profile
from framework.report.static import StaticNotice
from framework.report.tensorboard import TensorBoard
from framework.report.timing import Timing


@dataclasses.dataclass(frozen=True, eq=False)
class Options:
    """Who a run reports to; see `framework.launch.run.run`.

    Attributes:
        reports: Further reports.
        hooks: All hooks.
        role: What the run is to the caller.
        why_folder: Why its folder was chosen; "" if the user has named it.
    """

    reports: Sequence[Report]
    hooks: Sequence[Hook]
    role: Role
    why_folder: str = ""


def build_console(
    config: Config, built: Components, timing: Timing, screen: Screen
) -> Console:
    """Returns the report on the console.

    Args:
        config: The configuration.
        built: The components.
        timing: The timer that it reads.
        screen: Where it writes.
    """
    plan = built.plan
    return Console(
        plan.total_steps,
        plan.steps_per_epoch,
        config.monitor,
        timing,
        screen,
        built.metrics,
    )


def file_reports(
    config: Config,
    built: Components,
    folder: Path,
    timing: Timing,
    lines: Console,
    history: History,
    facts: Mapping[str, str],
    options: Options,
) -> list[Report]:
    """Returns the reports that write to the run's folder, and the trackers.

    Args:
        config: The configuration.
        built: The components.
        folder: The run's folder.
        timing: The timer that they read.
        lines: The console, for the notice that accuracy is static.
        history: The evaluations so far.
        facts: The lines of the banner by heading.
        options: Who the run reports to.

    Raises:
        UsageError: A tracker of the config cannot be built.
    """
    dataset, split = built.examples.dataset, built.examples.train_batches.split
    network: list[str] = []
    built.state.model.summary(print_fn=network.append)

    def validation(rows: np.ndarray) -> tuple[np.ndarray, list[str]]:
        chosen = dataset.validation.take(rows)
        names = [Path(path).name for path in chosen.paths] or [
            f"image {x}" for x in rows
        ]
        return chosen.in_memory(lambda done, total: None).images, names

    about = About(
        config.numbers(),
        config.compared(),
        facts,
        environment.read(folder),
        "\n".join(network),
        dataset.class_names,
        preview.samples(built.objective.augment, split, config.seed),
        validation,
        schedule=built.state.learning_rate.parts,
        weights=lambda: weight_samples.samples(built.state.model),
        metrics=tuple(built.metrics),
        compared=options.role.compared,
        is_rate_adapted=bool(built.state.learning_rate.log_values()),
        is_listed=not options.role.is_part,
    )
    board = TensorBoard(folder, about, history, config.monitor, timing)
    notice = StaticNotice(folder, lines.notice, board.text, options.role.then)
    fields = dataclasses.asdict(config)
    trackers = hooks_lib.build_reports(config.report, config.workdir, fields)
    reports = [Files(folder, timing), board, notice, *trackers]
    if built.plan.pauses:
        first, end = built.plan.pauses
        reports.append(Profile(folder, first, end, lines.notice))
    return reports


def hook_reports(
    hooks: Sequence[Hook],
    built: Components,
    stop: Stop,
    lines: Console,
    workdir: str,
) -> list[Report]:
    """Returns the reports that call hooks.

    Args:
        hooks: The hooks.
        built: The components, whose weights a hook may ask for.
        stop: Takes the requests of hooks to stop.
        lines: The console, which shows them.
        workdir: The run's folder, for messages.
    """

    def request_stop(reason: str) -> None:
        lines.stopping(reason)
        stop.ask(reason)

    if hooks:
        stop.expect_asks()
    model = built.state.model
    return [HookReport(hook, model, request_stop, workdir) for hook in hooks]
