"""Where the time of a run has gone, as one line for the console."""

from __future__ import annotations

from collections.abc import Mapping

from framework.report.timing import Timing

_WAITING, _OTHER = "waiting for input", "other"


def parts(
    timing: Timing, compiling_steps: float, compiling_evaluations: float, waited: float
) -> dict[str, float]:
    """Divides the seconds since the start or resumption of a run.

    Args:
        timing: The timing of the run.
        compiling_steps: Seconds of training that were compilation.
        compiling_evaluations: Seconds of evaluation that were compilation.
        waited: Seconds that training steps have waited for images.

    Returns:
        Seconds by name; all that are left, such as drawing for TensorBoard, as "other".
    """
    evaluation = timing.other.get("evaluation", 0.0)
    seconds = {
        _WAITING: waited,
        "steps": timing.training - compiling_steps - waited,
        "compilation": compiling_steps + compiling_evaluations,
        "evaluation": evaluation - compiling_evaluations,
        "checkpoints": timing.other.get("checkpoint", 0.0),
    }
    seconds = {name: max(value, 0.0) for name, value in seconds.items()}
    seconds[_OTHER] = max(timing.total - sum(seconds.values()), 0.0)
    return seconds


def line(seconds: Mapping[str, float]) -> str:
    """Returns a line such as "12.0 s: 75% steps, 25% evaluation".

    >>> line({"waiting for input": 6.0, "steps": 2.0, "checkpoints": 0.0})
    '8.0 s: 75% waiting for input, 25% steps; input-bound: images are read too slowly'

    Args:
        seconds: From `parts`.

    Returns:
        "" if no time has passed.
    """
    total = sum(seconds.values())
    if total <= 0:
        return ""
    fractions = {name: value / total for name, value in seconds.items()}
    shown = {name: x for name, x in fractions.items() if x >= 0.005}
    listed = ", ".join(f"{x:.0%} {name}" for name, x in shown.items())
    text = f"{total:.1f} s: {listed}"
    if seconds and max(seconds, key=lambda name: seconds[name]) == _WAITING:
        text += "; input-bound: images are read too slowly"
    return text
