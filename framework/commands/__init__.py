"""The command `whyflat VERB`: each verb is a module of this package.

A module is imported only when its verb is called. It has a function `main(argv)`.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from typing import NoReturn

from framework import __version__

# The module of each verb in this package, and its line in `whyflat --help`.
VERBS: dict[str, tuple[str, str]] = {
    "train": ("train", "Train an image classifier."),
    "diagnose": ("diagnose", "Explain why a run's validation accuracy is static."),
    "runs": ("runs", "List runs, or compare two of them."),
    "evaluate": (
        "evaluate",
        "Evaluate a run on its validation, training or test images.",
    ),
    "verify": ("verify", "Recompute parts of a run's training, and compare all bits."),
    "predict": ("predict", "Predict the classes of image files with a run's network."),
    "export": ("export", "Export a run's network for use without this program."),
    "remedy": ("remedy", "Prove the remedy of a run's cause by training with it."),
    "sweep": ("sweep", "Train many settings of a run, and compare them."),
    "audit": ("audit", "List duplicates and doubtful labels of a data set."),
    "list": ("list_names", "List schedules, models and whatever else flags can name."),
    "schedule": (
        "schedule",
        "Preview a schedule, or replay it on a finished run.",
    ),
    "augment": ("augment", "Show what an augmentation does to images."),
    "lr-range": ("lr_range", "Run a learning-rate range test."),
    "selfcheck": ("selfcheck", "Compare a model on one device and on several."),
    "tpu-check": ("tpu_check", "Compile a run's steps for TPUs, without a TPU."),
}


def main() -> NoReturn:
    """Runs the verb of the command line, and exits with its code.

    Verbs may be written with `_` or `-`. Specs can name modules in the current folder,
    as in `--model=my_module:net`; these do not hide installed modules.
    """
    try:
        _run()
    except KeyboardInterrupt:
        # While modules are imported; later, the verb itself handles it.
        print("error: interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)


def _run() -> None:
    # Its imports take a moment, in which Ctrl-C may be pressed.
    from framework.config import usage

    program, *arguments = sys.argv
    verb, *rest = arguments or ["help"]
    if verb == "help" and rest:
        verb, rest = rest[0], ["--help"]
    elif verb in ("help", *usage.HELP_FLAGS):
        print(_overview())
        sys.exit(0)
    elif verb in ("--version", "-V"):
        print(f"whyflat {__version__}")
        sys.exit(0)
    verb = verb.replace("_", "-") if not verb.startswith("-") else verb
    if verb not in VERBS:
        print(f"error: {_unknown(verb, arguments)}", file=sys.stderr)
        sys.exit(2)
    _append_current_folder()
    module = importlib.import_module(f"{__name__}.{VERBS[verb][0]}")
    module.main([f"{os.path.basename(program)} {verb}", *rest])


def _overview() -> str:
    width = max(map(len, VERBS))
    verbs = [f"  {verb:{width}}  {about}" for verb, (_, about) in VERBS.items()]
    return "\n".join(
        [
            "usage: whyflat VERB [--flag=value ...]",
            "",
            *verbs,
            "",
            "`whyflat VERB --help` lists the flags of a verb; `whyflat --version` "
            "prints the version.",
        ]
    )


def _unknown(verb: str, arguments: list[str]) -> str:
    """Returns the error for an unknown verb."""
    if verb.startswith("-"):
        flags = " ".join(arguments)
        return f"the verb comes first, as in `whyflat train {flags}`"
    near = difflib.get_close_matches(verb, VERBS, n=1, cutoff=0.5)
    if near:
        return f"unknown verb {verb!r}; did you mean `whyflat {near[0]}`?"
    return f"unknown verb {verb!r}; known are {', '.join(VERBS)}"


def _append_current_folder() -> None:
    """Appends the current folder to the import path, so that specs can name modules.

    For a console script, Python puts the script's folder first instead. Appended, a
    file `numpy.py` in the current folder does not hide an installed package.
    """
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        return
    if folder not in sys.path:
        sys.path.append(folder)
