"""Flags and command lines that are wrong, written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


def _nested() -> Iterator[str]:
    for count in (90, 200, 1000, 20_000):
        yield "(" * count + "constant" + ")" * count
        yield f"constant(factor={'(' * count}1{')' * count})"
        yield f"constant(factor={'-' * count}1)"
        yield " + ".join(["constant(1)"] * count)
        yield " * ".join(["constant"] * count)
    yield "constant." * 1000
    yield "constant" + "()" * 1000


# fmt: off
BAD: Mapping[str, Sequence[str]] = {
    "workdir": ("", "x\ny", "x\n--fresh"),
    "service": ("x\n--fresh",),
    "learning_rate": (
        "x", "", "nan", "inf", "-inf", "0", "-1", "1e-400", "1e400", "1,5",
    ),
    "batch_size": (
        "x", "", "0", "-1", "1.5", "1e3", "9" * 30, "99999999", "2147483648",
    ),
    "accumulate": ("0", "-1", "3", "9" * 30, "x"),
    "shards": ("1", "-2", "3", "6", "64", "9" * 30, "x", ""),
    "threads": ("-1", "99999999", "9" * 30, "x", ""),
    "seed": ("-1", "4294967296", "9" * 30, "1.5", "x", "True"),
    "clip_norm": ("-1", "nan", "inf", "x"),
    "label_smoothing": ("-1", "1", "nan", "x"),
    "loss": (
        "", "x", "focal(-1)", "focal(gamma='x')", "poly1(-2)", "logit_adjusted(-1)",
        "cross_entropy(class_weights='x')", "cross_entropy(class_weights=(1, 2))",
        "cross_entropy(label_smoothing=1)", "focal + poly1",
        "cross_entropy(class_counts=(1, 2))", "cross_entropy(labels=1)",
    ),
    "init_from": (
        "nowhere", "nowhere.keras", ".", "/dev/zero", "data.npz", "~nosuchuser/x.npz",
        "data.npz/x.npz", "a\x00b", "/proc", "x.pth",
    ),
    "freeze": (
        "(", ",", "nothing", "backbone until", "head until 5x", "head until", ".*",
        "backbone until -1", "head,", "[", "*", "backbone until 1.5",
    ),
    "lr_scale": (
        "head", ": 1", "head: 0", "head: -1", "head: nan", "head: inf", "nothing: 1",
        "layerwise(0)", "layerwise()", "layerwise(.5), layerwise(.5)", "(: 1", ",",
        "head: 1e9", "layerwise(x)", "head: 1,",
    ),
    "ema": ("-1", "1", "nan", "x"),
    "train_dev": ("-1", "1", "nan", "x", "0.99999"),
    "test": ("-1", "0", "0%", "100%", "nan", "x", "1.5", "5 %%", "9" * 30, "99999999"),
    "fold": ("x", "0/5", "6/5", "1/1", "1", "-1/5", "1/99999999", "1/999999", "1/2/3"),
    "cache": ("", "~nosuchuser/x", "a\x00b", "x\ny"),
    "exclude": (
        ",", "nowhere.csv", ".", "/dev/zero", "~nosuchuser/x.csv", "data.npz", "a\x00b",
        "x,,y", "\ud800",
    ),
    "sampling": ("", "x", "Balanced", "effective(1)", "effective('x')", "sqrt(2)"),
    "precision": ("", "float", "float64", "FLOAT32", "x\ny"),
    "strategy": ("", "x", "tpu", "multi_worker", "mirrored "),
    "devices": ("-1", "x"),
    "train_for": (
        "0", "-1", "", "x", "0ep", "ep", "10%", "1e999", "nan", "nanep", "infep",
        "9" * 400, "0.0001ep", "1.5", "1 2", "1\n",
    ),
    "evaluate_every": ("0", "0%", "-5%", "nan%", "x", "", "1e-9ep", "9" * 400),
    "checkpoint_every": ("0", "0%", "-5%", "nan%", "x", ""),
    "log_every": ("0", "0%", "-5%", "nan%", "x", ""),
    "monitor": ("", "x", "accuracy", "validation/accuracy\n", "\x1b[2J", "__class__"),
    "metrics": (
        "x", "auk", "top_k(0)", "f1('x')", "kappa(weights='x')", "ece(0)", "auc(1)",
        "auc + auc", "auc * ece", "top_k('x')", "os:getcwd", "math:atan2", "nowhere:f",
    ),
    "hooks": ("x", "nowhere:Hook", "os:nothing", "collections:Counter", "os:path"),
    "report": ("x", "nowhere:Report", "collections:Counter", "builtins:print"),
    "on_nonfinite": ("", "x"),
    "early_stopping": ("-1", "x", "1.5"),
    "steps_per_call": ("-1", "x", "1.5"),
    "keep_checkpoints": ("0", "-1", "x"),
    "keep_best": ("0", "-1", "x"),
    "profile": ("0", "-1", "x", "5-3", "5-5", "0-99999999", "9" * 30, "1.5", "\u0661"),
    "jit": ("x", "2"),
    "input": ("", "x", "disk"),
    "cluster": ("", "x"),
    "dataset": (
        "", " ", "digit", "digits(", "digits)", "digits()()", "digits(validation=0)",
        "digits(validation=1e999)", "digits(validation=0.00001)", "digits(seed=-1)",
        "digits + digits", "digits * digits", "1", "()", "arrays", "arrays()",
        "arrays('')", "arrays('.')", "arrays('nowhere.npz')",
        "arrays('~nosuchuser/x.npz')", "arrays('a\\x00b')", "arrays(5)", "arrays('-')",
        "arrays('/dev/null')", "arrays('/proc/self/mem')", "arrays('/dev/zero')",
        "arrays('data.npz', 'data.npz')", "arrays(path='data.npz', path='x')",
        "folder('')", "folder('.')", "folder('~nosuchuser')", "folder('a\\x00b')",
        "folder('/proc')", "folder('data.npz')", "folder('.', size=0)", "folder(1)",
        "folder('.', size=-1)", "folder('.', channels=0)", "folder('\\ud800')",
        "folder('" + "a" * 5000 + "')", "folder('\\x1b[2J')", "folder('x\\ny')",
        "noise(size=0)", "noise(classes=1)", "noise(train=0)", "noise(seed=-1)",
        "noise(train=99999999999)", "noise(size=10000000)", "noise(classes=0)",
        "noise(validation_scale=1e999)", "noise(classes=99999999999)",
        "fashion_mnist('nowhere')", "fashion_mnist('~nosuchuser')", "tfds('')",
        "tfds('../x')", "drawn_flowers(train=0)", "drawn_flowers(size=0)",
        "drawn_flowers(size=-1)", "drawn_flowers(train=10, light=-1)",
        "drawn_flowers(train=10, validation=10, imbalance=0)", "__import__('os')",
        "(lambda: 0)()", "digits(seed=__import__('os').system('true'))", "os:system",
    ),
    "model": (
        "", " ", "cnn(", "cnn)", "cnn()()", "cnn + cnn", "cnn(1, 2, 3, 4, 5, 6)",
        "cnn(filters=0)", "cnn(filters=(0,))", "cnn(filters=(-1,))", "cnn(dense=-1)",
        "cnn(filters=('a',))", "cnn(filters=(1.5,))", "cnn(dropout=-1)",
        "mlp(units=5)", "cnn(dropout=2)", "cnn(padding='x')",
        "cnn(filters=(8,8,8,8,8,8,8,8))", "mlp(units=(0,))", "mlp(units=(-5,))",
        "mlp(units=(999999999999,))", "mlp(units=(2147483648,))", "mlp(dropout=1e999)",
        "resnet(depth=0)", "resnet(depth=-20)", "resnet(depth=21)", "resnet(width=0)",
        "resnet(width=-1)", "efficientnet_lite(5)", "efficientnet_lite(size=-1)",
        "nowhere:f", "os:getcwd", "os:path", "os.path:join",
        "os:nothing", ":f", "os:", "os:_exit", "os::f", "a:b:c", ".os:f", "os.:f",
        "..:f", "builtins:exit", "builtins:print", "builtins:int", "sys:exit(0)",
        "antigravity:f(1)", "\x1b[2J", "json.:f",
        "keras_file", "keras_file('')", "keras_file('nowhere.keras')", "keras_file(1)",
        "keras_file('data.npz')", "keras_file('/dev/zero')", "keras_file('.')",
        "keras_file('~nosuchuser/x.keras')", "keras_file('x.keras', head=-1)",
        "applications('x')", "applications()", "applications('ResNet50', 'x.h5')",
        "framework.models.cnn:cnn(filters=(0,))", "numpy:zeros(5)", "\xe9:f",
    ),
    "optimizer": (
        "", "adem", "adam(beta_1=2)", "adam(beta_1=-1)", "adam(beta_2=1)", "sgd + sgd",
        "adam(beta_2=2)", "adam(epsilon=-1)", "sgd(momentum=-1)", "sgd(momentum=2)",
        "sgd(momentum=1e999)", "sgd(nesterov=2)", "adam(weight_decay=-1)", "adam(1)",
        "rmsprop(rho=2)", "rmsprop(rho=-1)", "rmsprop(momentum=2)", "lion(beta_1=2)",
        "nadam(beta_1=2)", "adagrad(initial_accumulator=-1)", "lion(weight_decay=-1)",
        "adagrad(epsilon=-1)", "rmsprop(epsilon=-1)", "adamw(weight_decay=1e999)",
    ),
    "augment": (
        "rotat(1)", "rotate", "rotate()", "rotate('x')", "rotate(1e999)",
        "flip * flip", "zoom((1, 2, 3))", "zoom(-1)", "zoom(())", "zoom((2, 1))",
        "posterize(9)", "pad_crop(-1)", "pad_crop(1.5)", "fill('x')", "noise(-1)",
        "blur((2, 1))", "blur(())", "erase(scale=(2, 1))", "erase(p=2)", "cutout(-1)",
        "randaugment(num_ops=-1)", "randaugment(magnitude=99)", "autoaugment('x')",
        "augmix(width=0)", "augmix(alpha=0)", "mixup(alpha=0)", "mixup(p=2)",
        "gamma(-1)", "resized_crop(scale=(0, 0))", "resized_crop(ratio=(-1, 1))",
        "grayscale(p=2)", "resized_crop(ratio=())", "shift('a')", "hue(99, 99)",
    ),
    "normalize": (
        "", "x", "rescale", "rescale()", "rescale('x')", "rescale(1e999)", "zca(-1)",
        "zca(epsilon='x')", "standard * unit", "unit()()", "none(1)",
    ),
    "schedule": (
        "", "cosin", "cosine(ende=1)", "step(every='x')", "warmup(5%)+", "cosine(-5)",
        "step(every=0)", "step(every=-1)", "exponential(decay_steps=0)",
        "piecewise((1, 2), (1,))", "piecewise(boundaries=(5, 1), values=(1, 2, 3))",
        "multistep(boundaries=(-1,))", "multistep(boundaries=('x',))", "a**b", "a-b",
        "interpolate(boundaries=(1,), factors=())", "cyclic(up=0)", "cyclic(mode='x')",
        "cosine_restarts(first=0)", "one_cycle(pct_start=2)", "plateau('nothing')",
        "plateau(patience=-1)", "plateau(factor=2)", "plateau(mode='x')",
        "greedy('x')", "plateau(window=0)", "plateau(like='x')", "cooldown('5x')",
        "polynomial(power='x')", "one_cycle(div=0)", "rsqrt(timescale=0)",
    ),
}
# Whether these are taken or refused is a matter of taste; they must end well.
MAY_BE_RIGHT: Mapping[str, Sequence[str]] = {
    "learning_rate": ("1e38", "1e-45", "1e300", "\u0661", "0x10", "1_0", " 1 "),
    "workdir": (
        "~nosuchuser/x", "~/run", "~", ".", "..", "../x", "\x1b[2J", "a" * 300,
        "\udcff", "/dev/null", "/dev/null/x", "/proc/x", "data.npz", "data.npz/x", " ",
        "-", "run/", "./run", "a/" * 2000, "\u202e", "%s", "run\t", "\x7f", "--x",
    ),
    "train_for": (
        "1e0", "2.", " 2 ", "1ep ", "00002", "\u0661ep", "99999999999999999999999ep",
    ),
    "evaluate_every": ("200%", "1e300ep", "1e-300%", "99999999"),
    "log_every": ("1e300ep", "99999999", "1e-300%"),
    "clip_norm": ("1e300", "1e-300", "1e-45"),
    "label_smoothing": (".999999999", "1e-300"),
    "ema": (".999999999", "1e-300"),
    "keep_checkpoints": ("9" * 30,),
    "keep_best": ("9" * 30,),
    "early_stopping": ("9" * 30,),
    "devices": ("99999", "9" * 30),
    "flagfile": ("",),
    "steps_per_call": ("9" * 30,),
    "shards": ("0", "2", "16", "32", "0x2", " 2 ", "1_6", "\u0662"),
    "threads": ("0", "1", "2", "64", "0x2", " 2 ", "\u0662"),
    "augment": (
        "brightness(1e300)", "noise(1e300)", "rotate(1e300)", "zoom(1e-300)",
        "posterize(0)", "mixup + mixup",
    ),
    "normalize": (
        "zca", "rescale(0)", "rescale(1e300)", "standard + standard", "zca + zca",
    ),
    "optimizer": ("sgd(momentum=1)", "adam(epsilon=0)", "adam(weight_decay=1e300)"),
    "dataset": ("digits(validation=.99999)",),
    "schedule": (
        "noam(0)", "wsd(warmup=200%)", "noise(std=-1)", "constant(factor=-1)",
        "constant(factor=1e300)", "constant(0)", *_nested(),
    ),
    "model": ("mlp(units=())", "cnn(filters=())", "mlp(units=[3])", "resnet(depth=8)"),
}
LINES: Sequence[Sequence[str]] = (
    ("stray",), ("",), ("--", "x"), ("-",), ("--=",), ("---",), ("--\n",),
    ("--no_such_flag",), ("--no_such_flag=1",), ("--nosuch\x1b[2J=1",), ("--\udcff",),
    ("--seed",), ("--learning_rat=1",), ("--lr=1",), ("--epochs=5",), ("--modle=cnn",),
    ("--flagfile=",), ("--flagfile=nowhere",), ("--flagfile=.",), ("--flagfile=~x/y",),
    ("--flagfile=/dev/zero.txt",), ("--undefok=x", "--y=1"), ("--noseed",),
    ("--nomodel",), ("--jit=",), ("--fresh=maybe",), ("--diagnose=7",), ("a" * 99999,),
    ("--shards=2", "--accumulate=2"), ("--shards=2", "--loss=ohem(fraction=.5)"),
    ("--shards=2", "--strategy=mirrored", "--devices=4"),
    ("--shards=4", "--batch_size=18"), ("--shards=8", "--augment=mixup"),
    ("--shards=2", "--strategy=tpu"), ("--shards", "--threads"), ("--noshards",),
    ("--" + "a" * 5000,), ("-x",), ("--model", "--seed=1"), ("--seed=1", "2"),
)
FLAGFILES: Mapping[str, bytes] = {
    "is not UTF-8": b"--seed=\xff\xfe\n",
    "names itself": b"--flagfile=flags.txt\n--seed=x\n",
    "has NUL": b"--seed=1\x002\n",
    "has an unknown flag": b"--no_such_flag\n",
    "has escapes": b"--\x1b[2J=1\n",
    "is binary": bytes(range(256)),
    "has a long line": b"--model=" + b"(" * 100_000 + b"\n",
    "has a stray word": b"word\n",
}
SERVICES = (
    "localhost:1", "nowhere.invalid:5050", "localhost", ":", "", "a b:1", "\x1b[2J",
)
# fmt: on
