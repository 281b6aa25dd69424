"""Plans of a proof, and arms that train in no time."""

import numpy as np
import pytest

from framework.config import Config
from framework.diagnose.core.intervention import Intervention
from framework.prove import plan as plan_lib
from framework.prove.plan import Judge
from framework.prove.run_arms import Outcome

DATA = {
    name: {"images": images, "per_class": [], "digest": name, "covers": "content"}
    for name, images in (("train", 1_000), ("validation", 400), ("test", 400))
}


@pytest.fixture
def planned():
    """Makes a plan of remedies of a run."""

    def planned(
        judge=plan_lib.TEST,
        seeds=10,
        named=(),
        config=None,
        refused=None,
        **interventions,
    ):
        interventions = interventions or {
            "learning_rate_too_low": Intervention(learning_rate_factor=10.0)
        }
        return plan_lib.make(
            config or Config(learning_rate=1e-4),
            interventions,
            Judge(judge, "accuracy", DATA),
            seeds,
            named,
            refused,
        )

    return planned


class FakeArms:
    """Arms whose accuracy is known by name and seed.

    Args:
        folder: Where their folders would be.
        accuracy: Returns the accuracy of an arm with a seed; and that on validation.
    """

    def __init__(self, folder, accuracy):
        self._folder, self._accuracy = folder, accuracy
        self.trained = []

    def train(self, runs):
        self.trained += [run for run in runs if run not in self.trained]

    def outcome(self, arm, seed):
        assert (arm, seed) in self.trained
        accuracy, validation = self._accuracy(arm, seed)
        values = (np.arange(400) < 400 * accuracy).astype(float)
        return Outcome(values, validation, 100, 2.0)

    def folder(self, arm, seed):
        return self._folder / f"{arm}-{seed}"


@pytest.fixture
def fake(tmp_path):
    def fake(accuracy):
        def both(arm, seed):
            result = accuracy(arm, seed)
            return result if isinstance(result, tuple) else (result, result)

        return FakeArms(tmp_path, both)

    return fake
