"""A remedy and the unchanged program, trained: what both have recorded."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from framework.config import Config
from framework.data import record as data_record
from framework.data.record import DataRecord
from framework.loop.checkpoint_files import CheckpointFiles
from framework.prove.inputs import Images
from framework.report import events, tags
from framework.report.history import History


@dataclasses.dataclass(frozen=True, eq=False)
class Pair:
    """A remedy and the unchanged program, trained.

    Attributes:
        config: Of the run.
        changed: The same with the remedy.
        remedied: The folders of the finished arms with the remedy, by seed.
        unchanged: Those of the unchanged program, with the same seeds.
        images: A sample of the images; None if there is none.
    """

    config: Config
    changed: Config
    remedied: Sequence[Path]
    unchanged: Sequence[Path]
    images: Images | None = None

    def last(self, name: str, less: str = "") -> tuple[float, float] | None:
        """Returns a metric at the last evaluation, remedied and unchanged.

        Args:
            name: The metric.
            less: A metric to subtract; "" for none.

        Returns:
            The means over seeds; None if a run was not evaluated.
        """
        return self.last_of(lambda row: row[name] - (row[less] if less else 0.0))

    def last_of(
        self, value: Callable[[Mapping[str, float]], float]
    ) -> tuple[float, float] | None:
        """Returns a number of the last evaluation, remedied and unchanged.

        Args:
            value: Returns the number, from the metrics.

        Returns:
            The means over seeds; None if a run was not evaluated.
        """
        means = []
        for folders in (self.remedied, self.unchanged):
            try:
                rows = [History(each / "metrics.jsonl").rows[-1] for each in folders]
                means.append(float(np.mean([value(row) for row in rows])))
            except (IndexError, KeyError):
                return None
        return means[0], means[1]

    def ratio(self, tag: str, place: int) -> float | None:
        """Returns the ratio of a logged number, remedied by unchanged.

        Args:
            tag: The number's name among those of training steps.
            place: 0 for the first step at which both logged it, -1 for the last.

        Returns:
            That of the first seed; None if there is no such step.
        """
        after, before = (
            events.read_scalars(folders[0] / "train", tags.logged(tag).name)
            for folders in (self.remedied, self.unchanged)
        )
        steps = sorted(after.keys() & before.keys())
        ratios = [after[step] / before[step] for step in steps if before[step]]
        ratios = [ratio for ratio in ratios if 0 < ratio < math.inf]
        return ratios[place] if ratios else None

    def records(self) -> tuple[DataRecord, DataRecord] | None:
        """Returns data.json, remedied and unchanged; None if one is missing."""
        after, before = (
            data_record.read(folders[0]) for folders in (self.remedied, self.unchanged)
        )
        return None if after is None or before is None else (after, before)

    def parameters(self) -> tuple[int, int] | None:
        """Returns the sizes of the models, remedied and unchanged.

        Returns:
            The numbers of values in the last checkpoint; None if there is none.
        """
        sizes = []
        for folders in (self.remedied, self.unchanged):
            files = CheckpointFiles(folders[0] / "checkpoints", folders[0] / "best")
            latest = files.latest()
            if latest is None:
                return None
            values = latest.values.items()
            sizes.append(
                sum(value.size for name, value in values if name.startswith("model/"))
            )
        return sizes[0], sizes[1]
