"""The result of a run: its history, and its network to predict with."""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from framework.augment.normalize import Normalizer
from framework.config import Config
from framework.data import record as data_record
from framework.data.stream import NOTE
from framework.errors import RunError
from framework.launch import predictions, run_folder, trained
from framework.launch import weights as weights_lib
from framework.launch.given import NOTHING, Given
from framework.launch.trained import Trained
from framework.models import ModelFunction
from framework.report.history import History


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """The result of a run.

    Attributes:
        history: The metrics of each evaluation.
        trained: The network. It has the weights after the last step, or, with `--ema`,
            their average, as evaluations do.
        config: The configuration of the run.
        folder: The folder of the run.
        given: The model and the data set that `run` was given.
    """

    history: History
    trained: Trained
    config: Config
    folder: Path
    given: Given = NOTHING

    @classmethod
    def load(
        cls,
        folder: str | Path,
        weights: str = "last",
        model: ModelFunction | None = None,
        *,
        trust_run: bool = False,
    ) -> Result:
        """Loads the result of a run from its folder; its data are not needed.

        Nothing is written, and the run may still be training.

        Args:
            folder: The folder of the run.
            weights: "last", or "best" by the run's `--monitor`.
            model: The function that builds its model, if it was given in Python.
            trust_run: Whether code that the run's config names may be imported; see
                `framework.launch.trust`.

        Raises:
            UsageError: There is no run, or none with such weights; its model was given
                in Python and is not given here; or it is not trusted.
            RunError: The weights or the metrics are damaged, or of another model.
        """
        run = Path(folder)
        network = trained.load(run, weights, model, trust_run=trust_run)
        history = History(run / "metrics.jsonl")
        return cls(history, network, run_folder.read_config(run), run)

    @property
    def model(self) -> keras.Model:
        """Maps normalized images to logits."""
        return self.trained.model

    @property
    def normalize(self) -> Normalizer:
        """Normalization of pixels, which the model does not include."""
        return self.trained.normalize

    @property
    def monitor(self) -> str:
        """The metric that determines the best evaluation."""
        return self.config.monitor

    def use_best(self) -> Result:
        """Sets the weights to those of the best evaluation; returns itself.

        Raises:
            UsageError: There is no evaluation yet.
            RunError: They are damaged, or were deleted.
        """
        self.trained.use(weights_lib.read(self.folder, self.config, "best"))
        return self

    def predict(
        self, images: np.ndarray | str | Path | Sequence[str | Path]
    ) -> np.ndarray:
        """Returns the probabilities of each class, float32 [N, K].

        Args:
            images: [N, height, width, C] as in training, one image of [height, width,
                C], or the path of an image file or a folder, or a list of such paths.

        Raises:
            UsageError: The images have another shape or type, or do not exist.
            RunError: An image file cannot be read.
        """
        if isinstance(images, np.ndarray):
            self._warn_of_scale(images)
            return self.trained.predict(images)
        paths = [images] if isinstance(images, (str, Path)) else images
        rows = []
        for name, row in predictions.predict(self.trained, [str(x) for x in paths]):
            if isinstance(row, str):
                raise RunError(f"{name} cannot be read: {row}")
            rows.append(row)
        return np.stack(rows)

    def evaluate(self, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Returns the metrics of labelled images: see `Trained.evaluate`."""
        self._warn_of_scale(images)
        return self.trained.evaluate(images, labels)

    def export(self, folder: str | Path) -> None:
        """Writes a SavedModel that takes images as in the data set.

        Its default signature maps "images", [N, height, width, channels], to
        "probabilities", float32 [N, K]. `tf.saved_model.load` and TensorFlow Serving
        can read it without this program. An existing SavedModel is replaced once the
        new one is complete.

        Args:
            folder: The folder to write.

        Raises:
            UsageError: The folder exists and is not a SavedModel.
        """
        self.trained.export(folder)

    def remedy(
        self, seeds: int = 10, progress: Callable[[str], None] = lambda line: None
    ) -> Any:
        """Proves the remedies of the run, as `whyflat remedy` does; writes into it.

        The run is diagnosed first, unless that has been done. The remedies are then
        trained in full beside the unchanged run and a placebo, with several seeds and
        with the model function and the data set that `run` was given.

        Args:
            seeds: The largest number of seeds; at least three.
            progress: Called with a line about each step, such as `print`.

        Returns:
            A `framework.prove.remedy.RunProof`; print it to read it. Its `proven` is
            the remedy that is proven, or None. The same call resumes a proof.

        Raises:
            UsageError: `run` was given a built model instead of a function, the result
                was loaded and lacks what `run` was given, there are too few seeds,
                there is no placebo, or a proof has begun by another plan.
            RunError: The folder cannot be written to, or training fails.
            Stopped: A signal requested to stop; the same call resumes.
        """
        # The proof is a floor above: by its name, as for `Diagnosis.remedy`.
        prove = importlib.import_module("framework.prove.remedy")
        return prove.prove_given(self.folder, self.given, seeds, progress)

    def _warn_of_scale(self, images: np.ndarray) -> None:
        if text := self.trained.scale_warning(images):
            warnings.warn(text, stacklevel=3)

    @property
    def is_inexact(self) -> bool:
        """Whether it was trained on a stream; see `framework.data.inexact_stream`."""
        return data_record.is_inexact(self.folder)

    def __repr__(self) -> str:
        inexact = "inexact; " if self.is_inexact else ""
        summary = self.history.summary(self.monitor)
        return f"Result({str(self.folder)!r}: {inexact}{summary})"

    def _repr_html_(self) -> str:
        """Returns HTML for notebooks: the curve, and its best and last values."""
        note = f"<p>{NOTE}</p>" if self.is_inexact else ""
        return f"{note}{self.history.html(self.monitor)}"
