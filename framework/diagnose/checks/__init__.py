"""The checks, one cause a file, in the order in which they are run."""

from __future__ import annotations

from framework.diagnose.checks.data.class_imbalance import ClassImbalance
from framework.diagnose.checks.data.distribution_shift import DistributionShift
from framework.diagnose.checks.data.example_weights import ExampleWeightsCancel
from framework.diagnose.checks.data.homogeneous_training_data import (
    HomogeneousTrainingData,
)
from framework.diagnose.checks.data.illegal_labels import IllegalLabels
from framework.diagnose.checks.data.label_noise import LabelNoise
from framework.diagnose.checks.data.preprocessing_mismatch import PreprocessingMismatch
from framework.diagnose.checks.data.shuffled_labels import (
    SeparatedLabels,
    ShuffledLabels,
)
from framework.diagnose.checks.data.split_artifact import SplitArtifact
from framework.diagnose.checks.data.split_leakage import SplitLeakage
from framework.diagnose.checks.data.unnormalized_inputs import UnnormalizedInputs
from framework.diagnose.checks.data.unshuffled_batches import UnshuffledBatches
from framework.diagnose.checks.data.validation_too_small import ValidationTooSmall
from framework.diagnose.checks.evaluation.metric_bug import MetricBug
from framework.diagnose.checks.evaluation.random_validation import RandomValidation
from framework.diagnose.checks.evaluation.stale_evaluation_weights import (
    StaleEvaluationWeights,
)
from framework.diagnose.checks.evaluation.train_eval_mismatch import (
    BetterInTrainingMode,
    EvaluatedInTrainingMode,
    LoopModesDiffer,
    NeverInTrainingMode,
    WrongMovingStatistics,
)
from framework.diagnose.checks.training.bad_initialization import BadInitialization
from framework.diagnose.checks.training.batch_size_too_large import BatchSizeTooLarge
from framework.diagnose.checks.training.batch_size_too_small import BatchSizeTooSmall
from framework.diagnose.checks.training.below_linear_probe import BelowLinearProbe
from framework.diagnose.checks.training.dead_units import DeadFromTheStart, DeadUnits
from framework.diagnose.checks.training.exploding_gradients import ExplodingGradients
from framework.diagnose.checks.training.frozen_weights import (
    FrozenWeights,
    UnsuitedFrozenWeights,
)
from framework.diagnose.checks.training.insufficient_capacity import (
    InsufficientCapacity,
)
from framework.diagnose.checks.training.learning_rate_frozen import LearningRateFrozen
from framework.diagnose.checks.training.learning_rate_too_high import (
    LearningRateNegative,
    LearningRateTooHigh,
    LoopRateTooHigh,
)
from framework.diagnose.checks.training.learning_rate_too_low import (
    LearningRateTooLow,
    LoopRateTooLow,
    StepsOfNoLength,
)
from framework.diagnose.checks.training.loss_output_mismatch import LossOutputMismatch
from framework.diagnose.checks.training.over_regularized import OverRegularized
from framework.diagnose.checks.training.overfitting import Overfitting
from framework.diagnose.checks.training.replica_scaling import ReplicaScaling
from framework.diagnose.checks.training.stopped_too_early import StoppedTooEarly
from framework.diagnose.checks.training.vanishing_gradients import VanishingGradients
from framework.diagnose.checks.training.wrong_variables import WrongVariables
from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.check import Check

_ORDER = {name: place for place, name in enumerate(CAUSES)}
# Ordered by phase, and within a phase as the causes are.
CHECKS: tuple[Check, ...] = tuple(
    sorted(
        (
            MetricBug(),
            StaleEvaluationWeights(),
            EvaluatedInTrainingMode(),
            BetterInTrainingMode(),
            WrongMovingStatistics(),
            NeverInTrainingMode(),
            LoopModesDiffer(),
            RandomValidation(),
            IllegalLabels(),
            ExampleWeightsCancel(),
            SplitArtifact(),
            ShuffledLabels(),
            SeparatedLabels(),
            ValidationTooSmall(),
            SplitLeakage(),
            PreprocessingMismatch(),
            UnnormalizedInputs(),
            UnshuffledBatches(),
            ClassImbalance(),
            HomogeneousTrainingData(),
            DistributionShift(),
            LearningRateFrozen(),
            WrongVariables(),
            FrozenWeights(),
            UnsuitedFrozenWeights(),
            ReplicaScaling(),
            LossOutputMismatch(),
            BadInitialization(),
            ExplodingGradients(),
            DeadFromTheStart(),
            DeadUnits(),
            VanishingGradients(),
            OverRegularized(),
            BatchSizeTooLarge(),
            BatchSizeTooSmall(),
            LearningRateNegative(),
            LearningRateTooHigh(),
            LearningRateTooLow(),
            StepsOfNoLength(),
            LoopRateTooHigh(),
            LoopRateTooLow(),
            LabelNoise(),
            StoppedTooEarly(),
            Overfitting(),
            InsufficientCapacity(),
            BelowLinearProbe(),
        ),
        key=lambda check: (check.phase, _ORDER[check.cause_name]),
    )
)

__all__ = ["CHECKS"]
