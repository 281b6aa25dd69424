"""Measures a program anew, once the remedy of a cause has been accepted.

What was measured before is of a program with that fault, which can hide or feign other
faults. So the program is measured again with the accepted remedies, at the end of their
trial. Measurements of what the remedies leave as it is are kept: those of the data, and
those of the model before its first step where only the training has changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from framework.diagnose.core.check import Check, Suspicion, suspect
from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.finding import Evidence, Finding
from framework.diagnose.core.measurement import (
    Measurement,
    Measurements,
    NotApplicableError,
    Unavailable,
)
from framework.diagnose.core.standing import Accepted

_SEEN = "seen on"


@dataclasses.dataclass(frozen=True, eq=False)
class SecondLook:
    """What is suspected of a program with the accepted remedies.

    Attributes:
        accepted: These.
        measured: Its measurements; no more can be made.
        suspicions: By check.
    """

    accepted: Accepted
    measured: Measurements
    suspicions: Mapping[Check, Suspicion | Unavailable | None]

    def evidence(self) -> Evidence:
        """Returns on which program a finding was seen."""
        causes = " and ".join(self.accepted.causes)
        epochs = self.accepted.result.epochs
        return Evidence(
            _SEEN,
            f"the program after the remedy of {causes}",
            "",
            f"measured anew at the end of its trial of {epochs:.3g} epochs",
        )


def look_again(
    context: DiagnosisContext,
    accepted: Accepted,
    checks: Iterable[Check],
    kept: Sequence[type[Measurement]],
) -> SecondLook:
    """Measures the program with the accepted remedies, for some checks.

    Args:
        context: What is diagnosed.
        accepted: The remedies.
        checks: Those whose suspicions are wanted.
        kept: Measurements of which the first ones are used, whatever the remedies are.

    Raises:
        NotApplicableError: The program cannot be measured so.
    """
    if context.mended is None:
        raise NotApplicableError("the program cannot be measured with a remedy")
    first = context.measurements
    known = [each for each in map(first.made, kept) if each is not None]
    part = accepted.intervention.leaves
    if part is not None:
        known += first.determined_by(part)
    with context.mended(accepted.intervention, accepted.result) as mended:
        measured = mended.measurements
        measured.keep(known)
        measured.confirmed = first.confirmed
        suspicions = {check: suspect(check, measured) for check in checks}
        measured.close()
    return SecondLook(accepted, measured, suspicions)


def is_hidden(finding: Finding) -> bool:
    """Returns whether a finding was seen only once another cause was remedied."""
    return any(each.name == _SEEN for each in finding.evidence)
