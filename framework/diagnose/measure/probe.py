"""Small classifiers of labels, against the same labels permuted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from framework.diagnose.measure.ridge import Ridge, one_hot
from framework.diagnose.measure.samples import chosen
from framework.numerics.intervals import Estimate, proportion

_NEIGHBOURS = 10
# A hundred pin down the mean and the spread of the null; with many classes, fewer, so
# that it takes no longer.
_PERMUTATIONS, _TARGETS = 100, 2_000
# More examples than this add to the power, which is enough, and to the time.
_MOST = 1_200


@dataclasses.dataclass(frozen=True)
class Signal:
    """How much better than chance features predict labels.

    Attributes:
        accuracy: Of the better probe, on examples that it was not fitted to.
        chance: The mean accuracy on permuted labels.
        z: The difference in standard deviations of those.
        probe: Which of the two it is.
    """

    accuracy: Estimate
    chance: float
    z: float
    probe: str


class Probe:
    """Ten nearest neighbours and a linear probe, of the same examples throughout.

    Args:
        features: float [N, F].
    """

    def __init__(self, features: np.ndarray):
        self._rows = chosen(len(features), _MOST)
        self._features = features[self._rows]
        self._probes: dict[str, Callable[[np.ndarray], np.ndarray]] = {
            "10 nearest neighbours": self._nearest(),
            "linear probe": Ridge(self._features),
        }

    def signal(self, labels: np.ndarray) -> Signal:
        """Returns how well the features predict labels, int [N]."""
        labels = np.unique(labels[self._rows], return_inverse=True)[1].reshape(-1)
        classes = int(labels.max()) + 1
        generator = np.random.Generator(np.random.PCG64(1))
        count = int(np.clip(_TARGETS // classes, 20, _PERMUTATIONS))
        columns = np.stack(
            [labels, *(generator.permutation(labels) for _ in range(count))], axis=1
        )
        signals = []
        for name, probe in self._probes.items():
            right = self._right(probe, columns, classes)
            share = right.mean(axis=0)
            spread = max(share[1:].std(), 0.5 / len(labels))
            z = float((share[0] - share[1:].mean()) / spread)
            accuracy = proportion(int(right[:, 0].sum()), len(labels))
            signals.append(Signal(accuracy, float(share[1:].mean()), z, name))
        return max(signals, key=lambda each: each.z)

    def _right(
        self,
        probe: Callable[[np.ndarray], np.ndarray],
        columns: np.ndarray,
        classes: int,
    ) -> np.ndarray:
        """Returns which labels are predicted correctly: bool [N, columns]."""
        targets = one_hot(columns, classes).reshape(len(columns), -1)
        scores = probe(targets).reshape(len(columns), -1, classes)
        correct: np.ndarray = scores.argmax(axis=2) == columns
        return correct

    def _nearest(self) -> Callable[[np.ndarray], np.ndarray]:
        similar = self._features @ self._features.T
        squares = similar.diagonal().copy()
        distances = squares[:, None] + squares - 2 * similar
        np.fill_diagonal(distances, np.inf)
        count = min(_NEIGHBOURS, len(distances) - 1)
        near = np.argpartition(distances, count - 1, axis=1)[:, :count]

        def votes(targets: np.ndarray) -> np.ndarray:
            total: np.ndarray = sum(
                (targets[near[:, index]] for index in range(1, count)),
                targets[near[:, 0]],
            )
            return total

        return votes
