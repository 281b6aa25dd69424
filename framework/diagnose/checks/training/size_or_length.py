"""Decides between a model that is too small and a training that was too short.

Both have the same symptom: not even training images are learnt. So both are tried, the
same model for longer and a larger one from the first step. The one that gains more is
the cause: a larger model also learns faster, and more time helps a small one a little.
"""

from __future__ import annotations

import dataclasses

from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements, NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.diagnose.core.trials import Decision, Trials, is_gain, status_of
from framework.diagnose.measure.regularization import Capacity
from framework.numerics.intervals import Estimate, paired_difference

# Healthy programs gain a little by either. Training twice as long gains at most 2.5
# points of the 54 healthy programs in the calibration half of the zoo
# (benchmarks/zoo/admitted.json); this is twice as much.
_ENOUGH = 0.05
# Widening by less shows nothing where a layer has a unit or three.
NARROW, _WIDER, _FAR_WIDER = 4, 4.0, 16.0


@dataclasses.dataclass(frozen=True)
class SizeOrLength:
    """The results of both trials.

    Attributes:
        gains: In validation accuracy, by "size" and "length"; the smaller one on top of
            the larger one, where that was accepted. Not tried: absent.
        minimums: The least gains that count.
    """

    gains: dict[str, Estimate]
    minimums: dict[str, float]

    def decision(self, name: str) -> Decision:
        """Returns the decision about "size" or "length"."""
        gain = self.gains.get(name)
        if gain is None:
            return Decision("suspected")
        minimum = self.minimums[name]
        shown = Evidence(
            "gain in validation accuracy of the trial",
            gain,
            f"the interval above 0, and {minimum:.0%} or more",
            "the same model for longer beside a larger one",
        )
        return Decision(status_of(gain, minimum), gain, (shown,))


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
    # After an accepted intervention the comparison is unfair: that trial was short.
    untried = frozenset[str]() if trials.has_accepted else suspected
    capacity = measured.get(Capacity)
    if "size" in untried:
        _try(results, trials, "insufficient_capacity", "size", larger(capacity))
    if "length" in untried:
        _try(results, trials, "stopped_too_early", "length", Intervention())
    enough = max(trials.minimum_gain, _ENOUGH)
    minimums = {"length": enough, "size": enough}
    if capacity.narrowest < NARROW:
        # So few units are never wide enough by design.
        minimums["size"] = trials.minimum_gain
    # Time costs least: in doubt it is that.
    names = [name for name in ("length", "size") if name in results]
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
    return SizeOrLength(gains, minimums)


def _try(
    results: dict[str, tuple[TrialResult, Intervention]],
    trials: Trials,
    name: str,
    key: str,
    intervention: Intervention,
) -> None:
    """Trains with an intervention, or, if it changes nothing, for longer."""
    continues = not intervention.differences()
    lengths = (3.0, 2.0, 1.0) if continues else (1.0,)
    length = next((each for each in lengths if trials.can_afford(each)), 0.0)
    if not length:
        return
    try:
        result = trials.train(name, intervention, not continues, length)
    except NotApplicableError:
        return
    results[key] = result, intervention
