"""The 52 programs on which DeepFD and DEFault were evaluated, and which are rebuilt.

    python -m benchmarks.zoo.published
    python -m benchmarks.zoo.published runs/zoo/results.jsonl

The first prints the table; the second scores the diagnoses in a file of results by the
papers' rule. Identifiers and fault types are those of DEFault's evaluation table
(Jahan et al., ICSE 2025; SigmaJahan/DEFault-DNN-Debugging), which takes them from the
benchmark of DeepFD (Cao et al., ICSE 2022; ArabelaTso/DeepFD).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from absl import app

from benchmarks.zoo import alarm_counts
from framework.numerics.intervals import Estimate, proportion

# Which of the papers' fault types a cause belongs to; some belong to several.
_TYPES = {
    "learning_rate_too_high": "lr opt",
    "learning_rate_too_low": "lr opt",
    "learning_rate_frozen": "lr opt",
    "stopped_too_early": "epoch",
    "batch_size_too_large": "batch_size",
    "batch_size_too_small": "batch_size",
    "loss_output_mismatch": "act loss",
    "vanishing_gradients": "act",
    "dead_units": "act",
    "exploding_gradients": "lr",
    "bad_initialization": "init",
    "insufficient_capacity": "layer",
    "overfitting": "layer",
    "over_regularized": "layer",
    "unnormalized_inputs": "prep",
    "preprocessing_mismatch": "prep",
    "illegal_labels": "prep",
    "shuffled_labels": "prep",
    "distribution_shift": "prep",
}


@dataclasses.dataclass(frozen=True)
class Published:
    """A program of the benchmark.

    Attributes:
        name: The number of its question on Stack Overflow, or its name.
        faults: Fault types: act(ivation), loss, lr, opt(imizer), epoch, batch_size,
            init, layer, prep(rocessing); none if the benchmark calls it correct.
        cases: Names of the zoo's cases that rebuild it.
        why: On what it is rebuilt, or why it is not.
    """

    name: str
    faults: tuple[str, ...]
    cases: tuple[str, ...]
    why: str

    @property
    def is_rebuilt(self) -> bool:
        """Whether a case rebuilds it."""
        return bool(self.cases)


def _row(name: str, faults: str, cases: str, why: str) -> Published:
    names = tuple(case.strip() for case in cases.split(";") if case.strip())
    return Published(name, tuple(faults.split()), names, why)


_REGRESSION = "regression: there is no accuracy to ask about"
_MULTI_LABEL = "several labels an example: not the question asked here"
_SEQUENCE = "a label for each step of a sequence"
_UNKNOWN = "its data are not described in the published tables"
_NO_PATCH = "neither its patch nor its data are in the published tables"
_DOWNLOAD = "its data would have to be downloaded"

PROGRAMS: tuple[Published, ...] = (
    _row("48385830", "act loss lr", "no activations, MSE, rate 3", "digits"),
    _row(
        "44164749",
        "epoch lr act loss",
        "batch 2,000; five epochs of SGD; all letters at once",
        "digits, drawn letters",
    ),
    _row("31556268", "loss epoch lr opt", "absolute error of letters", "drawn letters"),
    _row("50306988", "lr epoch", "two clouds", "drawn points"),
    _row("48251943", "act", "", _UNKNOWN),
    _row("38648195", "act loss epoch", "", _MULTI_LABEL),
    _row("33969059", "act", "", _REGRESSION),
    _row("55328966", "act opt prep", "raw pixels into sigmoids", "digits"),
    _row(
        "34311586",
        "lr act epoch batch_size init",
        "softmax over one unit, MSE",
        "drawn points",
    ),
    _row("31880720", "act epoch", "softmax over one unit", "drawn points"),
    _row(
        "39525358",
        "act lr prep",
        "table not standardized; wines in their own units",
        "wines and drawn points, for the asker's table is not public",
    ),
    _row("39217567", "act batch_size", "", "an autoencoder: no accuracy to ask about"),
    _row("48934338", "lr", "", _REGRESSION),
    _row("47724077", "opt lr prep epoch", "tumours in their own units", "tumours"),
    _row(
        "59325381",
        "loss layer prep",
        "labels divided by 255; labels scaled with the table",
        "digits and a table",
    ),
    _row("59278771", "act opt prep", "four units for irises", "irises"),
    _row("52800582", "prep", "", _REGRESSION),
    _row("41372874", "", "", _NO_PATCH),
    _row("34673164", "layer act loss", "", _MULTI_LABEL),
    _row("48221692", "act", "", _REGRESSION),
    _row(
        "50079585",
        "epoch lr act loss layer",
        "one sigmoid for three classes",
        "drawn images, for the asker's photographs are not public",
    ),
    _row("45337371", "act", "", _UNKNOWN),
    _row("44066044", "prep", "", _UNKNOWN),
    _row("51930566", "act", "sigmoids with cross-entropy", "drawn points"),
    _row("47352366", "act epoch", "a ReLU for a softmax", "digits"),
    _row(
        "45442843",
        "loss opt act epoch",
        "thousands into softmax of one",
        "drawn points",
    ),
    _row(
        "48594888",
        "epoch batch_size",
        "raw pixels; raw pixels into tanh",
        "digits, Fashion-MNIST and drawn images, for CIFAR-10 is not at hand",
    ),
    _row("31627380", "opt act loss", "softmax over one unit, MSE", "drawn points"),
    _row("58609115", "loss", "sigmoids everywhere", "digits"),
    _row("50481178", "act loss", "two heads alike", "drawn points"),
    _row("56380303", "opt lr", "parity", "bits of numbers, as asked"),
    _row("59282996", "epoch layer", "", _SEQUENCE),
    _row("58237726", "lr prep", "", "volumes of ones and zeros: any network fits them"),
    _row(
        "37624102",
        "lr",
        "SGD of Nesterov at .1",
        "Fashion-MNIST, for CIFAR-10 is not at hand",
    ),
    _row("39810655", "loss", "one-hot irises", "irises"),
    _row("41327601", "loss", "binary cross-entropy of topics", "drawn texts"),
    _row("41600519", "opt loss layer", "", _UNKNOWN),
    _row("41947039", "prep", "", _NO_PATCH),
    _row("41977498", "opt lr epoch", "", _UNKNOWN),
    _row("42514960", "act", "", "an autoencoder: no accuracy to ask about"),
    _row("42800203", "act", "softmax over one unit of digits", "digits"),
    _row("44998910", "lr epoch", "", _REGRESSION),
    _row("46642627", "opt lr loss prep", "", _REGRESSION),
    _row("46995209", "act layer", "", _UNKNOWN),
    _row("51181393", "lr", "", _REGRESSION),
    _row("47932589", "prep", "", _REGRESSION),
    _row("37213388", "epoch", "two epochs of SGD", "digits"),
    _row("gol_nn", "loss epoch lr", "", "each cell of a board has a label"),
    _row("50201540 (FacialKeypointsDetection)", "opt epoch", "", _REGRESSION),
    _row("MovieReviews_Keras", "epoch layer", "", _DOWNLOAD),
    _row("70178206 (Traffic-Sign-Classifier)", "act", "", _DOWNLOAD),
    _row("72328867 (melbourne_properties)", "act layer", "", _REGRESSION),
)


def types(causes: Iterable[str]) -> frozenset[str]:
    """Returns the papers' fault types of causes."""
    return frozenset(kind for cause in causes for kind in _TYPES.get(cause, "").split())


