"""Everything that defines a run: one flat, frozen record, each field also a flag."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from framework.config import spec
from framework.config.durations import Duration
from framework.errors import UsageError
from framework.system import paths, printable, waiting

# The headings of `--help`, in its order.
GROUPS = ("data", "model", "training", "evaluation", "run", "devices")


def _field(
    default: Any,
    help: str,
    choices: tuple[str, ...] = (),
    numbers: bool = True,
    *,
    group: str,
) -> Any:
    """Returns a dataclass field with what its flag needs.

    Args:
        default: Its value where none is given.
        help: What `--help` says of it.
        choices: The values it can have, if they are few.
        numbers: Whether the run's numbers depend on it: a run is resumed only with the
            same values of such fields.
        group: Under which heading `--help` lists it: one of `GROUPS`.
    """
    metadata = {"help": help, "choices": choices, "numbers": numbers, "group": group}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that defines a run; each field is also a command-line flag.

    Raises:
        UsageError: A value that no run could use.
    """

    dataset: str = _field(
        "digits",
        "What to train on, as name(arg=value, ...).",
        group="data",
    )
    train_dev: float = _field(
        0.05,
        "Share of the training images held out from the start, to tell overfitting "
        "from a validation set that is different.",
        group="data",
    )
    input: str = _field(
        "auto",
        "Where images are while training: in memory, or read from disk as they are "
        "needed, here (stream) or by servers (service). auto: in memory if they take "
        "up to 2 GiB.",
        choices=("auto", "memory", "stream", "service"),
        numbers=False,
        group="data",
    )
    service: str = _field(
        "localhost:5050",
        "Addresses of the servers of --input=service, divided by commas: start them "
        "with python -m framework.data.service.",
        numbers=False,
        group="data",
    )
    augment: str = _field(
        "",
        "Random changes of training images, joined by '+'; none if empty.",
        group="data",
    )
    normalize: str = _field(
        "standard",
        "Scaling of pixels, parts joined by '+': none, unit (0 to 1), standard (mean 0 "
        "and standard deviation 1 of each channel over the training images), "
        "samplewise (of each image), rescale(factor), or zca.",
        group="data",
    )
    model: str = _field(
        "cnn(filters=(32, 64), dense=128, dropout=.3, padding='same')",
        "The network: a name(arg=value, ...), or module:function(...) of your own.",
        group="model",
    )
    optimizer: str = _field(
        "adam",
        "The optimizer; its weight_decay leaves out biases and norms.",
        group="training",
    )
    learning_rate: float = _field(
        1e-3,
        "Peak learning rate, which the schedule multiplies.",
        group="training",
    )
    schedule: str = _field(
        "constant",
        "Multiplier of the learning rate over time: parts joined by '+' (then) and "
        "'*' (product).",
        group="training",
    )
    batch_size: int = _field(
        32,
        "Images per step, over all devices.",
        group="training",
    )
    accumulate: int = _field(
        1,
        "In how many parts to go through each batch, to save memory.",
        group="training",
    )
    clip_norm: float = _field(
        0.0,
        "Largest global norm of the gradient; 0 leaves it as it is.",
        group="training",
    )
    label_smoothing: float = _field(
        0.0,
        "Share of each label spread over all classes, in training.",
        group="training",
    )
    ema: float = _field(
        0.0,
        "Decay of an average of the weights used in evaluation; 0 for none.",
        group="model",
    )
    precision: str = _field(
        "float32",
        "What the network computes in; its weights are float32 in all.",
        choices=("float32", "bfloat16", "float16"),
        group="model",
    )
    jit: bool = _field(
        False,
        "Compile forward and backward pass with XLA; on one device only.",
        group="devices",
    )
    train_for: str = _field(
        "20ep",
        "Length of the run, in steps (5000) or epochs (20ep).",
        group="training",
    )
    evaluate_every: str = _field(
        "1ep",
        "How often to evaluate, in steps, epochs or a share of the run (5%).",
        group="evaluation",
    )
    checkpoint_every: str = _field(
        "1ep",
        "How often to save, in steps, epochs or a share of the run.",
        group="run",
    )
    log_every: str = _field(
        "50",
        "How often to write training curves, in steps, epochs or a share.",
        group="evaluation",
    )
    monitor: str = _field(
        "validation/accuracy",
        "The metric that says which evaluation is the best.",
        group="evaluation",
    )
    on_nonfinite: str = _field(
        "stop",
        "When loss, gradient or weights are no longer finite: stop, and say where it "
        "began; skip that update; or roll back to the last checkpoint, and go on "
        "without the batches since then.",
        choices=("stop", "skip", "rollback"),
        group="training",
    )
    early_stopping: int = _field(
        0,
        "Stop after so many evaluations without a better one; 0 for never.",
        group="training",
    )
    seed: int = _field(
        0,
        "Of initial weights, order of images, and all draws.",
        group="training",
    )
    strategy: str = _field(
        "default",
        "How devices share the work.",
        choices=("default", "one_device", "mirrored", "multi_worker", "tpu"),
        numbers=False,
        group="devices",
    )
    devices: int = _field(
        0,
        "How many devices to use with --strategy=mirrored, or on each machine with "
        "multi_worker; 0 for all. More than there are CPUs of are made by dividing the "
        "CPU.",
        numbers=False,
        group="devices",
    )
    cluster: str = _field(
        "env",
        "Who knows the machines of --strategy=multi_worker: the variable TF_CONFIG "
        "(env), Slurm, or Kubernetes.",
        choices=("env", "slurm", "kubernetes"),
        numbers=False,
        group="devices",
    )
    wait_for: str = _field(
        "10m",
        "How long to wait for other processes (workers, the chief, servers of "
        "--input=service, pods), in seconds, minutes or hours (30s, 10m, 2h); then the "
        "run ends with exit code 75.",
        numbers=False,
        group="devices",
    )
    i_trust_this_network: bool = _field(
        False,
        "Allow workers and servers beyond this machine. TensorFlow's servers listen on "
        "all network interfaces without authentication: who reaches their ports can "
        "read and write files as you. See SECURITY.md.",
        numbers=False,
        group="devices",
    )
    tpu: str = _field(
        "",
        "Name of the TPU of --strategy=tpu; empty for this machine's.",
        (),
        False,
        group="devices",
    )
    steps_per_call: int = _field(
        0,
        "At most so many steps in one call of the compiled loop; 0 for as many as "
        "until something is due, about two seconds' worth at most.",
        numbers=False,
        group="devices",
    )
    workdir: str = _field(
        "runs/train",
        "The run's folder: results, and what to resume from.",
        (),
        False,
        group="run",
    )
    keep_checkpoints: int = _field(
        3,
        "How many of the latest checkpoints to keep.",
        numbers=False,
        group="run",
    )
    keep_best: int = _field(
        1,
        "How many of the best evaluations to keep the weights of.",
        numbers=False,
        group="run",
    )
    diagnose: bool = _field(
        False,
        "Say in the end why validation accuracy is static, if it is; the exit code is "
        "3 where a cause is confirmed.",
        numbers=False,
        group="evaluation",
    )
    fresh: bool = _field(
        False,
        "Move what is in --workdir aside, and start anew.",
        numbers=False,
        group="run",
    )
    allow_config_change: bool = _field(
        False,
        "Resume even though the configuration has changed.",
        numbers=False,
        group="run",
    )
    allow_data_change: bool = _field(
        False,
        "Resume even though the data have changed.",
        numbers=False,
        group="run",
    )

    def __post_init__(self):
        for field in dataclasses.fields(self):
            self._check_type(field)
        for name in ("train_for", "evaluate_every", "checkpoint_every", "log_every"):
            self._check_duration(name)
        for name in ("dataset", "augment", "normalize", "optimizer", "schedule"):
            self._check_spec(name)
        self._require("learning_rate", self.learning_rate > 0, "positive")
        for name in ("batch_size", "accumulate", "keep_checkpoints", "keep_best"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("clip_norm", "early_stopping", "devices", "steps_per_call"):
            self._require(name, getattr(self, name) >= 0, "0 or more")
        for name in ("label_smoothing", "ema", "train_dev"):
            self._require(name, 0 <= getattr(self, name) < 1, "from 0 to below 1")
        self._require("seed", 0 <= self.seed < 2**32, "from 0 to 2**32 - 1")
        self._require(
            "accumulate",
            self.batch_size % self.accumulate == 0,
            f"a divisor of the batch size, {self.batch_size}",
        )
        self._require("workdir", bool(self.workdir), "the path of a folder")
        object.__setattr__(self, "workdir", paths.expand(self.workdir, "--workdir"))
        waiting.parse_seconds(self.wait_for)

    def numbers(self) -> dict[str, Any]:
        """Returns the fields on which the run's numbers depend, with their values."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.metadata["numbers"]
        }

    def difference(self, other: Config) -> dict[str, tuple[Any, Any]]:
        """Returns the fields on which the numbers depend and which differ.

        Returns:
            By name, the values here and in `other`.
        """
        mine, theirs = self.numbers(), other.numbers()
        return {
            name: (value, theirs[name])
            for name, value in mine.items()
            if value != theirs[name]
        }

    def _check_type(self, field: dataclasses.Field) -> None:
        value = getattr(self, field.name)
        kind = {"str": str, "int": int, "float": (int, float), "bool": bool}[field.type]
        if not isinstance(value, kind) or (
            isinstance(value, bool) and field.type != "bool"
        ):
            raise UsageError(f"{field.name} must be of type {field.type}: {value!r}")
        if isinstance(value, str) and printable.control_character(value):
            # A newline would make a flag of its own in flags.txt.
            raise UsageError(f"{field.name} must be one line of text, not {value!r}")
        choices = field.metadata["choices"]
        if choices:
            self._require(field.name, value in choices, f"one of {', '.join(choices)}")
        if field.type == "float":
            self._require(field.name, math.isfinite(value), "a finite number")

    def _check_duration(self, name: str) -> None:
        try:
            duration = Duration.parse(getattr(self, name))
        except UsageError as problem:
            raise UsageError(f"{name}: {problem}") from None
        self._require(name, duration.value > 0, "longer than nothing")
        if name == "train_for":
            self._require(name, duration.unit != "%", "in steps or epochs")

    def _check_spec(self, name: str) -> None:
        text = getattr(self, name)
        if not text.strip():
            self._require(name, name in ("augment",), "a name(...)")
            return
        try:
            spec.parse(text)
        except UsageError as problem:
            raise UsageError(f"{name}: {problem}") from None

    def _require(self, name: str, condition: bool, what: str) -> None:
        if not condition:
            raise UsageError(f"{name} must be {what}, not {getattr(self, name)!r}")
