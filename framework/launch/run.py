"""Runs a config: builds its components, trains, and reports into its folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console as Screen

from framework import compiled, models
from framework.augment import preview
from framework.config import Config, reference
from framework.data import given
from framework.data import record as data_record
from framework.data.dataset import Dataset
from framework.data.examples import Examples
from framework.data.given import Arrays
from framework.data.record import DataRecord
from framework.data.split import evenly_spaced
from framework.distributed.workers import Workers, is_loss, translate_loss
from framework.errors import RunError, WorkerLostError
from framework.launch import (
    components,
    input_scale,
    resume,
    run_folder,
    sources,
    trust,
    worker_folders,
)
from framework.launch import hooks as hooks_lib
from framework.launch.components import Components
from framework.launch.given import Given
from framework.launch.hooks import Hook, HookReport
from framework.launch.result import Result
from framework.launch.resume import Resumption
from framework.launch.trained import Trained
from framework.loop import nonfinite
from framework.loop import stop as stop_lib
from framework.loop.checkpoint import Checkpoints
from framework.loop.nonfinite import NonFiniteError
from framework.loop.stop import Stop
from framework.loop.train import train
from framework.models import ModelFunction
from framework.optim import precision
from framework.report import Report, Reports, console
from framework.report.files import Files
from framework.report.history import History
from framework.report.static import StaticNotice
from framework.report.tensorboard import About, TensorBoard
from framework.report.timing import Timing


def run(
    config: Config,
    model: ModelFunction | keras.Model | None = None,
    dataset: Dataset | Arrays | None = None,
    quiet: bool = False,
    reports: Sequence[Report] = (),
    hooks: Sequence[Hook] = (),
    then: str = "",
    is_part: bool = False,
) -> Result:
    """Trains a model, or resumes the run in the config's folder.

    Args:
        config: The configuration.
        model: Replaces that of the config: a model, or a function of an image's shape
            and the number of classes that builds one.
        dataset: Replaces that of the config: a data set, or arrays (x_train, y_train,
            x_validation, y_validation); see `framework.data.given.from_arrays`.
        quiet: Whether to print nothing on the console.
        reports: Receive all events as well; an exception of theirs ends the run.
        hooks: Look at the run between steps, after those of the config; see
            `framework.launch.hooks.Hook`.
        then: What the caller does after training, for the notice that validation
            accuracy is static.
        is_part: Whether it is a part of another run, such as a trial of its diagnosis:
            TensorBoard does not list it then.

    Raises:
        UsageError: The config is wrong, or does not fit the run in its folder.
        RunError: Data, disk or numbers are bad.
        WorkerLostError: Another process was lost; the same call resumes.
        Stopped: A signal requested to stop; the same call resumes.
    """
    reference.refuse_to_run_while_loading()
    if dataset is not None:
        dataset = given.as_dataset(dataset)
    hooks = [*hooks_lib.build(config.hooks), *hooks]
    for hook in hooks:
        hooks_lib.check_hook(hook)
    hooks_lib.check_report(config.report)
    screen = console.console()
    screen.quiet = quiet
    has_others = config.strategy == "multi_worker"
    with (
        compiled.collectable_graphs(),
        stop_lib.handle_signals() as stop,
        translate_loss(has_others),
    ):
        progress = console.reading_progress(screen)
        built = components.build(config, model, dataset, progress)
        # TensorFlow may have replaced a signal handler.
        stop.install()
        workers = Workers(built.strategy)
        # Only worker 0 logs.
        screen.quiet |= not workers.is_chief
        monitor = components.monitor_of(config, built.examples.dataset)
        normalize = built.initial.normalize
        config = dataclasses.replace(config, monitor=monitor, normalize=normalize)
        from_python = Given(model, dataset)
        config = from_python.described(
            config, built.state.model, built.examples.dataset
        )
        with worker_folders.folder(config, workers) as folder:
            options = _Options(reports, hooks, then or _then(config), is_part)
            result = _run(config, built, folder, screen, workers, stop, options)
            return dataclasses.replace(result, given=from_python)


@dataclasses.dataclass(frozen=True, eq=False)
class _Options:
    """How a run reports; see `run`."""

    reports: Sequence[Report]
    hooks: Sequence[Hook]
    then: str
    is_part: bool


def _then(config: Config) -> str:
    """Returns a phrase for what follows the training, for the notice."""
    return "its cause is looked for after training" if config.diagnose else ""


def _run(
    config: Config,
    built: Components,
    folder: Path,
    screen: Screen,
    workers: Workers,
    stop: Stop,
    options: _Options,
) -> Result:
    """Trains in a folder that no other process uses."""
    plan, dataset = built.plan, built.examples.dataset
    history, checkpoints, resumption = _open(config, built, folder, workers.is_chief)
    timing = Timing(plan.total_steps, config.batch_size)
    lines = _console(config, built, timing, screen)
    lines.banner(_facts(config, built, resumption))
    # The timing comes first, because the others read it.
    reports: list[Report] = [timing, lines, *options.reports]
    if workers.is_chief:
        facts = _facts(config, built, resumption)
        reports += _file_reports(
            config, built, folder, timing, lines, history, facts, options
        )
    # After the files are written: a hook may raise.
    reports += _hook_reports(options.hooks, built, stop, lines, config.workdir)
    report = Reports(reports)
    # From here on there is a state to save before stopping.
    stop.defer(workers.all_reduce_min)
    try:
        train(
            built.state,
            built.loop,
            built.evaluations(),
            plan,
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
        _raise_known_cause(problem, config, dataset)
        raise
    finally:
        # Before another process can lock the folder.
        checkpoints.close()
        report.stopped()
    lines.summary(history, config.workdir)
    return Result(
        history, _trained(config, built, history.last_step or 0), config, folder
    )


def _trained(config: Config, built: Components, step: int) -> Trained:
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
        step,
        config,
        data_record.pixel_range(dataset.train),
        dataset.has_several_labels,
    )


def _console(
    config: Config, built: Components, timing: Timing, screen: Screen
) -> console.Console:
    plan = built.plan
    return console.Console(
        plan.total_steps,
        plan.steps_per_epoch,
        config.monitor,
        timing,
        screen,
        built.metrics,
    )


def _hook_reports(
    hooks: Sequence[Hook],
    built: Components,
    stop: Stop,
    lines: console.Console,
    workdir: str,
) -> list[Report]:
    """Returns the reports that call hooks."""

    def request_stop(reason: str) -> None:
        lines.stopping(reason)
        stop.ask(reason)

    if hooks:
        stop.expect_asks()
    model = built.state.model
    return [HookReport(hook, model, request_stop, workdir) for hook in hooks]


def _raise_known_cause(
    problem: tf.errors.OpError, config: Config, dataset: Dataset
) -> None:
    """Raises a more specific error for an error of TensorFlow, if there is one.

    Raises:
        RunError: An image file cannot be read; TensorFlow's error does not name it.
        WorkerLostError: A server of images was restarted.
    """
    for split in (dataset.train, dataset.validation):
        split.check()
    if config.input == "service" and isinstance(problem, tf.errors.NotFoundError):
        # A restarted server does not know the data sets of before.
        raise WorkerLostError(
            f"a server of --service={config.service} was restarted; rerun the same "
            f"command to resume from the last checkpoint"
        ) from None


def _file_reports(
    config: Config,
    built: Components,
    folder: Path,
    timing: Timing,
    lines: console.Console,
    history: History,
    facts: Mapping[str, str],
    options: _Options,
) -> list[Report]:
    """Returns the reports that write to the run's folder."""
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
        "\n".join(network),
        dataset.class_names,
        preview.samples(built.objective.augment, split, config.seed),
        validation,
        metrics=tuple(built.metrics),
        is_listed=not options.is_part,
    )
    board = TensorBoard(folder, about, history, config.monitor, timing)
    notice = StaticNotice(folder, lines.notice, board.text, options.then)
    fields = dataclasses.asdict(config)
    trackers = hooks_lib.build_reports(config.report, config.workdir, fields)
    return [Files(folder, timing), board, notice, *trackers]


