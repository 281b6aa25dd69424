"""The result of a diagnosis."""

from __future__ import annotations

import dataclasses
import html
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.finding import Finding
from framework.diagnose.core.ledger import TrialRecord
from framework.diagnose.core.measurement import Measurements, Unavailable
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.report import json, text
from framework.diagnose.report.galleries import Gallery
from framework.report.history import Row
from framework.system import atomic


@dataclasses.dataclass(frozen=True, eq=False)
class Diagnosis:
    """The result; print it to read it.

    Attributes:
        plateau: The trend and verdict of the curve.
        findings: The confirmed ones first, by what they cost; at most one a cause.
        measured: The measurements.
        trials: The trials that were run, in order.
        not_judged: Checks that lacked a measurement, by the cause: why.
        context: What was diagnosed.
        rows: The metrics of each evaluation, as in metrics.jsonl.
        galleries: Finds images to look at, for the page.
        slots: HTML of the proof, by slot of the page; `remedy` fills it.
    """

    plateau: Plateau
    findings: tuple[Finding, ...]
    measured: Measurements
    trials: tuple[TrialRecord, ...]
    not_judged: dict[str, Unavailable]
    context: DiagnosisContext
    rows: tuple[Row, ...] = ()
    galleries: Callable[[], tuple[Gallery, ...]] = tuple
    slots: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def confirmed(self) -> tuple[Finding, ...]:
        """The confirmed findings."""
        return tuple(each for each in self.findings if each.status == "confirmed")

    def excluded(self, cause: str) -> np.ndarray:
        """Returns the training images that the remedy of a cause leaves out.

        Args:
            cause: The name of a cause, such as "label_noise".

        Returns:
            Their positions in the training images, int64 [n]; none if there is no such
            finding, or its remedy leaves none out.
        """
        for each in self.findings:
            if each.cause.name == cause and each.remedy.images is not None:
                return each.remedy.images.rows
        return np.zeros(0, np.int64)

    def as_json(self) -> dict[str, Any]:
        """Returns a JSON value; see `framework.diagnose.report.json.SCHEMA`."""
        return json.as_json(
            self.plateau, self.findings, self.measured, self.trials, self.not_judged
        )

    def save_html(self, path: str | Path) -> None:
        """Writes a page for a browser: one file, which loads nothing.

        Of a Keras program, duplicates and doubtful labels are looked for first. The
        page shows the proof of the last call of `remedy`.

        Args:
            path: The file, such as "report.html"; replaced if it exists.

        Raises:
            OSError: It cannot be written.
        """
        from framework.diagnose.report import html as html_page

        atomic.write_text(Path(path), html_page.page(self, self.galleries()))

    def remedy(
        self,
        folder: str | Path | None = None,
        seeds: int = 10,
        progress: Callable[[str], None] = lambda line: None,
    ) -> Any:
        """Proves the remedies of the confirmed causes of a Keras program by training.

        Each is trained in full beside the unchanged program and a placebo, with several
        seeds; the model is left as it was. The `test` of `explain` judges; without it,
        half of the validation images.

        Args:
            folder: Where to keep the plan, the outcomes and the result; the same call
                resumes there. None for memory only.
            seeds: The largest number of seeds; at least three.
            progress: Called with a line about each training.

        Returns:
            A `framework.prove.prove_keras.KerasProof`; print it to read it. Its
            `proven` is the remedy that is proven, or None.

        Raises:
            UsageError: The diagnosis is of a run, there are too few seeds, there is no
                placebo, or a proof has begun by another plan in the folder.
        """
        # The proof is a floor above: by its name, as for the names of this package.
        prove = importlib.import_module("framework.prove.prove_keras")
        return prove.prove_keras(self, folder, seeds, progress)

    def __repr__(self) -> str:
        names = ", ".join(f"{x.cause.name} ({x.status})" for x in self.findings)
        return f"Diagnosis({self.plateau.verdict}; {names or 'nothing found'})"

    def _repr_html_(self) -> str:
        """Returns HTML for notebooks: the text."""
        return f"<pre>{html.escape(str(self))}</pre>"

    def __str__(self) -> str:
        accuracy = self.measured.get(Accuracy)
        return text.page(
            self.plateau, accuracy, self.findings, self.not_judged, self.trials
        )
