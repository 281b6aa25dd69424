"""Runs a config: builds its components, trains, and reports into its folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf
from rich.console import Console as Screen

from framework import compiled
from framework.config import Config, keywords, reference
from framework.config.step_range import StepRange
from framework.data import description
from framework.data.dataset import Dataset
from framework.data.given import Arrays
from framework.data.stream import NOTE, reason
from framework.distributed.workers import Workers, is_loss, translate_loss
from framework.errors import RunError, WorkerLostError
from framework.launch import banner, preflight, run_names, shared, start
from framework.launch import hooks as hooks_lib
from framework.launch import reports as reports_lib
from framework.launch.components import Components
from framework.launch.hooks import Hook
from framework.launch.reports import Options
from framework.launch.result import Result
from framework.launch.role import ALONE, Role
from framework.launch.trained import Trained
from framework.loop import nonfinite
from framework.loop import stop as stop_lib
from framework.loop.evaluator import EVALUATION
from framework.loop.nonfinite import NonFiniteError
from framework.loop.stop import Stop
from framework.loop.train import train
from framework.loop.train_loop import MEASURED_STEP, TRAINING_STEP
from framework.models import ModelFunction
from framework.report import Report, Reports, console, time_spent
from framework.report.history import History
from framework.report.timing import Timing


@keywords.check_arguments([field.name for field in dataclasses.fields(Config)])
def run(
    config: Config,
    model: ModelFunction | keras.Model | None = None,
    dataset: Dataset | Arrays | None = None,
    quiet: bool = False,
    reports: Sequence[Report] = (),
    hooks: Sequence[Hook] = (),
    role: Role = ALONE,
) -> Result:
    """Trains a model, or resumes the run in the config's folder.

    Args:
        config: The configuration. Without a `workdir`, the folder is chosen; see
            `framework.launch.run_names`.
        model: Replaces that of the config: a model, or a function of an image's shape
            and the number of classes that builds one.
        dataset: Replaces that of the config: a data set, or arrays (x_train, y_train,
            x_validation, y_validation); see `framework.data.given.from_arrays`.
        quiet: Whether to print nothing on the console.
        reports: Receive all events as well, after the files of the run are written; an
            exception of theirs ends the run.
        hooks: Look at the run between steps, after those of the config; see
            `framework.launch.hooks.Hook`.
        role: What the run is to the caller, such as a part of another run.

    Raises:
        UsageError: The config is wrong, or does not fit the run in its folder; or an
            argument does not exist.
        RunError: Data, disk or numbers are bad.
        WorkerLostError: Another process was lost; the same call resumes.
        Stopped: A signal requested to stop; the same call resumes.
    """
    reference.refuse_to_run_while_loading()
    request = preflight.check(config, model, dataset)
    config, given, choice = request.config, request.given, request.choice
    hooks = [*hooks_lib.build(config.hooks), *hooks]
    for hook in hooks:
        hooks_lib.check_hook(hook)
    screen = console.console()
    screen.quiet = quiet
    has_others = config.strategy == "multi_worker"
    with (
        compiled.collectable_graphs(),
        stop_lib.handle_signals() as stop,
        translate_loss(has_others),
    ):
        progress = console.reading_progress(screen)
        built = shared.build(config, model, given.dataset, progress)
        # TensorFlow may have replaced a signal handler.
        stop.install()
        workers = Workers(built.strategy)
        # Only worker 0 logs.
        screen.quiet |= not workers.is_chief
        monitor, normalize = built.plan.monitor, built.initial.normalize
        config = dataclasses.replace(config, monitor=monitor, normalize=normalize)
        config = given.described(config, built.state.model, built.examples.dataset)
        with run_names.opened(choice, config, given, workers) as (choice, folder):
            config = dataclasses.replace(config, workdir=choice.folder)
            then = role.then or _then(config, built.examples.dataset)
            role = dataclasses.replace(role, then=then)
            options = Options(reports, hooks, role, choice.why)
            result = _run(config, built, folder, screen, workers, stop, options)
            return dataclasses.replace(result, given=given)


def _then(config: Config, dataset: Dataset) -> str:
    """Returns a phrase for what follows the training, for the notice."""
    if dataset.stream:
        return "a diagnosis needs the same images as arrays or files, not as a stream"
    return "its cause is looked for after training" if config.diagnose else ""


def _run(
    config: Config,
    built: Components,
    folder: Path,
    screen: Screen,
    workers: Workers,
    stop: Stop,
    options: Options,
) -> Result:
    """Trains in a folder that no other process uses."""
    history, checkpoints, resumption = start.open_folder(
        config, built, folder, workers.is_chief, options.role.is_part
    )
    if not options.role.is_part:
        built = _with_pauses(config, built, resumption.step or 0)
    timing = Timing(built.plan.total_steps, config.batch_size)
    facts = banner.facts(config, built, resumption, options.why_folder)
    lines = reports_lib.build_console(config, built, timing, screen)
    lines.banner(facts)
    built.loop.compilation.watcher = lines.compiling
    # The timing comes first, because the others read it.
    reports: list[Report] = [timing, lines]
    if workers.is_chief:
        reports += reports_lib.file_reports(
            config, built, folder, timing, lines, history, facts, options
        )
    # After the files are written: those of the caller, and hooks, may raise.
    reports += options.reports
    reports += reports_lib.hook_reports(
        options.hooks, built, stop, lines, config.workdir
    )
    report = Reports(reports)
    # From here on there is a state to save before stopping.
    stop.defer(workers.all_reduce_min)
    try:
        train(
            built.state,
            built.loop,
            built.evaluations(),
            built.plan,
            history,
            checkpoints,
            report,
            stop,
        )
    except NonFiniteError as problem:
        raise nonfinite.explain(
            problem,
            built.state,
            built.loop,
            history,
            checkpoints,
            config.monitor,
            folder,
        ) from None
    except SystemExit as problem:
        # The user's own code has called sys.exit.
        raise RunError(reference.summary(problem)) from problem
    except tf.errors.OpError as problem:
        if workers.count > 1 and is_loss(problem):
            raise
        _raise_known_cause(problem, config, built.examples.dataset)
        raise
    finally:
        # Before another process can lock the folder.
        checkpoints.close()
        report.stopped()
    note = NOTE if built.examples.dataset.stream else ""
    lines.summary(history, config.workdir, _time_spent(timing, built), note)
    return Result(history, _trained(config, built, history), config, folder)


def _with_pauses(config: Config, built: Components, step: int) -> Components:
    """Returns components whose plan pauses where --profile begins and ends."""
    if not config.profile:
        return built
    steps = StepRange.parse(config.profile)
    pauses = steps.between(step, built.plan.total_steps)
    plan = dataclasses.replace(built.plan, pauses=pauses)
    return dataclasses.replace(built, plan=plan)


def _time_spent(timing: Timing, built: Components) -> dict[str, float]:
    """Returns where the time of a run has gone, in seconds by name."""
    first_calls = built.loop.compilation.seconds
    steps = sum(first_calls.get(x, 0.0) for x in (TRAINING_STEP, MEASURED_STEP))
    evaluations = first_calls.get(EVALUATION, 0.0)
    return time_spent.parts(timing, steps, evaluations, built.loop.waited())


def _trained(config: Config, built: Components, history: History) -> Trained:
    """Returns the network, with the weights that evaluations use."""
    # The state is saved, and not used any more.
    built.state.swap_ema()
    dataset = built.examples.dataset
    return Trained(
        built.state.model,
        built.objective.normalize,
        dataset.image_shape,
        dataset.train.dtype,
        dataset.class_names,
        history.last_step or 0,
        config,
        description.pixel_range(dataset.train),
        dataset.has_several_labels,
    )


def _raise_known_cause(
    problem: tf.errors.OpError, config: Config, dataset: Dataset
) -> None:
    """Raises a more specific error for an error of TensorFlow, if there is one.

    Raises:
        RunError: An image file cannot be read; TensorFlow's error does not name it. Or
            the user's stream failed.
        WorkerLostError: A server of images was restarted.
    """
    if dataset.stream:
        raise RunError(f"the stream of training images failed: {reason(problem)}")
    for split in (dataset.train, dataset.validation):
        split.check()
    if config.input == "service" and isinstance(problem, tf.errors.NotFoundError):
        # A restarted server does not know the data sets of before.
        raise WorkerLostError(
            f"a server of --service={config.service} was restarted; rerun the same "
            f"command to resume from the last checkpoint"
        ) from None
