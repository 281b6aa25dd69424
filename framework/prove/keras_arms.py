"""Trains the arms of a proof for a Keras program, and judges them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework.data.split import Split
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs.keras_program import KerasProgram
from framework.errors import UsageError
from framework.prove.keras_plan import Training
from framework.prove.plan import Plan
from framework.prove.refusals import RefusedError
from framework.prove.run_arms import Outcome
from framework.system import atomic, json_text
from framework.system.json_text import InvalidJsonError

_FILE = "outcome.json"


class KerasArms:
    """The arms of a proof for a Keras program; the model is left as it was.

    Args:
        plan: The plan.
        trainings: How to train its arms, by name.
        program: The program.
        splits: The "validation" images, and those that judge as "test".
        folder: Where outcomes are kept, for the same proof to resume; None for memory.
        progress: Called with a line about each training.
        clock: Returns seconds; for tests.
    """

    def __init__(
        self,
        plan: Plan,
        trainings: Mapping[str, Training],
        program: KerasProgram,
        splits: Mapping[str, Split],
        folder: Path | None,
        progress: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._plan, self._trainings, self._program = plan, trainings, program
        self._splits, self._folder = splits, folder
        self._progress, self._clock = progress, clock
        self._outcomes: dict[tuple[str, int], Outcome] = {}

    def folder(self, arm: str, seed: int) -> Path:
        """Returns the folder of an arm with a seed, relative if there is none."""
        return (self._folder or Path()) / f"{arm}-{seed}"

    def train(self, runs: Sequence[tuple[str, int]]) -> None:
        """Trains and judges arms, unless that has been done already.

        Args:
            runs: The name and the seed of each.

        Raises:
            RefusedError: An arm cannot be trained.
            RunError: A folder cannot be written to.
            UsageError: The file of an outcome is damaged.
        """
        for run in runs:
            if run not in self._outcomes and self._folder is not None:
                known = self._read(*run)
                if known is not None:
                    self._outcomes[run] = known
        todo = [run for run in runs if run not in self._outcomes]
        for place, (arm, seed) in enumerate(todo):
            of_all = f"training {place + 1} of {len(todo)} to the next look"
            self._progress(f"{arm}, seed {seed}: {of_all}")
            self._outcomes[arm, seed] = self._run(arm, seed)

    def outcome(self, arm: str, seed: int) -> Outcome:
        """Returns the outcome of an arm that has been trained."""
        return self._outcomes[arm, seed]

    def _run(self, arm: str, seed: int) -> Outcome:
        training, start = self._trainings[arm], self._clock()
        images = self._splits["test"].images, self._splits["validation"].images
        try:
            result = self._program.train_anew(
                training.intervention, training.epochs, seed, images
            )
        except NotApplicableError as problem:
            raise RefusedError(arm, str(problem)) from problem
        predicted = result.validation_predictions, result.train_predictions
        correct = [
            (each == self._splits[name].labels).astype(np.float64)
            for name, each in zip(("test", "validation"), predicted, strict=True)
        ]
        seconds = self._clock() - start
        outcome = Outcome(correct[0], float(correct[1].mean()), training.steps, seconds)
        if self._folder is not None:
            self._write(arm, seed, outcome)
        return outcome

    def _write(self, arm: str, seed: int, outcome: Outcome) -> None:
        folder = self.folder(arm, seed)
        folder.mkdir(exist_ok=True)
        fields = {
            "plan_sha256": self._plan.sha256,
            "right": np.flatnonzero(outcome.values).tolist(),
            "validation": outcome.validation,
            "step": outcome.step,
            "seconds": round(outcome.seconds, 3),
        }
        atomic.write_text(folder / _FILE, json.dumps(fields) + "\n")

    def _read(self, arm: str, seed: int) -> Outcome | None:
        """Returns the outcome of an earlier call; None if there is none.

        Raises:
            UsageError: It is damaged, or of another plan.
        """
        path = self.folder(arm, seed) / _FILE
        try:
            fields: Mapping[str, Any] = json_text.parse_object(atomic.read_bytes(path))
            values = np.zeros(len(self._splits["test"]))
            values[np.asarray(fields["right"], np.int64)] = 1.0
            outcome = Outcome(
                values,
                float(fields["validation"]),
                int(fields["step"]),
                float(fields["seconds"]),
            )
            is_ours = fields["plan_sha256"] == self._plan.sha256
        except FileNotFoundError:
            return None
        except (InvalidJsonError, KeyError, TypeError, ValueError, IndexError) as bad:
            raise UsageError(f"{path} is damaged ({bad}); delete it") from bad
        if not is_ours:
            raise UsageError(f"{path} is of another plan; move its folder aside")
        return outcome
