"""The outer loop: train, evaluate, adjust the learning rate, log, save a checkpoint."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from absl import logging

from framework.errors import Stopped
from framework.loop.checkpoint import Checkpoints
from framework.loop.evaluate import Evaluations, prefixed
from framework.loop.nonfinite import NonFiniteError
from framework.loop.plan import Pace, Plan
from framework.loop.state import RESET_TO_BEST, TrainState
from framework.loop.stop import Stop
from framework.loop.train_loop import TrainLoop
from framework.report import Report
from framework.report.history import History

# After this many skipped updates in a row the model is considered to have diverged.
_MAX_SKIPPED = 20


def train(
    state: TrainState,
    loop: TrainLoop,
    evaluations: Evaluations,
    plan: Plan,
    history: History,
    checkpoints: Checkpoints,
    report: Report,
    stop: Stop,
) -> None:
    """Runs interleaved training and evaluation from the latest checkpoint.

    Args:
        state: The training state.
        loop: The compiled training loop.
        evaluations: Evaluates the model.
        plan: The event schedule.
        history: Metrics of each evaluation; extended.
        checkpoints: Saves and restores the state.
        report: Receives all events.
        stop: Signals that request to stop.

    Raises:
        NonFiniteError: The loss or the weights are no longer finite.
        Stopped: A signal has requested to stop, and the state is saved.
    """
    step = _restore_or_initialize(checkpoints, plan)
    history.truncate(step)
    is_pending = _is_evaluation_pending(state, plan, history, step)
    if is_pending:
        history.truncate(step - 1)
    report.started(step)
    stop.check()
    pace = Pace(plan.steps_per_call)
    is_over = not is_pending and plan.is_over(step, history)
    while not is_over:
        if not is_pending:
            step, statistics = _advance(loop, plan, pace, step, report, stop)
            checkpoints.raise_failure()
            if not loop.is_finite():
                _roll_back(state, plan, checkpoints, step, stop)
            if plan.logs(step):
                logged = {
                    **loop.take_window(),
                    **statistics,
                    **state.noise.estimate(),
                    "learning_rate": state.rate(),
                    **state.learning_rate.log_values(),
                    **_skipped_steps(state, step),
                }
                report.logged(step, logged)
        if plan.evaluates(step):
            try:
                with _timed(report, "evaluation"):
                    predictions = evaluations(stop.check)
            except Stopped:
                _save(checkpoints, step, plan, history, report)
                checkpoints.wait()
                raise
            metrics = {
                "epoch": step / plan.steps_per_epoch,
                "learning_rate": state.rate(),
                **prefixed("train", {**loop.take_totals(), **state.noise.estimate()}),
                **evaluations.summaries(predictions),
            }
            history.append(step, metrics)
            report.evaluated(step, metrics, predictions)
            with _timed(report, "checkpoint"):
                checkpoints.save_best(step, history.ranked(plan.monitor))
            before = state.learning_rate.scale()
            restores = state.learning_rate.observe(step, metrics)
            after = state.learning_rate.scale()
            if after != before:
                report.rescaled(step, before, after)
            if restores:
                checkpoints.restore_best(RESET_TO_BEST, history.ranked(plan.monitor))
        is_pending = False
        is_over = stop.is_asked or plan.is_over(step, history)
        if plan.saves(step) or is_over or stop.is_requested:
            _save(checkpoints, step, plan, history, report)
        if stop.is_requested and not is_over:
            checkpoints.wait()
            stop.check()
    with _timed(report, "checkpoint"):
        checkpoints.wait()
    report.finished(step)


@contextlib.contextmanager
def _timed(report: Report, what: str) -> Iterator[None]:
    """Reports the seconds that the block takes; see `Report.spent`."""
    start = time.perf_counter()
    yield
    report.spent(what, time.perf_counter() - start)


def _save(
    checkpoints: Checkpoints, step: int, plan: Plan, history: History, report: Report
) -> None:
    with _timed(report, "checkpoint"):
        checkpoints.save(
            step,
            history.ranked(plan.monitor),
            history.fingerprint(),
            keeps_earlier=not plan.rolls_back_to(step),
        )


def _restore_or_initialize(checkpoints: Checkpoints, plan: Plan) -> int:
    """Restores the latest checkpoint, or saves the initial state as the first one.

    A run's folder thus always has a checkpoint to resume from. A folder of results
    without one has lost it.

    Returns:
        The number of steps so far.
    """
    step = checkpoints.restore(plan.rolls_back_to)
    if step is not None:
        return step
    checkpoints.save(0, ())
    checkpoints.wait()
    return 0


def _is_evaluation_pending(
    state: TrainState, plan: Plan, history: History, step: int
) -> bool:
    """Returns whether a checkpoint was saved before the evaluation of its own step.

    Then a signal has interrupted that evaluation. A later process may have rerun it and
    have been killed before it saved, which leaves a row in the history. But an
    evaluation empties the sums over the steps before it.

    Args:
        state: The restored state.
        plan: The event schedule.
        history: The evaluations up to the step.
        step: The step of the checkpoint.
    """
    if step == 0 or not plan.evaluates(step):
        return False
    return history.last_step != step or int(state.totals["examples"].numpy()) > 0


def _advance(
    loop: TrainLoop, plan: Plan, pace: Pace, step: int, report: Report, stop: Stop
) -> tuple[int, dict[str, float]]:
    """Trains until the next event, or until a signal requests to stop.

    Returns:
        The number of steps so far; and the statistics of the last step, if measured.
    """
    event = plan.next_event(step)
    statistics: dict[str, float] = {}
    while step < event:
        most = min(plan.next_pause(step) - step, pace.limit)
        count = loop.common_count(most)
        # A measured step is compiled separately.
        measured = int(step + count == event and plan.measures(event))
        with pace.timed(count):
            if count > measured:
                loop(step, count - measured)
            statistics = loop.measured_step(event - 1) if measured else {}
        step += count
        report.advanced(step, pace.seconds)
        if stop.is_requested:
            break
    return step, statistics


def _roll_back(
    state: TrainState, plan: Plan, checkpoints: Checkpoints, step: int, stop: Stop
) -> None:
    """Resets the state to the last checkpoint, and skips the batches since then.

    Raises:
        NonFiniteError: The plan does not permit this, or not so often.
    """
    count = state.nonfinite["rollbacks"]
    number = int(count.numpy()) + 1
    if number > plan.rollbacks:
        raise NonFiniteError(step)
    if not plan.is_event(step):
        # An uninterrupted run checks only at events. Stop here without a reset, so that
        # the resumed run detects it at the event too.
        stop.check()
    saved = checkpoints.roll_back()
    count.assign(number)
    logging.warning(
        "the loss or the weights are not finite at step %d: rolled back to the weights "
        "of step %d, skipping the batches since then (rollback %d of at most %d)",
        step,
        saved,
        number,
        plan.rollbacks,
    )


def _skipped_steps(state: TrainState, step: int) -> dict[str, float]:
    """Returns the number of skipped updates as a metric; {} if there are none.

    Raises:
        NonFiniteError: Too many in a row were skipped.
    """
    counts = {name: int(value.numpy()) for name, value in state.nonfinite.items()}
    if counts["in_a_row"] >= _MAX_SKIPPED:
        raise NonFiniteError(step)
    return {"skipped_steps": counts["skipped"]} if counts["skipped"] else {}
