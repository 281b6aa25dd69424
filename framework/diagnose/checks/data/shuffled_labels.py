"""Labels do not belong to their images."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import Decision
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import Threshold, above, below
from framework.diagnose.core.trials import Trials
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.image_structure import ImageStructure
from framework.diagnose.measure.label_signal import OTHER_SPLIT, LabelSignal
from framework.diagnose.measure.labels import LabelValidity, SplitComposition
from framework.diagnose.measure.probe import Signal
from framework.numerics.intervals import difference

_NULL = "against the same labels permuted; permuted ones gave 3.1 at most in 80 trials"

_KEEP_TOGETHER = (
    "keep each image and its label together: shuffle them by one permutation, or as "
    "pairs of one tf.data.Dataset, and sort files before listing labels"
)
_ONE_PERMUTATION = (
    "order = np.random.default_rng(0).permutation(len(x_train))",
    "x_train, y_train = x_train[order], y_train[order]",
)
_SORT_FILES = (
    "files = sorted(glob.glob('images/*'))",
    "labels = [class_of(file) for file in files]",
)


@dataclasses.dataclass(frozen=True)
class ShuffledLabels(Check):
    """Compares how well probes of untrained features predict labels in each split.

    Why it matters:
        Images and labels that were sorted or shuffled apart teach nothing.
    Evidence:
        Standard deviations from chance of the better of two probes, in both splits;
        and that the model knows nothing that chance would not give.
    How it is decided:
        Labels of one split say nothing, or far more in another order, while as many
        labels of the other split say much. If neither says anything, it cannot be
        decided; but labels that stand in blocks are suspected to be in another order
        than their images.
    Remedy:
        Shuffle images and labels by one permutation.
    Sources:
        A permutation test (Ojala & Garriga, 2010).

    Attributes:
        chance: Standard deviations below which labels say nothing. Permuted labels of
            digits, clothes and flowers gave 3.1 at most in 80 trials.
        clear: Standard deviations above which they certainly do; true labels gave 19 at
            least, of 1,000 images.
        order_gain: The least gain of accuracy by which another order fits better.
        blocks: Mutual information of label and position, in bits, above which labels
            stand in blocks; see `SplitArtifact.sorted_bits`.
    """

    cause_name: ClassVar[str] = "shuffled_labels"
    phase: ClassVar[Phase] = Phase.DATA
    chance: float = 3.0
    clear: float = 5.0
    order_gain: float = 0.2
    blocks: float = 0.5

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        accuracy = measured.get(Accuracy)
        # A model that has learnt something shows that there is something to learn.
        if measured.get(LabelValidity).has_illegal:
            return None
        if accuracy.is_above_chance:
            return None
        signal = measured.get(LabelSignal)
        if all(each.z < self.chance for each in signal.signals.values()):
            suspicion = self._unresolvable(accuracy, signal)
            return self._in_blocks(suspicion, measured)
        for split in OTHER_SPLIT:
            control = signal.controls.get(split)
            if control is None or control.z <= self.clear:
                continue
            order = self._order(signal, split)
            if order or signal.signals[split].z < self.chance:
                return self._shuffled(accuracy, signal, split, order)
        return None

    def decide(
        self, suspicion: Suspicion, measured: Measurements, trials: Trials
    ) -> Decision:
        """See base class. What is not certain is not to be resolved by any trial."""
        del measured, trials
        is_order = suspicion.code == _SORT_FILES
        return Decision("suspected" if is_order else "unresolvable")

    def has_decided(self, trials: Trials) -> bool:
        """See base class."""
        del trials
        return True

    def _in_blocks(self, suspicion: Suspicion, measured: Measurements) -> Suspicion:
        """Returns the suspicion, with what to do if labels stand in blocks."""
        splits = measured.find(SplitComposition)
        if splits is None or splits.order_bits <= self.blocks:
            return suspicion
        shown = Evidence(
            "order of the labels as stored, in bits",
            splits.order_bits,
            above(self.blocks).note(": in blocks"),
            "mutual information with the position, in 10 parts, less that of shuffled "
            "labels",
        )
        return dataclasses.replace(
            suspicion,
            message=(
                "the labels stand in blocks, class by class, but say nothing about the "
                "images at the same places: the files were probably listed in another "
                "order than the labels were written for"
            ),
            evidence=(*suspicion.evidence, shown),
            advice=(
                "sort the files before labels are assigned to them, since the order "
                "of a listing is arbitrary; or take each label from the name or the "
                "folder of its file"
            ),
            code=_SORT_FILES,
            refute="the same probe once files are sorted: it still sees nothing",
        )

    def _order(self, signal: LabelSignal, split: str) -> str:
        """Returns the order in which labels fit their images, in words, or ""."""
        orders = signal.orders[split]
        best = max(orders, key=lambda name: orders[name].z)
        gain = difference(orders[best].accuracy, signal.signals[split].accuracy)
        fits = orders[best].z > self.clear and gain.low > self.order_gain
        return best if fits else ""

    def _shuffled(
        self, accuracy: Accuracy, label_signal: LabelSignal, split: str, order: str
    ) -> Suspicion:
        signal = label_signal.signals[split]
        control = label_signal.controls[split]
        message = (
            f"the {split} labels do not belong to their images: a probe is right "
            f"{signal.accuracy.value:.1%} of the time, and {signal.chance:.1%} on "
            f"permuted labels, while in the {OTHER_SPLIT[split]} split it is "
            f"{control.accuracy.value:.1%}"
        )
        if order:
            message += f"; they fit once {order}"
        return Suspicion(
            is_certain=True,
            message=message,
            evidence=(
                _evidence(
                    split,
                    signal,
                    below(self.chance).note("; or far more in another order"),
                ),
                _evidence(
                    f"as many {OTHER_SPLIT[split]} images",
                    control,
                    above(self.clear).note(": so the probe would see it"),
                ),
            ),
            advice=_KEEP_TOGETHER,
            code=_ONE_PERMUTATION,
            refute=f"the same probe on {split} pairs that were checked by eye",
            cost=difference(control.accuracy, accuracy.validation.accuracy),
        )

    def _unresolvable(self, accuracy: Accuracy, signal: LabelSignal) -> Suspicion:
        return Suspicion(
            message=(
                "the labels carry no information about the images that a probe can "
                "see: in training as in validation, probes are right no more often "
                "than on permuted labels, and so is the model "
                f"({accuracy.validation.accuracy.value:.1%} of the validation images)"
            ),
            evidence=tuple(
                _evidence(name, each, below(self.chance).note(" in both splits"))
                for name, each in signal.signals.items()
            ),
            advice=(
                "look at some images beside their labels; if a person cannot tell them "
                "either, other data are needed, and no other training"
            ),
            code=("plt.imshow(x_train[0]), print(y_train[0])",),
            refute="any model that is right more often than chance on held-out images",
        )


@dataclasses.dataclass(frozen=True)
class SeparatedLabels(Check):
    """Tells labels that were separated from their images from images that show nothing.

    Why it matters:
        Features and labels that were read or shuffled apart, in both splits, look like
        data that nobody can learn.
    Evidence:
        Labels that no probe sees in either split; and that in both a probe of one half
        of each image sees what the other half is like.
    How it is decided:
        By both, once no trial of another cause has helped: the images show things, and
        the labels follow none of them. Otherwise it cannot be decided.
    Remedy:
        Keep each image and its label together.
    Sources:
        A permutation test with a positive control (Ojala & Garriga, 2010).

    Attributes:
        chance: See `ShuffledLabels.chance`.
        clear: See `ShuffledLabels.clear`.
        fewest: Images of a split from where on a probe sees true labels: of 200 digits,
            clothes or flowers they gave 9.1 at least, in 9 draws. Groups of halves
            gave 9 at least of 400 images; pixels drawn one by one 2.2 at most.
    """

    cause_name: ClassVar[str] = "shuffled_labels"
    phase: ClassVar[Phase] = Phase.LAST
    chance: float = 3.0
    clear: float = 5.0
    fewest: int = 200

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        accuracy = measured.get(Accuracy)
        if measured.get(LabelValidity).has_illegal or accuracy.is_above_chance:
            return None
        least = min(accuracy.train_clean.images, accuracy.validation.images)
        labels = measured.get(LabelSignal).signals
        if least < self.fewest:
            return None
        if any(each.z >= self.chance for each in labels.values()):
            return None
        images = measured.get(ImageStructure).signals
        if any(each.z <= self.clear for each in images.values()):
            return None
        return Suspicion(
            message=(
                "the labels do not belong to their images, in either split: probes and "
                "the model are right about them no more often than chance, although "
                "the images show things that a probe sees, and no other training helps"
            ),
            evidence=(
                *(
                    _evidence(name, each, below(self.chance).note(" in both splits"))
                    for name, each in labels.items()
                ),
                *(
                    _evidence(
                        f"{name}, of groups of the left halves by the right halves",
                        each,
                        above(self.clear).note(": so there is something to see"),
                    )
                    for name, each in images.items()
                ),
            ),
            advice=_KEEP_TOGETHER,
            code=_ONE_PERMUTATION,
            refute="images that were checked beside their labels by eye, and fit",
        )

    def decide(
        self, suspicion: Suspicion, measured: Measurements, trials: Trials
    ) -> Decision:
        """See base class. What another remedy mends is explained by that."""
        del suspicion
        others = measured.confirmed - {self.cause_name}
        is_explained = bool(others) or trials.has_gained
        return Decision("unresolvable" if is_explained else "confirmed")

    def has_decided(self, trials: Trials) -> bool:
        """See base class."""
        del trials
        return True


def _evidence(where: str, signal: Signal, threshold: Threshold) -> Evidence:
    return Evidence(
        f"standard deviations from chance, {where}",
        signal.z,
        threshold,
        f"{signal.probe}: {signal.accuracy.value:.1%} right by {signal.chance:.1%} "
        f"{_NULL}",
    )
