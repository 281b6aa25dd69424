"""The outer loop: train, look, adapt, write down, save; in this order, in sight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from framework.errors import RunError
from framework.history import History
from framework.loop.checkpoint import Checkpoints
from framework.loop.plan import Pace, Plan
from framework.loop.state import TrainState
from framework.loop.steps import TrainLoop
from framework.metrics import Predictions, summarize
from framework.report import Report

# Of these the row of an evaluation holds every metric, of the others two.
_IN_FULL = ("validation",)
_IN_BRIEF = ("accuracy", "loss")
# What goes back to the best when a controller of the schedule wants it.
_REWOUND = ("model/", "optimizer/", "ema/")


def train(
    state: TrainState,
    loop: TrainLoop,
    evaluations: Mapping[str, Callable[[], Predictions]],
    plan: Plan,
    history: History,
    checkpoints: Checkpoints,
    report: Report,
    class_names: Sequence[str],
) -> None:
    """Trains until the plan is over, from the latest checkpoint on.

    Args:
        state: What training changes.
        loop: Does so many steps.
        evaluations: What to ask the model, by the prefix of its metrics.
        plan: When what happens.
        history: Gets the metrics of each evaluation.
        checkpoints: Where the state is saved.
        report: Is told what happens.
        class_names: What the classes are called.

    Raises:
        RunError: The loss is no longer finite.
    """
    step = checkpoints.restore()
    history.cut_back(step)
    report.started(step)
    pace = Pace(plan.steps_per_call)
    while not plan.is_over(step, history):
        step, norms = _advance(loop, plan, pace, step, report)
        if plan.logs(step):
            window = _finite(loop.take_window(), step)
            rates = {"learning_rate": state.rate(), **state.learning_rate.state()}
            noise = state.noise.estimate()
            report.logged(step, {**window, **norms, **noise, **rates})
        if plan.evaluates(step):
            predictions = {name: ask() for name, ask in evaluations.items()}
            metrics = {
                "epoch": step / plan.steps_per_epoch,
                "learning_rate": state.rate(),
                **_prefixed("train", {**loop.take_totals(), **state.noise.estimate()}),
                **summaries(predictions, class_names),
            }
            history.append(step, metrics)
            report.evaluated(step, metrics, predictions)
            if history.is_best(step, plan.monitor):
                checkpoints.save_best(step)
            if state.learning_rate.observe(step, metrics):
                checkpoints.rewind(_REWOUND)
        if plan.saves(step) or plan.is_over(step, history):
            # Weights that are no numbers must not take the place of good ones.
            _finite(loop.window(), step)
            checkpoints.save(step)
    report.finished(step)


def summaries(
    predictions: Mapping[str, Predictions], class_names: Sequence[str]
) -> dict[str, float]:
    """Returns the metrics of evaluations, each name with its evaluation's prefix."""
    result = {}
    for prefix, found in predictions.items():
        metrics = summarize(found, class_names)
        if prefix not in _IN_FULL:
            metrics = {name: metrics[name] for name in _IN_BRIEF}
        result |= _prefixed(prefix, metrics)
    return result


def metric_names(class_names: Sequence[str], has_dev: bool) -> list[str]:
    """Returns the names of the metrics of an evaluation.

    Args:
        class_names: What the classes are called.
        has_dev: Whether there are images held out of training.
    """
    nothing = np.zeros(1, np.int32)
    example = Predictions(nothing, nothing, nothing, nothing, nothing)
    prefixes = ["train_clean", *["train_dev"] * has_dev, "validation"]
    found = summaries(dict.fromkeys(prefixes, example), class_names)
    return [*_prefixed("train", dict.fromkeys(_IN_BRIEF, 0.0)), *found]


def _advance(
    loop: TrainLoop, plan: Plan, pace: Pace, step: int, report: Report
) -> tuple[int, dict[str, float]]:
    """Trains until something is due.

    Returns:
        The steps done so far; and measurements of the last one, if it is to be logged.
    """
    event = plan.next_event(step)
    while step < event:
        count = loop.agreed(min(event - step, pace.limit))
        # The step before a line of the log is measured, by a program of its own.
        probed = int(step + count == event and plan.logs(event))
        with pace.timed(count):
            if count > probed:
                loop(step, count - probed)
            norms = loop.probe(event - 1) if probed else {}
        step += count
        report.advanced(step, pace.seconds)
    return step, norms


def _finite(metrics: dict[str, float], step: int) -> dict[str, float]:
    """Returns the metrics of the last window.

    Raises:
        RunError: Their loss is NaN or infinite.
    """
    if not metrics["loss"] < float("inf"):
        raise RunError(
            f"the training loss became {metrics['loss']} shortly before step {step}; "
            f"try a lower --learning_rate, or --clip_norm=1"
        )
    return metrics


def _prefixed(prefix: str, metrics: Mapping[str, float]) -> dict[str, float]:
    return {f"{prefix}/{name}": value for name, value in metrics.items()}
