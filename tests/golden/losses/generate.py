"""Generates losses.json beside this file with other libraries; not run by the tests.

pip install torch torchvision timm
python tests/golden/losses/generate.py
"""

import json
import pathlib

import numpy as np
import timm
import timm.loss
import torch
import torchvision
from torch.nn import functional

GENERATOR = np.random.default_rng(18)
LOGITS = np.round(GENERATOR.normal(0, 3, (6, 4)), 3)
LABELS = np.array([0, 1, 2, 3, 3, 1])
TARGETS = (GENERATOR.random((6, 4)) < 0.4).astype(int)
COUNTS = [400, 80, 15, 5]
CLASS_WEIGHTS = [0.5, 1.0, 2.0, 4.0]
EXAMPLE_WEIGHTS = [1.0, 0.0, 2.5, 1.0, 0.25, 3.0]

logits = torch.tensor(LOGITS, dtype=torch.float64)
labels = torch.tensor(LABELS)
targets = torch.tensor(TARGETS, dtype=torch.float64)
one_hot = functional.one_hot(labels, 4).double()


def cross_entropy(values=logits, **options):
    return functional.cross_entropy(values, labels, reduction="none", **options)


def of_each(loss, truth):
    """Returns the loss of each example of a loss that returns a mean."""
    pairs = zip(logits, truth, strict=True)
    return torch.stack([loss(z[None], y[None]) for z, y in pairs])


prior = torch.tensor(COUNTS, dtype=torch.float64)
prior /= prior.sum()
# Two classes: the softmax of (0, z) is the sigmoid of z.
margin = logits[:, 1] - logits[:, 0]
binary = (labels % 2).double()
CASES = {
    "cross_entropy": cross_entropy(),
    "cross_entropy(label_smoothing=.1)": cross_entropy(label_smoothing=0.1),
    "cross_entropy(class_weights=(.5, 1., 2., 4.))": cross_entropy(
        weight=torch.tensor(CLASS_WEIGHTS, dtype=torch.float64)
    ),
    "logit_adjusted(tau=1.5)": cross_entropy(logits + 1.5 * prior.log()),
    "binary_cross_entropy": of_each(
        timm.loss.BinaryCrossEntropy(smoothing=0.0), labels
    ),
    "binary_cross_entropy(sum_classes=True)": of_each(
        timm.loss.BinaryCrossEntropy(smoothing=0.0, sum_classes=True), labels
    ),
}
BY_OTHERS = {
    "timm LabelSmoothingCrossEntropy(.2)": of_each(
        timm.loss.LabelSmoothingCrossEntropy(0.2), labels
    ),
    "torchvision sigmoid_focal_loss(alpha=-1, gamma=2)": (
        torchvision.ops.sigmoid_focal_loss(margin, binary, alpha=-1, gamma=2)
    ),
    "torch binary_cross_entropy_with_logits, several labels": (
        functional.binary_cross_entropy_with_logits(
            logits, targets, reduction="none"
        ).mean(dim=1)
    ),
    "torch mean of topk(3)": torch.topk(cross_entropy(), 3).values.mean(),
    "torch sum of weights x cross_entropy / 6": (
        torch.tensor(EXAMPLE_WEIGHTS) * cross_entropy()
    ).sum()
    / 6,
}


def main():
    content = {
        "format": 1,
        "generated_by": "tests/golden/losses/generate.py",
        "versions": {m.__name__: m.__version__ for m in (torch, torchvision, timm)},
        "logits": LOGITS.tolist(),
        "labels": LABELS.tolist(),
        "targets": TARGETS.tolist(),
        "class_counts": COUNTS,
        "example_weights": EXAMPLE_WEIGHTS,
        "rtol": 1e-5,
        "specs": {name: values.tolist() for name, values in CASES.items()},
        "others": {name: values.tolist() for name, values in BY_OTHERS.items()},
    }
    path = pathlib.Path(__file__).with_name("losses.json")
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
