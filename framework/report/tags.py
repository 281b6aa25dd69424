"""The names of TensorBoard's curves: groups, descriptions, and charts of several."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar


@dataclasses.dataclass(frozen=True)
class Tag:
    """The name of a curve.

    Attributes:
        name: Its group, a slash, and its name in it.
        description: What TensorBoard tells about it.
    """

    name: str
    description: str = ""


# Of an evaluation. The folder of the curve tells the split.
_EVALUATED = {
    "accuracy": Tag(
        "accuracy/accuracy",
        "Share of right predictions. validation: of the validation images. train: of "
        "the steps since the last evaluation, augmented and with dropout. train_clean: "
        "of some training images, as in validation. train_dev: of training images that "
        "are held out.",
    ),
    "balanced_accuracy": Tag(
        "accuracy/balanced_accuracy", "Mean over classes of the share that is right."
    ),
    "top5_accuracy": Tag(
        "accuracy/top5_accuracy", "Share of images whose class is among the best five."
    ),
    "macro_f1": Tag("accuracy/macro_f1", "Mean F1 score of the classes."),
    "loss": Tag("loss/loss", "Mean cross-entropy in nats; in training, --loss."),
    "ece": Tag(
        "evaluation/ece",
        "Expected calibration error over 15 bins: by how much confidence and accuracy "
        "differ.",
    ),
}
# Of training steps since the previous log line.
_LOGGED = {
    "accuracy": Tag(
        "accuracy/since_last_log",
        "Share of right predictions in the steps since the last log line.",
    ),
    "loss": Tag(
        "loss/since_last_log", "Mean loss of the steps since the last log line."
    ),
    "weighted_accuracy": Tag("accuracy/weighted_since_last_log"),
    "subset_accuracy": Tag("accuracy/subset_since_last_log"),
    "weighted_subset_accuracy": Tag("accuracy/weighted_subset_since_last_log"),
    "weighted_loss": Tag("loss/weighted_since_last_log"),
    "learning_rate": Tag(
        "learning_rate/learning_rate",
        "Of the last step: base rate times schedule, with its reductions.",
    ),
    "gradient_norm": Tag("gradients/gradient_norm", "Norm of the last gradient."),
    "weight_norm": Tag("gradients/weight_norm", "Norm of all trainable weights."),
    "update_norm": Tag("gradients/update_norm", "Norm of the last change of weights."),
    "skipped_steps": Tag(
        "gradients/skipped_steps", "Updates that --on_nonfinite=skip has skipped."
    ),
    "noise_scale": Tag(
        "gradients/noise_scale",
        "Gradient noise scale in images (McCandlish et al., 2018): much larger batches "
        "waste images.",
    ),
    "images_per_second": Tag("speed/images_per_second", "Training images a second."),
}
# The chart of it would be empty without a schedule that observes evaluations.
_REDUCTIONS = "reductions by plateau"
# A chart for each: the runs of all splits, by the tags that it shows.
_CHARTS = {
    "what to look at": {
        "accuracy": ("accuracy/accuracy",),
        "loss": ("loss/loss",),
        "learning rate": ("learning_rate/learning_rate",),
        _REDUCTIONS: (r"learning_rate/schedule/.*scale",),
    },
    "why": {
        "norms": (r"gradients/.*_norm",),
        "images a second": ("speed/images_per_second",),
    },
}


def evaluated(name: str) -> Tag:
    """Returns the curve of a metric of an evaluation, without its split.

    >>> evaluated("accuracy").name, evaluated("recall/cat").name, evaluated("auc").name
    ('accuracy/accuracy', 'recall/cat', 'evaluation/auc')
    """
    if name in _EVALUATED:
        return _EVALUATED[name]
    return Tag(name if "/" in name else f"evaluation/{name}")


def logged(name: str) -> Tag:
    """Returns the curve of a metric of training steps.

    >>> logged("loss").name, logged("schedule/scale").name
    ('loss/since_last_log', 'learning_rate/schedule/scale')
    """
    if name in _LOGGED:
        return _LOGGED[name]
    if name.startswith("schedule/"):
        return Tag(f"learning_rate/{name}")
    return Tag(name if "/" in name else f"gradients/{name}")


# Of a run of a sweep, after its trial.
TRIAL_COMPLETE = Tag(
    "summary/trial_complete",
    "For HParams: 1 if the trial was trained to the end with each seed; 0 if the sweep "
    "has pruned it, or it has failed.",
)


def compared(when: str, metric: str) -> Tag:
    """Returns the curve of a metric that HParams compares, which lists curves only.

    Their group is the last one of the alphabet, so that others come first in Scalars.

    >>> compared("best", "accuracy").name
    'summary/best_accuracy'
    """
    description = f"For HParams: {metric} of the {when} evaluation so far."
    return Tag(f"summary/{when}_{metric}", description)


def layout(is_rate_adapted: bool) -> Summary:
    """Returns the charts of the tab "Custom Scalars".

    Args:
        is_rate_adapted: Whether the schedule observes evaluations, as plateau does.
    """
    categories = [
        layout_pb2.Category(
            title=title,
            chart=[
                layout_pb2.Chart(
                    title=name, multiline=layout_pb2.MultilineChartContent(tag=tags)
                )
                for name, tags in charts.items()
                if is_rate_adapted or name != _REDUCTIONS
            ],
        )
        for title, charts in _CHARTS.items()
    ]
    # It is of TensorFlow's own copy of the format.
    pb = custom_scalar.pb(layout_pb2.Layout(category=categories))
    return Summary.FromString(pb.SerializeToString())


def table(rows: Mapping[str, object], heading: str = "field") -> str:
    """Returns a table in Markdown.

    Args:
        rows: The values by name.
        heading: That of the names.
    """
    lines = [f"| {heading} | value |", "|---|---|"]
    cells = {name: "" if value == "" else f"`{value}`" for name, value in rows.items()}
    lines += [f"| {name} | {cell} |" for name, cell in cells.items()]
    return "\n".join(lines)
