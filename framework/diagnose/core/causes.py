"""The causes of a static validation accuracy: the one list of them.

The order in which causes are examined within a stage, what excludes what, the list in
the documentation and the enumeration in the JSON schema all come from here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

STAGES = ("evaluation", "data", "training")


@dataclasses.dataclass(frozen=True)
class Cause:
    """Something that can keep validation accuracy from rising.

    Attributes:
        name: The identifier in diagnosis.json and in Python.
        title: A heading.
        stage: Where the fault lies: one of `STAGES`.
        summary: One sentence for people.
        invalidates_accuracy: Whether accuracy is not what it seems to be while this
            lasts. Such causes are reported first.
        voids_training: Whether training cannot be judged while this lasts: then no
            cause of the stage "training" is examined.
        explained_by: Names of causes that explain the same symptoms. Once one of them
            is confirmed, this cause is not suspected.
        follows_from: Names of causes of which this one is a consequence. It is reported
            after them.
        yields_to_others: Whether it is taken back once another cause has been shown to
            cost accuracy on the same images; it is reported last.
        opposite: The name of a cause whose remedy contradicts this one's; "" for none.

    Example:
        >>> CAUSES["overfitting"].stage
        'training'
        >>> str(CAUSES["label_noise"])
        'label_noise'
    """

    name: str
    title: str
    stage: str
    summary: str
    invalidates_accuracy: bool = False
    voids_training: bool = False
    explained_by: tuple[str, ...] = ()
    follows_from: tuple[str, ...] = ()
    yields_to_others: bool = False
    opposite: str = ""

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise ValueError(f"{self.name}: {self.stage!r} is not one of {STAGES}")

    def __str__(self) -> str:
        return self.name


# In the order in which they are examined: an early one can explain a late one, but not
# the other way round.
_ALL = (
    Cause(
        "metric_bug",
        "The accuracy metric is wrong",
        "evaluation",
        "The reported accuracy differs from that of the model's predictions.",
        invalidates_accuracy=True,
        # What Keras calls accuracy depends on the outputs.
        follows_from=("loss_output_mismatch",),
    ),
    Cause(
        "stale_evaluation_weights",
        "Evaluation uses stale weights",
        "evaluation",
        "The weights that are evaluated are not the weights that are trained.",
        invalidates_accuracy=True,
    ),
    Cause(
        "train_eval_mismatch",
        "Training and evaluation mode differ",
        "evaluation",
        "The model computes something else in evaluation mode than in training, for "
        "instance because moving statistics of batch norm are wrong.",
    ),
    Cause(
        "random_validation",
        "Validation is random",
        "evaluation",
        "Two evaluations of the same weights give different predictions.",
        invalidates_accuracy=True,
        # Data that are reshuffled before they are divided give other images each time.
        follows_from=("split_leakage",),
    ),
    Cause(
        "illegal_labels",
        "Labels are not class numbers",
        "data",
        "Labels are not class numbers that the model has an output for.",
        invalidates_accuracy=True,
        voids_training=True,
    ),
    Cause(
        "example_weights",
        "Weights cancel examples",
        "data",
        "The weights of examples or classes are not weights, or leave classes out.",
    ),
    Cause(
        "split_artifact",
        "The splits hold different classes",
        "data",
        "One split lacks a class of the other, as a slice of sorted images does.",
        invalidates_accuracy=True,
    ),
    Cause(
        "shuffled_labels",
        "Labels do not belong to their images",
        "data",
        "Images and labels were put into different orders.",
        invalidates_accuracy=True,
        voids_training=True,
    ),
    Cause(
        "validation_too_small",
        "The validation set is too small",
        "data",
        "The validation set cannot resolve the changes that are looked for.",
        yields_to_others=True,
    ),
    Cause(
        "split_leakage",
        "Training images are in the validation set",
        "data",
        "Validation holds copies of training images, so its accuracy is too high.",
        invalidates_accuracy=True,
    ),
    Cause(
        "preprocessing_mismatch",
        "The splits are preprocessed differently",
        "data",
        "Validation images or labels were prepared in another way than training's.",
        invalidates_accuracy=True,
    ),
    Cause(
        "unnormalized_inputs",
        "Inputs are not normalized",
        "data",
        "The network sees inputs of a scale that its initial weights are not made for.",
    ),
    Cause(
        "unshuffled_batches",
        "Batches are not shuffled",
        "data",
        "Batches hold few classes each, as sorted images give.",
    ),
    Cause(
        "class_imbalance",
        "Classes are imbalanced",
        "data",
        "Rare classes are not learnt.",
        explained_by=("example_weights",),
    ),
    Cause(
        "homogeneous_training_data",
        "Training images are too similar",
        "data",
        "Training images are many but show few different things.",
    ),
    Cause(
        "distribution_shift",
        "Validation images are of another kind",
        "data",
        "Validation images differ systematically from training images.",
    ),
    Cause(
        "learning_rate_frozen",
        "The learning rate has no effect",
        "training",
        "Changing the learning rate does not change the steps.",
        invalidates_accuracy=True,
    ),
    Cause(
        "wrong_variables",
        "Steps do not follow the loss",
        "training",
        "The training step leaves weights alone, or follows another gradient than that "
        "of the compiled loss.",
    ),
    Cause(
        "frozen_weights",
        "Weights are frozen",
        "training",
        "Some weights get no gradient, or are declared not trainable.",
    ),
    Cause(
        "replica_scaling",
        "The loss is scaled wrongly",
        "training",
        "Each step multiplies the gradient of the mean loss by a constant.",
    ),
    Cause(
        "loss_output_mismatch",
        "Loss and outputs do not match",
        "training",
        "The loss expects other outputs than the model returns.",
    ),
    Cause(
        "bad_initialization",
        "Initial weights are bad",
        "training",
        "Initial weights are constant, too small or too large.",
    ),
    Cause(
        "exploding_gradients",
        "Gradients explode",
        "training",
        "Gradients are huge from the first step.",
    ),
    Cause(
        "dead_units",
        "Units are dead",
        "training",
        "Units of a hidden layer are 0 for every image.",
    ),
    Cause(
        "vanishing_gradients",
        "Gradients vanish",
        "training",
        "The first layers get next to no gradient.",
    ),
    Cause(
        "over_regularized",
        "Regularization is too strong",
        "training",
        "Dropout, penalties or augmentation keep the model from learning.",
    ),
    Cause(
        "batch_size_too_large",
        "The batch size is too large",
        "training",
        "Large batches leave too few steps.",
        opposite="batch_size_too_small",
    ),
    Cause(
        "batch_size_too_small",
        "The batch size is too small",
        "training",
        "Small batches make steps mostly noise.",
        opposite="batch_size_too_large",
    ),
    Cause(
        "learning_rate_too_high",
        "The learning rate is too high",
        "training",
        "Steps are too long.",
        opposite="learning_rate_too_low",
    ),
    Cause(
        "learning_rate_too_low",
        "The learning rate is too low",
        "training",
        "Steps are too short.",
        opposite="learning_rate_too_high",
    ),
    Cause(
        "label_noise",
        "Labels are noisy",
        "data",
        "A considerable fraction of the training labels is wrong.",
    ),
    Cause(
        "stopped_too_early",
        "Training stopped too early",
        "training",
        "More training would raise accuracy.",
    ),
    Cause(
        "overfitting",
        "The model overfits",
        "training",
        "The model memorizes the training images.",
        explained_by=(
            "preprocessing_mismatch",
            "split_artifact",
            "distribution_shift",
            "random_validation",
            "stale_evaluation_weights",
            "homogeneous_training_data",
            "label_noise",
            "class_imbalance",
        ),
    ),
    Cause(
        "insufficient_capacity",
        "The model is too small",
        "training",
        "The model cannot represent even the training images.",
        # In that case accuracy in evaluation mode does not show the capacity.
        explained_by=("train_eval_mismatch",),
    ),
    Cause(
        "below_linear_probe",
        "A loop learns less than a linear probe",
        "training",
        "A loop that is only seen from outside learns less than a linear probe does.",
        yields_to_others=True,
    ),
)
CAUSES: Mapping[str, Cause] = {cause.name: cause for cause in _ALL}