def is_right(program: Published, causes: Sequence[str]) -> bool:
    """Returns whether one of the fault types named is among the true ones.

    This is the rule of both papers. Nothing must be named on a correct program.

    >>> is_right(PROGRAMS[0], ["dead_units"])
    True
    """
    if not program.faults:
        return not causes
    return bool(types(causes).intersection(program.faults))


def score(program: Published, named: dict[str, Sequence[str]]) -> bool | None:
    """Returns whether a program is right in the first case diagnosed; None if none is.

    Args:
        program: A program that is rebuilt.
        named: The causes named on each case that was diagnosed.
    """
    diagnosed = [named[case] for case in program.cases if case in named]
    return is_right(program, diagnosed[0]) if diagnosed else None


def scored(named: dict[str, Sequence[str]]) -> Estimate:
    """Returns the fraction of the rebuilt programs that are right."""
    right = [score(each, named) for each in PROGRAMS if each.is_rebuilt]
    known = [each for each in right if each is not None]
    return proportion(sum(known), len(known))


def page() -> str:
    """Returns the table in Markdown."""
    lines = ["| program | fault types | rebuilt as | on what, or why not |"]
    lines.append("|---|---|---|---|")
    lines += [
        f"| {each.name} | {', '.join(each.faults) or 'none'} "
        f"| {'; '.join(each.cases) or 'not rebuilt'} | {each.why} |"
        for each in PROGRAMS
    ]
    return "\n".join(lines)


def read(path: Path) -> dict[str, Sequence[str]]:
    """Returns the causes confirmed on each case with seed 0, from a file of results."""
    named = {}
    for text in path.read_text().splitlines():
        line = json.loads(text)
        if line["kind"] == "diagnosed" and line["seed"] == 0 and "findings" in line:
            named[line["case"]] = alarm_counts.confirmed(line)
    return named


def main(arguments: Sequence[str]) -> None:
    """Prints the table, or the score of a file of results."""
    if len(arguments) > 2:
        raise app.UsageError(f"what is {arguments[2]!r}?")
    if len(arguments) == 1:
        print(page())
        return
    named = read(Path(arguments[1]))
    known = [program for program in PROGRAMS if score(program, named) is not None]
    for program in known:
        print(f"{program.name:12}{'right' if score(program, named) else 'not right'}")
    print(f"{len(known)} programs diagnosed; right: {scored(named)}")


if __name__ == "__main__":
    app.run(main)
