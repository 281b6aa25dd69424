"""Suggestions for flag names of other programs that have another name here."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Collection
from pathlib import Path

_EPOCHS = "epochs num_epochs n_epochs nb_epochs max_epochs total_epochs nepochs"
_STEPS = "steps max_steps num_steps total_steps iterations max_iter num_iters iters"
_BATCH = "batch bs batchsize batch_sizes train_batch_size mini_batch_size b"
_DATA = "data data_dir datadir data_path data_root train_dir root path images"
_OUTPUT = (
    "output out output_dir outdir out_dir logdir log_dir save_dir savedir run_dir "
    "checkpoint_dir ckpt_dir model_dir work_dir results_dir save_path name run_name"
)
_RESUME = "resume resume_from continue checkpoint ckpt restore resume_from_checkpoint"
_DEVICES = "gpus gpu num_gpus n_gpus ngpus num_devices n_devices"

# Suggestion by flag names, separated by spaces. {value} stands for the given value.
GUESSES: dict[str, str] = {
    "lr rate learn_rate base_lr initial_lr init_lr alpha eta max_lr": (
        "the learning rate is --learning_rate={value}"
    ),
    _EPOCHS: "the length of a run is --train_for={value}ep",
    _STEPS: "the length of a run is --train_for={value}",
    _BATCH: "images per step are --batch_size={value}",
    "wd weight_decay l2 decay": (
        "it is an argument of the optimizer: --optimizer='adam(weight_decay={value})'"
    ),
    "momentum": "it is an argument: --optimizer='sgd(momentum={value})'",
    "dropout drop dropout_rate drop_rate": (
        "it is an argument of the model: --model='cnn(dropout={value})'"
    ),
    _DATA: "images in one folder per class are --dataset={folder}",
    "image_size img_size imgsz input_size resolution size": (
        "it is an argument of the data set: "
        """--dataset='folder("PATH", size={value})'"""
    ),
    "val_split validation_split test_size val_size val_fraction": (
        "it is an argument of the data set: "
        """--dataset='folder("PATH", validation={value})'"""
    ),
    _DEVICES: "several GPUs are --strategy=mirrored --devices={value}",
    "distributed ddp distribution_strategy": (
        "the distribution strategy is --strategy=mirrored or multi_worker"
    ),
    _OUTPUT: "the folder of a run is --workdir={value}",
    _RESUME: "the same command, with the same --workdir, resumes a run",
    "overwrite force restart clean from_scratch": (
        "--fresh moves the earlier run aside and starts a new one"
    ),
    "arch network net architecture backbone model_name": (
        "the network is --model={value}"
    ),
    "opt optim": "the optimizer is --optimizer={value}",
    "scheduler lr_scheduler sched lr_schedule lr_decay lr_policy": (
        "the learning-rate schedule is --schedule; --schedule=help lists them"
    ),
    "warmup warmup_epochs warmup_steps warmup_ratio": (
        "it is a part of the schedule: --schedule='warmup(5%) + cosine'"
    ),
    "aug augmentation augmentations augmentor transform transforms data_aug": (
        "augmentation is --augment; --augment=help lists the operations"
    ),
    "mixup cutmix randaugment flip rotate": (
        "augmentation is --augment, as in --augment='flip + mixup(.2)'"
    ),
    "normalization preprocessing rescale": (
        "normalization of pixels is --normalize; --normalize=help lists its members"
    ),
    "amp mixed_precision fp16 bf16 half dtype": (
        "it is --precision=bfloat16, or --precision=float16"
    ),
    "grad_clip clip clip_grad max_grad_norm gradient_clip_val clipnorm max_norm": (
        "the maximum norm of the gradient is --clip_norm={value}"
    ),
    "accum grad_accum accum_steps accumulate_grad_batches "
    "gradient_accumulation_steps": (
        "micro-batches per batch of --batch_size images are --accumulate={value}"
    ),
    "smoothing ls": "it is --label_smoothing={value}",
    "ema_decay model_ema": "the decay of averaged weights is --ema={value}",
    "patience early_stop early_stopping_patience": (
        "evaluations without improvement are --early_stopping={value}"
    ),
    "oversample sampler balanced_sampling": (
        "rare classes are drawn more often by --sampling=balanced"
    ),
    "random_seed manual_seed random_state": "it is --seed={value}",
    "eval_every val_every eval_freq eval_interval val_interval eval_steps "
    "evaluate_freq": "it is --evaluate_every={value}",
    "save_every save_freq save_interval save_steps checkpoint_freq": (
        "it is --checkpoint_every={value}"
    ),
    "log_freq log_interval log_steps print_freq": "it is --log_every={value}",
    "xla compile jit_compile": "it is --jit",
    "device accelerator": (
        "a GPU is used where TensorFlow sees one; several are --strategy=mirrored"
    ),
    "num_workers workers j prefetch": (
        "images are read as --input=auto, memory, stream or service says"
    ),
    "intra_op_parallelism_threads num_threads n_threads nthreads": (
        "threads of one operation are --threads={value}"
    ),
    "shuffle": "each epoch is shuffled, by --seed={value}",
    "pretrained weights init": (
        "a model of your own can load weights: --model=my_module:function"
    ),
    "num_classes classes n_classes nclass": (
        "the classes are those of the data set, --dataset"
    ),
    "criterion loss_fn": "the loss is --loss; --loss=help lists them",
    "class_weight class_weights": (
        "it is an argument of the loss: "
        "--loss='cross_entropy(class_weights=\"balanced\")'"
    ),
    "sample_weight sample_weights weight": (
        "the weights of images belong to the data: the array weights of --dataset="
        "'arrays(\"file.npz\")'"
    ),
    "metric top_k topk": "metrics are --metrics='auc + top_k(3)'",
    "callback callbacks hook": "a class that looks at a run is --hooks=my_module:Class",
    "tracker logger wandb mlflow report_to": (
        "a tracker of your own is --report=my_module:Class"
    ),
    "focal_loss focal gamma": "it is --loss='focal(gamma=2)'",
    "ds dataset_name task": "the data set is --dataset={value}",
    "config cfg conf": "flags are read from a file by --flagfile={value}",
}
_ANSWERS = {name: text for names, text in GUESSES.items() for name in names.split()}
_FLAG = re.compile(r"--(\w+)")
_FLAG_WITH_VALUE = re.compile(r"--(\w+)=(?:'([^']*)'|(\S+))")


def answer(name: str, value: str, known: Collection[str]) -> str:
    """Returns the error for an unknown flag, with a suggestion.

    >>> answer("lr", "0.1", ["learning_rate"])
    'there is no --lr; the learning rate is --learning_rate=0.1'

    Args:
        name: The flag as typed, without leading dashes.
        value: Its value; empty if none was given.
        known: The existing flags. Suggestions of other flags are left out.

    Returns:
        An empty text if there is no suggestion.
    """
    underscored = name.replace("-", "_").lower()
    if underscored != name and underscored in known:
        given = f"={shlex.quote(value)}" if value else ""
        return f"there is no --{name}; did you mean --{underscored}{given}?"
    text = _ANSWERS.get(underscored, "")
    if not text or not set(_FLAG.findall(text)) <= set(known):
        return ""
    value = value or ("20" if "{value}ep" in text else "...")

    def filled(match: re.Match[str]) -> str:
        template = match[2] or match[3]
        if template == "{folder}":
            return f"--{match[1]}={reader(value)}"
        return f"--{match[1]}={shlex.quote(template.replace('{value}', value))}"

    return f"there is no --{name}; {_FLAG_WITH_VALUE.sub(filled, text)}"


def path(text: str, known: Collection[str]) -> str:
    """Returns the error for a `--dataset` that is a path.

    Args:
        text: The value of the flag.
        known: The names of data sets.

    Returns:
        An empty text if the value is not a path.
    """
    if "(" in text or text.strip() in known:
        return ""
    if os.sep in text or text.endswith(".npz") or Path(text).is_dir():
        return (
            f"--dataset={shlex.quote(text)} is a path; to read it, give "
            f"--dataset={reader(text)}"
        )
    return ""


def reader(path: str) -> str:
    """Returns the spec of a data set that reads a path, quoted for a shell."""
    name = "arrays" if path.endswith(".npz") else "folder"
    return shlex.quote(f"{name}({json.dumps(path, ensure_ascii=False)})")
