"""Decides between a model that is too small and a training that was too short.

Both have the same symptom: not even training images are learnt. So both are tried, the
same model for longer and a larger one from the first step. The one that gains more is
the cause: a larger model also learns faster, and more time helps a small one a little.
"""

from __future__ import annotations

import dataclasses

from framework.diagnose.core.budget import SHORT, TooSlowError
from framework.diagnose.core.decision import (
    Decision,
    is_gain,
    not_measured,
    status_of,
    threshold,
)
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements, NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.diagnose.core.settings import TrainingSettings
from framework.diagnose.core.trials import Trials
from framework.diagnose.measure.regularization import Capacity
from framework.numerics.intervals import Estimate, paired_difference

# Healthy programs gain a little by either. Training twice as long gains at most 2.5
# points of the 54 healthy programs in the calibration half of the zoo
# (benchmarks/zoo/admitted.json); this is twice as much. No trial is longer than that,
# but of runs that are too short for anything else.
ENOUGH = 0.05
# Of few steps, several times as many cost little and show far more.
_LENGTHS, _OF_FEW_STEPS = (3.0, 2.0, 1.0), (30.0, 10.0, 5.0)
# Widening by less shows nothing where a layer has a unit or three.
NARROW, _WIDER, _FAR_WIDER = 4, 4.0, 16.0
_SOURCES = {
    "length": "the same model trained on, against the run's end",
    "size": "a larger model trained anew, against the run's end",
}


@dataclasses.dataclass(frozen=True)
class SizeOrLength:
    """The results of both trials.

    Attributes:
        gains: In validation accuracy, by "size" and "length"; the smaller one on top of
            the larger one, where that was accepted. Not tried: absent.
        minimums: The least gains that count.
        interventions: What was tried.
        problems: Why one of them could not be tried.
    """

    gains: dict[str, Estimate]
    minimums: dict[str, float]
    interventions: dict[str, Intervention]
    problems: dict[str, NotApplicableError]

    def decision(self, name: str) -> Decision:
        """Returns the decision about "size" or "length"."""
        gain = self.gains.get(name)
        if name in self.problems:
            return not_measured(self.problems[name])
        if gain is None:
            return Decision("suspected")
        minimum = self.minimums[name]
        shown = Evidence(
            "gain in validation accuracy of the trial",
            gain,
            threshold(minimum),
            _SOURCES[name],
        )
        tried = self.interventions[name]
        return Decision(status_of(gain, minimum), gain, (shown,), tried)


def decide(
    measured: Measurements, trials: Trials, suspected: frozenset[str]
) -> SizeOrLength:
    """Runs the suspected trials, "size" and "length", once; accepts the better one."""
    return trials.share(SizeOrLength, lambda: _compare(measured, trials, suspected))


def has_decided(trials: Trials, name: str) -> bool:
    """Returns whether a trial of "size" or "length" has been run."""
    both = trials.shared(SizeOrLength)
    return both is not None and name in both.gains


def larger(capacity: Capacity) -> Intervention:
    """Returns an intervention with more units."""
    is_narrow = capacity.narrowest < NARROW
    return Intervention(width_factor=_FAR_WIDER if is_narrow else _WIDER)


def _compare(
    measured: Measurements, trials: Trials, suspected: frozenset[str]
) -> SizeOrLength:
    results: dict[str, tuple[TrialResult, Intervention]] = {}
    problems: dict[str, NotApplicableError] = {}
    # Something else was in the way, and what mends it had a part of the time only.
    untried = frozenset[str]() if trials.has_accepted else suspected
    # Not known where the program does not show its layers: then size is not suspected.
    capacity = measured.find(Capacity)
    # More time first: of a larger model nobody knows what it costs.
    for name in sorted(untried):
        try:
            if name == "length":
                tried = _longer(trials, measured.settings, has_other=len(untried) > 1)
            else:
                assert capacity is not None, "without it, size is not suspected"
                tried = _larger(trials, capacity)
        except NotApplicableError as problem:
            problems[name] = problem
        else:
            if tried is not None:
                results[name] = tried
    minimums = {"length": ENOUGH, "size": max(trials.minimum_gain, ENOUGH)}
    if capacity is not None and capacity.narrowest < NARROW:
        # So few units are never wide enough by design.
        minimums["size"] = trials.minimum_gain
    # Time costs least: in doubt it is that.
    names: list[str] = [name for name in ("length", "size") if name in results]
    if len(names) == 2:
        long, large = (trials.correct_of(results[name][0]) for name in names)
        if is_gain(paired_difference(large, long)):
            names.reverse()
    gains: dict[str, Estimate] = {}
    for name in names:
        result, intervention = results[name]
        gains[name] = trials.gain(result)
        if is_gain(gains[name], minimums[name]):
            trials.accept(result, intervention)
    interventions = {name: results[name][1] for name in names}
    return SizeOrLength(gains, minimums, interventions, problems)


def _longer(
    trials: Trials, settings: TrainingSettings, has_other: bool
) -> tuple[TrialResult, Intervention] | None:
    """Tries the same training for as long as can be afforded, and is fast enough.

    Args:
        trials: Runs it.
        settings: Of the original training.
        has_other: Whether size is to be tried as well; it is left the cost of a trial.

    Returns:
        The result, and what was different; None without the budget.

    Raises:
        NotApplicableError: It cannot be continued, or not in time.
    """
    is_short = settings.epochs * settings.steps_per_epoch < SHORT
    lengths = (*_OF_FEW_STEPS, *_LENGTHS) if is_short else _LENGTHS
    slow: TooSlowError | None = None
    for length in lengths:
        if not trials.can_afford(length + has_other):
            continue
        try:
            return trials.train_on("stopped_too_early", length)
        except TooSlowError as problem:
            slow = problem
    if slow is not None:
        raise slow
    return trials.train_on("stopped_too_early") if trials.can_afford() else None


def _larger(
    trials: Trials, capacity: Capacity
) -> tuple[TrialResult, Intervention] | None:
    """Tries a larger model; as `_longer`."""
    if not trials.can_afford():
        return None
    intervention = larger(capacity)
    return trials.train("insufficient_capacity", intervention), intervention