def _open(
    config: Config, built: Components, folder: Path, is_chief: bool
) -> tuple[History, Checkpoints, Resumption]:
    """Opens the history and the checkpoints, after checking that the run may resume."""
    history = History(folder / "metrics.jsonl")
    checkpoints = Checkpoints(
        folder / "checkpoints",
        folder / "best",
        built.variables(),
        config.keep_checkpoints,
        config.keep_best,
    )
    latest = checkpoints.check()
    step = latest.step if latest else None
    if not is_chief:
        # If the chief refuses to resume, the other workers end as well.
        return history, checkpoints, Resumption(step)
    if latest:
        history.check_against(latest.values)
    resumption = resume.check(folder, config, built.plan, history, step)
    data = built.data_record(components.drawn_by(config))
    resumption = resume.check_data(folder, config, data, resumption)
    if not resumption.is_over:
        _write_record(folder, config, data, resumption)
        start = built.initial
        sources.write(folder, start.files, start.values, start.match)
    return history, checkpoints, resumption


def _write_record(
    folder: Path, config: Config, data: DataRecord, resumption: Resumption
) -> None:
    """Writes the files that define the run, once it is certain that it will train."""
    resume.record(folder, resumption)
    # First, since a folder without it would be taken for somebody else's if this
    # process were killed now.
    run_folder.write_config(folder, config)
    data_record.write(folder, data)
    devices = [device.name for device in tf.config.list_logical_devices()]
    run_folder.write_environment(folder, devices)
    trust.remember(folder, config)


