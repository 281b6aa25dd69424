"""What a sweep is, besides the runs that it trains."""

from __future__ import annotations

import dataclasses
from typing import Any

from framework.errors import UsageError
from framework.sweep.space import Space

GRID, RANDOM, TPE = "grid", "random", "tpe"
SAMPLERS = (TPE, RANDOM, GRID)
HALVING, WILCOXON = "halving", "wilcoxon"
PRUNERS = ("none", HALVING, WILCOXON)
# The default of Optuna's pruner.
P_THRESHOLD = 0.1
# The least p of the one-sided signed-rank test of n pairs is 1 / 2^n.
_LEAST_PAIRS = 4


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of a sweep.

    Attributes:
        space: Which values and seeds are trained.
        trials: How many trials it has; it may be raised later.
        monitor: The metric of an evaluation that is compared.
        sampler: One of `SAMPLERS`.
        pruner: One of `PRUNERS`.
        storage: The URL of Optuna's database; "" for a journal in the folder.
        seed: Of the sampler.

    Raises:
        UsageError: The pruner needs more seeds.
    """

    space: Space
    trials: int
    monitor: str
    sampler: str = TPE
    pruner: str = "none"
    storage: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        seeds = len(self.space.seeds)
        if self.pruner == WILCOXON and seeds <= _LEAST_PAIRS:
            raise UsageError(
                f"--pruner={WILCOXON} compares trials over {_LEAST_PAIRS} seeds or "
                f"more, and saves those that follow: --sweep needs "
                f"seed={_LEAST_PAIRS + 1} or more, not seed={seeds}"
            )

    def as_json(self) -> dict[str, Any]:
        """Returns all that the trials depend on as JSON values."""
        return {
            "space": self.space.as_json(),
            "monitor": self.monitor,
            "sampler": self.sampler,
            "pruner": self.pruner,
            # The URL may have a password in it.
            "storage": "database" if self.storage else "journal",
            "sampler_seed": self.seed,
        }
