"""The configuration of a run: one flat, frozen record; each field is also a flag."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, get_type_hints

from framework.config import checks, fields, keywords

# Told of each run, also at their defaults.
_OFTEN_VARIED = {"dataset", "model", "optimizer", "learning_rate", "schedule", "seed"}


@keywords.check_fields
@dataclasses.dataclass(frozen=True)
class Config:
    """The configuration of a run; each field is also a command-line flag.

    >>> Config(batch_size=64).difference(Config())
    {'batch_size': (64, 32)}

    Raises:
        UsageError: A value is of the wrong type or out of range; or a field does not
            exist.
    """

    dataset: str = fields.data(
        "digits",
        "Data set to train and validate on, such as 'folder(\"photos\", size=64)'.",
    )
    train_dev: float = fields.data(
        0.05,
        "Fraction of the training images to hold out, such as 0.05, in order to "
        "distinguish overfitting from a different validation set; 0 for none.",
    )
    test: str = fields.data(
        "",
        "Test part to take off the training images, which nothing sees before it is "
        "opened, such as 10% of each class or 500 images; empty for that of the data "
        "set, if it has one.",
    )
    fold: str = fields.data(
        "",
        "Fold of a cross-validation to validate on, such as 2/5, the second of five; "
        "all others are trained on. Empty for the division of the data set.",
    )
    exclude: str = fields.data(
        "",
        "Comma-separated CSV files that list training images to leave out, such as "
        "runs/pets/diagnosis/flagged.csv; empty for none.",
    )
    sampling: str = fields.data(
        "uniform",
        "How often training images are drawn: each once an epoch (uniform), all "
        "classes equally often (balanced), by the square root of their size (sqrt), or "
        "by their effective number of images, such as 'effective(beta=.999)'.",
    )
    input: str = fields.data(
        "auto",
        "How to read images: into memory at the start, from disk on demand (stream), "
        "or by servers (service); auto is memory up to 2 GiB, else stream.",
        choices=("auto", "memory", "stream", "service"),
        numbers=False,
    )
    cache: str = fields.data(
        "auto",
        "Where decoded image files are kept, so that later runs do not decode them: "
        "auto (below ~/.cache), off, or a folder such as /scratch/cache.",
        numbers=False,
    )
    service: str = fields.data(
        "localhost:5050",
        "Comma-separated HOST:PORT of the servers of --input=service, started with "
        "python -m framework.data.service, such as reader1:5050,reader2:5050.",
        numbers=False,
    )
    augment: str = fields.data(
        "",
        "Random augmentation of training images, joined by '+', such as "
        "'flip + rotate(20)'; empty for none.",
    )
    normalize: str = fields.data(
        "standard",
        "Normalization of pixels, joined by '+', such as unit (0 to 1) or standard "
        "(mean 0 and standard deviation 1 of each channel over the training images); "
        "standard is replaced where --model has its own scaling.",
    )
    model: str = fields.model(
        "cnn(filters=(32, 64), dense=128, dropout=.3, padding='same')",
        "Network to train, such as 'cnn(filters=(32, 64))', or your own as "
        "'module:function(...)' or 'keras_file(\"net.keras\")'.",
    )
    init_from: str = fields.model(
        "",
        "Initial weights by name: the folder of a run or of a SavedModel, or a .keras, "
        ".h5, .npz, .pth or .safetensors file, such as runs/large; empty for random "
        "ones.",
    )
    optimizer: str = fields.training(
        "adam",
        "Optimizer, such as 'sgd(momentum=.9)' or 'adam(weight_decay=.01)'; weight "
        "decay excludes biases and normalization layers.",
    )
    learning_rate: float = fields.training(
        1e-3,
        "Base learning rate, such as 0.001, which --schedule multiplies.",
    )
    schedule: str = fields.training(
        "constant",
        "Multiplier of the learning rate over time, joined by '+' (then) and '*' "
        "(product), such as 'warmup(5%) + cosine'.",
    )
    freeze: str = fields.training(
        "",
        "Weights to keep as they are, always or for a time, such as 'backbone until "
        "30%' or 'block[12]_'; empty for none.",
    )
    lr_scale: str = fields.training(
        "",
        "Factors of the updates of weights, such as 'backbone: .1, head: 1' or "
        "'layerwise(.75)'; empty for 1.",
    )
    batch_size: int = fields.training(
        32,
        "Images per optimizer step over all devices, such as 128.",
    )
    accumulate: int = fields.training(
        1,
        "Gradient accumulation to save memory: micro-batches per batch, such as 4 of "
        "32 images each for --batch_size=128.",
    )
    clip_norm: float = fields.training(
        0.0,
        "Maximum global L2 norm of the gradient, such as 1.0; 0 for no clipping.",
    )
    loss: str = fields.training(
        "cross_entropy",
        "Loss of each training image, such as 'focal(gamma=2)' or "
        "'cross_entropy(class_weights=\"balanced\")', or your own as "
        "'module:function(...)'.",
    )
    label_smoothing: float = fields.training(
        0.0,
        "Fraction of each training label that --loss spreads evenly over all classes, "
        "such as 0.1.",
    )
    ema: float = fields.model(
        0.0,
        "Decay per step of the moving average of the weights that is evaluated, such "
        "as 0.999; 0 evaluates the weights themselves.",
    )
    precision: str = fields.model(
        "float32",
        "Floating-point type of the network's computation, such as bfloat16 for mixed "
        "precision; weights are always float32.",
        choices=("float32", "bfloat16", "float16"),
    )
    jit: bool = fields.devices(
        False,
        "Compile the forward and backward pass with XLA, which works on one device "
        "only.",
    )
    train_for: str = fields.training(
        "20ep",
        "Length of the run in steps, such as 5000, or epochs, such as 20ep.",
    )
    evaluate_every: str = fields.evaluation(
        "1ep",
        "Interval between evaluations in steps (500), epochs (1ep) or percent of the "
        "run (5%).",
    )
    checkpoint_every: str = fields.run(
        "1ep",
        "Interval between checkpoints in steps (500), epochs (1ep) or percent of the "
        "run (5%).",
    )
    log_every: str = fields.evaluation(
        "50",
        "Interval between points of the training curves in steps (50), epochs (1ep) or "
        "percent of the run (1%).",
    )
    monitor: str = fields.evaluation(
        "validation/accuracy",
        "Metric that determines the best evaluation, such as validation/loss.",
    )
    metrics: str = fields.evaluation(
        "",
        "Further metrics of each evaluation, joined by '+', such as 'auc + top_k(3)', "
        "or your own as 'module:function(...)'; empty for none.",
    )
    on_nonfinite: str = fields.training(
        "stop",
        "Reaction to a NaN or infinite loss, gradient or weight: stop and locate its "
        "origin, skip the update, or return to the last checkpoint and leave out the "
        "batches since (rollback).",
        choices=("stop", "skip", "rollback"),
    )
    early_stopping: int = fields.training(
        0,
        "Stop after this number of evaluations without improvement, such as 10; 0 for "
        "never.",
    )
    seed: int = fields.training(
        0,
        "Seed of the initial weights, the order of images and all random draws, such "
        "as 1.",
    )
    strategy: str = fields.devices(
        "default",
        "Distribution strategy of TensorFlow, such as mirrored for all GPUs of this "
        "machine.",
        choices=("default", "one_device", "mirrored", "multi_worker", "tpu"),
        numbers=False,
    )
    devices: int = fields.devices(
        0,
        "Number of devices of --strategy=mirrored or per machine of multi_worker, such "
        "as 2, simulated by dividing the CPU where there are too few; 0 for all.",
        numbers=False,
    )
    cluster: str = fields.devices(
        "env",
        "Cluster resolver of --strategy=multi_worker: the variable TF_CONFIG (env), "
        "slurm or kubernetes.",
        choices=("env", "slurm", "kubernetes"),
        numbers=False,
    )
    wait_for: str = fields.devices(
        "10m",
        "Maximum wait for other processes in seconds (30s), minutes (10m) or hours "
        "(2h), after which the run ends with exit code 75.",
        numbers=False,
    )
    i_trust_this_network: bool = fields.devices(
        False,
        "Allow workers and servers on other machines, although anyone who reaches "
        "TensorFlow's unauthenticated ports can read and write files as you (see "
        "SECURITY.md).",
        numbers=False,
    )
    tpu: str = fields.devices(
        "",
        "Name of the TPU of --strategy=tpu, such as my-tpu; empty for the local one.",
        numbers=False,
    )
    shards: int = fields.devices(
        0,
        "Equal parts of each batch, a power of two, such as 8: runs on 1, 2, 4 and 8 "
        "devices end with the same bits, and batch normalization takes each part by "
        "itself; 0 computes the images of a device at once.",
    )
    threads: int = fields.devices(
        0,
        "Number of threads that compute one operation, on which the last bits of sums "
        "depend, such as 2; 0 for all cores.",
    )
    steps_per_call: int = fields.devices(
        0,
        "Maximum number of steps per call of the compiled loop, such as 100; 0 runs "
        "until the next event, for about two seconds at most.",
        numbers=False,
    )
    workdir: str = fields.run(
        "auto",
        "Folder of the run's results and checkpoints, such as runs/flowers, whose run "
        "is resumed; auto is the first of runs/DATASET-MODEL-1, -2, ... that has the "
        "run of the same command, or nothing.",
        numbers=False,
    )
    keep_checkpoints: int = fields.run(
        3,
        "Number of latest checkpoints to keep, such as 3.",
        numbers=False,
    )
    keep_best: int = fields.run(
        1,
        "Number of best evaluations to keep the weights of, such as 1.",
        numbers=False,
    )
    hooks: str = fields.run(
        "",
        "Classes of your own that look at the run between steps, joined by '+', such "
        "as 'mine:Watch(limit=3)'; empty for none.",
        numbers=False,
    )
    report: str = fields.run(
        "",
        "Trackers of your own that receive all metrics, joined by '+', such as "
        "'mine:Tracker(project=\"pets\")'; empty for none.",
        numbers=False,
    )
    profile: str = fields.run(
        "",
        "Steps to profile for TensorBoard, such as 20 (once the run is warm) or "
        "100-120; empty for none.",
        numbers=False,
    )
    diagnose: bool = fields.evaluation(
        False,
        "Diagnose static validation accuracy after training, with exit code 3 if a "
        "cause such as overfitting is confirmed.",
        numbers=False,
    )
    fresh: bool = fields.run(
        False,
        "Move an earlier run in --workdir aside, such as to runs/pets.old-1, and "
        "start a new one.",
        numbers=False,
    )
    allow_config_change: bool = fields.run(
        False,
        "Resume the run in --workdir, which must be given, with changed flags, such as "
        "another --batch_size.",
        numbers=False,
    )
    allow_data_change: bool = fields.run(
        False,
        "Resume the run in --workdir, which must be given, with changed data, such as "
        "additional images.",
        numbers=False,
    )

    def __post_init__(self) -> None:
        types = field_types()
        for field in dataclasses.fields(self):
            value, choices = getattr(self, field.name), field.metadata["choices"]
            checks.check_type(field.name, value, types[field.name], choices)
        for name, value in checks.checked(vars(self)).items():
            object.__setattr__(self, name, value)

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


@functools.cache
def field_types() -> dict[str, type]:
    """Returns the type of each field of `Config`: bool, float, int or str."""
    return get_type_hints(Config)
