"""Labels are not class numbers."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.measure.labels import LabelValidity

_KINDS = {
    "not_finite": "are not a number",
    "fractions": "are not whole numbers",
    "outside": "are classes that the model has no output for",
    "bad_rows": "are rows that do not sum to 1",
}
_SOURCE = "by definition: a class is a whole number from 0 to K - 1"


@dataclasses.dataclass(frozen=True)
class IllegalLabels(Check):
    """Counts labels that are not class numbers.

    Why it matters:
        Labels that were scaled along with the images, or cast, are all one class.
    Evidence:
        Counts of each kind of illegal label, with examples.
    How it is decided:
        By counting; a single one is enough.
    Remedy:
        Undo what was done to the labels.
    Sources:
        The definition of a class number.
    """

    cause_name: ClassVar[str] = "illegal_labels"
    phase: ClassVar[Phase] = Phase.DATA

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        validity = measured.get(LabelValidity)
        if not validity.has_illegal:
            return None
        evidence, reasons = [], []
        for split in ("train", "validation"):
            labels = getattr(validity, split)
            for kind, text in _KINDS.items():
                count = getattr(labels, kind)
                if not count:
                    continue
                reasons.append(
                    f"{count:,} of {labels.images:,} {split} labels {text}: "
                    f"{labels.examples}"
                )
                name = f"{split} labels that {text}"
                evidence.append(Evidence(name, str(count), "1 or more", _SOURCE))
        if validity.is_one_class:
            reasons.append(
                "as whole numbers all training labels are one class; validation has "
                f"{validity.validation.classes}"
            )
            evidence.append(
                Evidence(
                    "classes in training, as whole numbers",
                    str(validity.train.classes),
                    "fewer than 2, while validation has more",
                    _SOURCE,
                )
            )
        return Suspicion(
            is_certain=True,
            message="; ".join(reasons),
            evidence=tuple(evidence),
            advice=(
                "undo what was done to the labels (were they scaled along with the "
                "images, or cast?), and number the classes from 0 to K - 1"
            ),
            code=("classes, y_train = np.unique(y_train, return_inverse=True)",),
            refute="np.unique of the labels as passed: all are whole, 0 to K - 1",
        )
