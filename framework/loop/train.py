"""The outer loop: train, look, adapt, write down, save; in this order, in sight."""

from __future__ import annotations

from absl import logging

from framework.errors import Stopped
from framework.loop.checkpoint import Checkpoints
from framework.loop.evaluate import Evaluations, prefixed
from framework.loop.nonfinite import NonFiniteError
from framework.loop.plan import Pace, Plan
from framework.loop.state import REWOUND, TrainState
from framework.loop.steps import TrainLoop
from framework.loop.stop import Stop
from framework.report import Report
from framework.report.history import History

# So many skipped updates in a row are no bad batch, but a model that has diverged.
_MOST_SKIPPED = 20


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
    """Trains until the plan is over, from the latest checkpoint on.

    Args:
        state: What training changes.
        loop: Does so many steps.
        evaluations: What to ask the model.
        plan: When what happens.
        history: Gets the metrics of each evaluation.
        checkpoints: Where the state is saved.
        report: Is told what happens.
        stop: Whether a signal has asked to stop.

    Raises:
        NonFiniteError: The loss or the weights are no longer finite.
        Stopped: A signal has asked for it, and all is saved.
    """
    step = _restored(checkpoints)
    history.cut_back(step)
    is_pending = _is_evaluation_pending(state, plan, history, step)
    if is_pending:
        history.cut_back(step - 1)
    report.started(step)
    stop.check()
    pace = Pace(plan.steps_per_call)
    while is_pending or not plan.is_over(step, history):
        if not is_pending:
            step, norms = _advance(loop, plan, pace, step, report, stop)
            checkpoints.raise_failure()
            if not loop.is_finite():
                _go_back(state, plan, checkpoints, step, stop)
            if plan.logs(step):
                rates = {
                    "learning_rate": state.rate(),
                    **state.learning_rate.log_values(),
                }
                found = {**loop.take_window(), **norms, **state.noise.estimate()}
                report.logged(step, {**found, **rates, **_skipped(state, step)})
        if plan.evaluates(step):
            try:
                predictions = evaluations(stop.check)
            except Stopped:
                checkpoints.save(step, history.ranked(plan.monitor))
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
            checkpoints.save_best(step, history.ranked(plan.monitor))
            if state.learning_rate.observe(step, metrics):
                checkpoints.rewind(REWOUND, history.ranked(plan.monitor))
        is_pending = False
        is_over = plan.is_over(step, history)
        if plan.saves(step) or is_over or stop.asked:
            checkpoints.save(step, history.ranked(plan.monitor))
        if stop.asked and not is_over:
            checkpoints.wait()
            stop.check()
    checkpoints.wait()
    report.finished(step)


def _restored(checkpoints: Checkpoints) -> int:
    """Restores the latest checkpoint, or saves the initial state as the first one.

    So whatever else a run's folder holds, there is a checkpoint to resume it from; a
    folder of results without one has lost it.

    Returns:
        How many steps have been taken.
    """
    step = checkpoints.restore()
    if step is not None:
        return step
    checkpoints.save(0, ())
    checkpoints.wait()
    return 0


def _is_evaluation_pending(
    state: TrainState, plan: Plan, history: History, step: int
) -> bool:
    """Returns whether a checkpoint was saved before the evaluation of its own step.

    A signal has interrupted that evaluation. A later process may have rerun it, and
    have been killed before it saved: then the history has its row all the same. But an
    evaluation empties the sums over the steps before it.

    Args:
        state: As restored.
        plan: When an evaluation is due.
        history: Up to the step.
        step: That of the checkpoint.
    """
    if step == 0 or not plan.evaluates(step):
        return False
    return history.last_step != step or int(state.totals["examples"].numpy()) > 0


def _advance(
    loop: TrainLoop, plan: Plan, pace: Pace, step: int, report: Report, stop: Stop
) -> tuple[int, dict[str, float]]:
    """Trains until something is due, or a signal asks to stop.

    Returns:
        The steps done so far; and measurements of the last one, if it is one that is.
    """
    event, norms = plan.next_event(step), {}
    while step < event:
        count = loop.agreed(min(event - step, pace.limit))
        # A step is measured by a program of its own.
        probed = int(step + count == event and plan.probes(event))
        with pace.timed(count):
            if count > probed:
                loop(step, count - probed)
            norms = loop.probe(event - 1) if probed else {}
        step += count
        report.advanced(step, pace.seconds)
        if stop.asked:
            break
    return step, norms


def _go_back(
    state: TrainState, plan: Plan, checkpoints: Checkpoints, step: int, stop: Stop
) -> None:
    """Gives the model the weights of the last checkpoint, if that may be done.

    The batches since then are left out: training goes on with the next one.

    Raises:
        NonFiniteError: It may not, or not again.
    """
    count = state.nonfinite["rollbacks"]
    number = int(count.numpy()) + 1
    if number > plan.rollbacks:
        raise NonFiniteError(step)
    if not plan.is_event(step):
        # An unbroken run would not have noticed here: leave, and notice where it would.
        stop.check()
    saved = checkpoints.go_back()
    count.assign(number)
    logging.warning(
        "the loss or the weights are not finite at step %d: going on with the weights "
        "of step %d, without the batches since then (time %d of at most %d)",
        *(step, saved, number, plan.rollbacks),
    )


def _skipped(state: TrainState, step: int) -> dict[str, float]:
    """Returns how many updates were left out, if any were.

    Raises:
        NonFiniteError: It has become all of them.
    """
    counts = {name: int(value.numpy()) for name, value in state.nonfinite.items()}
    if counts["in_a_row"] >= _MOST_SKIPPED:
        raise NonFiniteError(step)
    return {"skipped_steps": counts["skipped"]} if counts["skipped"] else {}