def _test_fact(dataset: Dataset) -> dict[str, str]:
    if dataset.test is None:
        return {}
    origin = "drawn from the training images" if dataset.is_test_drawn else "given"
    return {"test": f"{len(dataset.test):,} images, {origin}; not looked at"}


def _weights_fact(examples: Examples) -> dict[str, str]:
    """Returns the line of the weights of the training images, if there are any."""
    weights = examples.dataset.train.weights
    if weights is None:
        return {}
    used = weights[examples.train]
    extremes = f"{used.min():g} to {used.max():g}, mean {used.mean():.3g}"
    return {"weights": f"{extremes}, factors of the training images' losses"}


def _left_out_fact(examples: Examples, sampling: str) -> dict[str, str]:
    """Returns the lines of what --exclude and --sampling change, if anything."""
    facts = {}
    if len(examples.excluded):
        facts["left out"] = f"{len(examples.excluded):,} training images, by --exclude"
    if sampling != Config.sampling:
        facts["sampling"] = f"{sampling} over the classes"
    return facts


def _scale_notice(built: Components) -> str:
    """Returns a warning if a network that was trained before gets other pixels."""
    examples = built.examples
    split, rows = examples.train_batches.split.sample(
        examples.train, input_scale.IMAGES
    )
    images = split.images[evenly_spaced(rows, input_scale.IMAGES)]
    return input_scale.notice(built.state.model, built.objective.normalize, images)


def _facts(config: Config, built: Components, resumption: Resumption) -> dict[str, str]:
    """Returns the lines of the banner by heading."""
    examples, plan, dataset = built.examples, built.plan, built.examples.dataset
    replicas = built.strategy.num_replicas_in_sync
    train = dataset.train.labels[examples.train]
    validation = dataset.validation.labels
    facts = {
        "data": f"{config.dataset}, {'x'.join(map(str, dataset.image_shape))}",
        "train": console.counts(train, dataset.class_names),
        "validation": console.counts(validation, dataset.class_names),
        "held out": f"{len(examples.train_dev):,} of the training images",
        **_left_out_fact(examples, config.sampling),
        **_weights_fact(examples),
        **_test_fact(dataset),
        "model": f"{config.model}, {built.state.model.count_params():,} parameters",
        **built.initial.lines,
        "optimizer": f"{config.optimizer}, learning rate {config.learning_rate:g} x "
        f"{config.schedule}",
        "length": f"{plan.total_steps:,} steps, {plan.steps_per_epoch:,} per epoch, "
        f"{config.batch_size} images each",
        "runs on": f"{replicas} device(s), {config.precision}",
        "folder": config.workdir,
    }
    notices = [
        *dataset.notes,
        *models.notices(built.state.model, replicas),
        precision.notice(config.precision),
        resumption.notice(),
        _scale_notice(built) if resumption.step is None else "",
    ]
    if any(notices):
        facts["note"] = "\n".join(filter(None, notices))
    return facts
