"""The configuration of a run: one flat, frozen record; each field is also a flag."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, get_type_hints

from framework.config import spec, update_rules
from framework.config.durations import Duration
from framework.config.fold import Fold
from framework.config.portion import Portion
from framework.errors import UsageError
from framework.system import paths, printable, waiting

# The headings of `--help`, in order.
GROUPS = ("data", "model", "training", "evaluation", "run", "devices")


_RULES = {
    "freeze": update_rules.parse_freeze,
    "lr_scale": update_rules.parse_scales,
}


def _field(
    default: Any,
    help: str,
    choices: tuple[str, ...] = (),
    numbers: bool = True,
    *,
    group: str,
) -> Any:
    """Returns a dataclass field with the metadata of its flag.

    Args:
        default: The default value.
        help: The flag's help: one sentence with its unit and an example.
        choices: The permitted values; () for any.
        numbers: Whether the run's numbers depend on it. A run resumes only with the
            same values of such fields.
        group: Its heading in `--help`, one of `GROUPS`.
    """
    metadata = {"help": help, "choices": choices, "numbers": numbers, "group": group}
    return dataclasses.field(default=default, metadata=metadata)


# Told of each run, also at their defaults.
_OFTEN_VARIED = {"dataset", "model", "optimizer", "learning_rate", "schedule", "seed"}


@dataclasses.dataclass(frozen=True)
class Config:
    """The configuration of a run; each field is also a command-line flag.

    >>> Config(batch_size=64).difference(Config())
    {'batch_size': (64, 32)}

    Raises:
        UsageError: A value is of the wrong type or out of range.
    """

    dataset: str = _field(
        "digits",
        "Data set to train and validate on, such as 'folder(\"photos\", size=64)'.",
        group="data",
    )
    train_dev: float = _field(
        0.05,
        "Fraction of the training images to hold out, such as 0.05, in order to "
        "distinguish overfitting from a different validation set; 0 for none.",
        group="data",
    )
    test: str = _field(
        "",
        "Test part to take off the training images, which nothing sees before it is "
        "opened, such as 10% of each class or 500 images; empty for that of the data "
        "set, if it has one.",
        group="data",
    )
    fold: str = _field(
        "",
        "Fold of a cross-validation to validate on, such as 2/5, the second of five; "
        "all others are trained on. Empty for the division of the data set.",
        group="data",
    )
    exclude: str = _field(
        "",
        "Comma-separated CSV files that list training images to leave out, such as "
        "runs/train/diagnosis/flagged.csv; empty for none.",
        group="data",
    )
    sampling: str = _field(
        "uniform",
        "How often training images are drawn: each once an epoch (uniform), all "
        "classes equally often (balanced), by the square root of their size (sqrt), or "
        "by their effective number of images, such as 'effective(beta=.999)'.",
        group="data",
    )
    input: str = _field(
        "auto",
        "How to read images: into memory at the start, from disk on demand (stream), "
        "or by servers (service); auto is memory up to 2 GiB, else stream.",
        choices=("auto", "memory", "stream", "service"),
        numbers=False,
        group="data",
    )
    cache: str = _field(
        "auto",
        "Where decoded image files are kept, so that later runs do not decode them: "
        "auto (below ~/.cache), off, or a folder such as /scratch/cache.",
        numbers=False,
        group="data",
    )
    service: str = _field(
        "localhost:5050",
        "Comma-separated HOST:PORT of the servers of --input=service, started with "
        "python -m framework.data.service, such as reader1:5050,reader2:5050.",
        numbers=False,
        group="data",
    )
    augment: str = _field(
        "",
        "Random augmentation of training images, joined by '+', such as "
        "'flip + rotate(20)'; empty for none.",
        group="data",
    )
    normalize: str = _field(
        "standard",
        "Normalization of pixels, joined by '+', such as unit (0 to 1) or standard "
        "(mean 0 and standard deviation 1 of each channel over the training images); "
        "standard is replaced where --model has its own scaling.",
        group="data",
    )
    model: str = _field(
        "cnn(filters=(32, 64), dense=128, dropout=.3, padding='same')",
        "Network to train, such as 'cnn(filters=(32, 64))', or your own as "
        "'module:function(...)' or 'keras_file(\"net.keras\")'.",
        group="model",
    )
    init_from: str = _field(
        "",
        "Initial weights by name: the folder of a run, or a .keras, .h5, .npz or "
        ".safetensors file, such as runs/large; empty for random ones.",
        group="model",
    )
    optimizer: str = _field(
        "adam",
        "Optimizer, such as 'sgd(momentum=.9)' or 'adam(weight_decay=.01)'; weight "
        "decay excludes biases and normalization layers.",
        group="training",
    )
    learning_rate: float = _field(
        1e-3,
        "Base learning rate, such as 0.001, which --schedule multiplies.",
        group="training",
    )
    schedule: str = _field(
        "constant",
        "Multiplier of the learning rate over time, joined by '+' (then) and '*' "
        "(product), such as 'warmup(5%) + cosine'.",
        group="training",
    )
    freeze: str = _field(
        "",
        "Weights to keep as they are, always or for a time, such as 'backbone until "
        "30%' or 'block[12]_'; empty for none.",
        group="training",
    )
    lr_scale: str = _field(
        "",
        "Factors of the updates of weights, such as 'backbone: .1, head: 1' or "
        "'layerwise(.75)'; empty for 1.",
        group="training",
    )
    batch_size: int = _field(
        32,
        "Images per optimizer step over all devices, such as 128.",
        group="training",
    )
    accumulate: int = _field(
        1,
        "Gradient accumulation to save memory: micro-batches per batch, such as 4 of "
        "32 images each for --batch_size=128.",
        group="training",
    )
    clip_norm: float = _field(
        0.0,
        "Maximum global L2 norm of the gradient, such as 1.0; 0 for no clipping.",
        group="training",
    )
    loss: str = _field(
        "cross_entropy",
        "Loss of each training image, such as 'focal(gamma=2)' or "
        "'cross_entropy(class_weights=\"balanced\")', or your own as "
        "'module:function(...)'.",
        group="training",
    )
    label_smoothing: float = _field(
        0.0,
        "Fraction of each training label that --loss spreads evenly over all classes, "
        "such as 0.1.",
        group="training",
    )
    ema: float = _field(
        0.0,
        "Decay per step of the moving average of the weights that is evaluated, such "
        "as 0.999; 0 evaluates the weights themselves.",
        group="model",
    )
    precision: str = _field(
        "float32",
        "Floating-point type of the network's computation, such as bfloat16 for mixed "
        "precision; weights are always float32.",
        choices=("float32", "bfloat16", "float16"),
        group="model",
    )
    jit: bool = _field(
        False,
        "Compile the forward and backward pass with XLA, which works on one device "
        "only.",
        group="devices",
    )
    train_for: str = _field(
        "20ep",
        "Length of the run in steps, such as 5000, or epochs, such as 20ep.",
        group="training",
    )
    evaluate_every: str = _field(
        "1ep",
        "Interval between evaluations in steps (500), epochs (1ep) or percent of the "
        "run (5%).",
        group="evaluation",
    )
    checkpoint_every: str = _field(
        "1ep",
        "Interval between checkpoints in steps (500), epochs (1ep) or percent of the "
        "run (5%).",
        group="run",
    )
    log_every: str = _field(
        "50",
        "Interval between points of the training curves in steps (50), epochs (1ep) or "
        "percent of the run (1%).",
        group="evaluation",
    )
    monitor: str = _field(
        "validation/accuracy",
        "Metric that determines the best evaluation, such as validation/loss.",
        group="evaluation",
    )
    metrics: str = _field(
        "",
        "Further metrics of each evaluation, joined by '+', such as 'auc + top_k(3)', "
        "or your own as 'module:function(...)'; empty for none.",
        group="evaluation",
    )
    on_nonfinite: str = _field(
        "stop",
        "Reaction to a NaN or infinite loss, gradient or weight: stop and locate its "
        "origin, skip the update, or return to the last checkpoint and leave out the "
        "batches since (rollback).",
        choices=("stop", "skip", "rollback"),
        group="training",
    )
    early_stopping: int = _field(
        0,
        "Stop after this number of evaluations without improvement, such as 10; 0 for "
        "never.",
        group="training",
    )
    seed: int = _field(
        0,
        "Seed of the initial weights, the order of images and all random draws, such "
        "as 1.",
        group="training",
    )
    strategy: str = _field(
        "default",
        "Distribution strategy of TensorFlow, such as mirrored for all GPUs of this "
        "machine.",
        choices=("default", "one_device", "mirrored", "multi_worker", "tpu"),
        numbers=False,
        group="devices",
    )
    devices: int = _field(
        0,
        "Number of devices of --strategy=mirrored or per machine of multi_worker, such "
        "as 2, simulated by dividing the CPU where there are too few; 0 for all.",
        numbers=False,
        group="devices",
    )
    cluster: str = _field(
        "env",
        "Cluster resolver of --strategy=multi_worker: the variable TF_CONFIG (env), "
        "slurm or kubernetes.",
        choices=("env", "slurm", "kubernetes"),
        numbers=False,
        group="devices",
    )
    wait_for: str = _field(
        "10m",
        "Maximum wait for other processes in seconds (30s), minutes (10m) or hours "
        "(2h), after which the run ends with exit code 75.",
        numbers=False,
        group="devices",
    )
    i_trust_this_network: bool = _field(
        False,
        "Allow workers and servers on other machines, although anyone who reaches "
        "TensorFlow's unauthenticated ports can read and write files as you (see "
        "SECURITY.md).",
        numbers=False,
        group="devices",
    )
    tpu: str = _field(
        "",
        "Name of the TPU of --strategy=tpu, such as my-tpu; empty for the local one.",
        (),
        False,
        group="devices",
    )
    steps_per_call: int = _field(
        0,
        "Maximum number of steps per call of the compiled loop, such as 100; 0 runs "
        "until the next event, for about two seconds at most.",
        numbers=False,
        group="devices",
    )
    workdir: str = _field(
        "runs/train",
        "Folder of the run's results and checkpoints, such as runs/flowers; an "
        "existing run is resumed.",
        (),
        False,
        group="run",
    )
    keep_checkpoints: int = _field(
        3,
        "Number of latest checkpoints to keep, such as 3.",
        numbers=False,
        group="run",
    )
    keep_best: int = _field(
        1,
        "Number of best evaluations to keep the weights of, such as 1.",
        numbers=False,
        group="run",
    )
    hooks: str = _field(
        "",
        "Classes of your own that look at the run between steps, joined by '+', such "
        "as 'mine:Watch(limit=3)'; empty for none.",
        (),
        False,
        group="run",
    )
    report: str = _field(
        "",
        "Trackers of your own that receive all metrics, joined by '+', such as "
        "'mine:Tracker(project=\"pets\")'; empty for none.",
        (),
        False,
        group="run",
    )
    diagnose: bool = _field(
        False,
        "Diagnose static validation accuracy after training, with exit code 3 if a "
        "cause such as overfitting is confirmed.",
        numbers=False,
        group="evaluation",
    )
    fresh: bool = _field(
        False,
        "Move an earlier run in --workdir aside, such as to runs/train.old-1, and "
        "start a new one.",
        numbers=False,
        group="run",
    )
    allow_config_change: bool = _field(
        False,
        "Resume the run in --workdir with changed flags, such as another --batch_size.",
        numbers=False,
        group="run",
    )
    allow_data_change: bool = _field(
        False,
        "Resume the run in --workdir with changed data, such as additional images.",
        numbers=False,
        group="run",
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            self._check_type(field)
        for name in ("train_for", "evaluate_every", "checkpoint_every", "log_every"):
            self._check_duration(name)
        for name in (
            "dataset",
            "sampling",
            "augment",
            "normalize",
            "optimizer",
            "schedule",
            "loss",
            "metrics",
            "hooks",
            "report",
        ):
            self._check_spec(name)
        self._require("learning_rate", self.learning_rate > 0, "positive")
        for name in ("batch_size", "accumulate", "keep_checkpoints", "keep_best"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("clip_norm", "early_stopping", "devices", "steps_per_call"):
            self._require(name, getattr(self, name) >= 0, "0 or more")
        for name in ("label_smoothing", "ema", "train_dev"):
            self._require(name, 0 <= getattr(self, name) < 1, "from 0 to below 1")
        if self.test:
            self._check_portion("test")
        if self.fold:
            self._check_fold()
        for name, parse in _RULES.items():
            try:
                parse(getattr(self, name))
            except UsageError as problem:
                raise UsageError(f"{name}: {problem}") from None
        object.__setattr__(
            self, "init_from", paths.expand(self.init_from, "--init_from")
        )
        files = self.exclude.split(",") if self.exclude else []
        self._require("exclude", all(map(str.strip, files)), "paths of CSV files")
        self._require("seed", 0 <= self.seed < 2**32, "from 0 to 2**32 - 1")
        self._require(
            "accumulate",
            self.batch_size % self.accumulate == 0,
            f"a divisor of --batch_size={self.batch_size}",
        )
        for name in ("workdir", "cache"):
            self._require(name, bool(getattr(self, name)), "the path of a folder")
        object.__setattr__(self, "cache", paths.expand(self.cache, "--cache"))
        object.__setattr__(self, "workdir", paths.expand(self.workdir, "--workdir"))
        waiting.parse_seconds(self.wait_for)

    def numbers(self) -> dict[str, Any]:
        """Returns the fields that the run's numbers depend on, by name."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.metadata["numbers"]
        }

    def compared(self) -> dict[str, Any]:
        """Returns the fields by which runs are compared, by name.

        >>> Config(ema=0.99).compared()["ema"], "ema" in Config().compared()
        (0.99, False)

        These are the fields of `numbers` that are not the default, and what people
        vary most.
        """
        defaults = Config().numbers()
        return {
            name: value
            for name, value in self.numbers().items()
            if value != defaults[name] or name in _OFTEN_VARIED
        }

    def difference(self, other: Config) -> dict[str, tuple[Any, Any]]:
        """Compares the fields that the run's numbers depend on.

        Returns:
            The values here and in `other` where they differ, by name.
        """
        after = other.numbers()
        return {
            name: (value, after[name])
            for name, value in self.numbers().items()
            if value != after[name]
        }

    def _check_type(self, field: dataclasses.Field[Any]) -> None:
        value, kind = getattr(self, field.name), field_types()[field.name]
        permitted = (int, float) if kind is float else kind
        if not isinstance(value, permitted) or (
            # A bool is an int to Python.
            isinstance(value, bool) and kind is not bool
        ):
            raise UsageError(
                f"{field.name} must be of type {kind.__name__}, not {value!r}"
            )
        if isinstance(value, str) and printable.control_character(value):
            # A newline would start another flag in flags.txt.
            raise UsageError(f"{field.name} must be one line of text, not {value!r}")
        choices = field.metadata["choices"]
        if choices:
            self._require(field.name, value in choices, f"one of {', '.join(choices)}")
        if isinstance(value, float):
            self._require(field.name, math.isfinite(value), "a finite number")

    def _check_duration(self, name: str) -> None:
        try:
            duration = Duration.parse(getattr(self, name))
        except UsageError as problem:
            raise UsageError(f"{name}: {problem}") from None
        self._require(name, duration.value > 0, "longer than 0")
        if name == "train_for":
            self._require(name, duration.unit != "%", "in steps or epochs")

    def _check_portion(self, name: str) -> None:
        try:
            Portion.parse(getattr(self, name))
        except UsageError as problem:
            raise UsageError(f"{name}: {problem}") from None

    def _check_fold(self) -> None:
        try:
            fold = str(Fold.parse(self.fold))
        except UsageError as problem:
            raise UsageError(f"fold: {problem}") from None
        object.__setattr__(self, "fold", fold)

    def _check_spec(self, name: str) -> None:
        text = getattr(self, name)
        if not text.strip():
            may_be_empty = ("augment", "metrics", "hooks", "report")
            self._require(name, name in may_be_empty, "a name(...)")
            return
        try:
            spec.parse(text)
        except UsageError as problem:
            raise UsageError(f"{name}: {problem}") from None

    def _require(self, name: str, condition: bool, what: str) -> None:
        if not condition:
            raise UsageError(f"{name} must be {what}, not {getattr(self, name)!r}")


@functools.cache
def field_types() -> dict[str, type]:
    """Returns the type of each field of `Config`: bool, float, int or str."""
    return get_type_hints(Config)
