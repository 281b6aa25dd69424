"""Interventions as lines of Python for a program that trains with Keras.

The lines can be pasted between `model.compile` and `model.fit`. They use the names
`keras`, `np`, `model`, `x_train`, `y_train` and `x_validation`; labels are class
numbers of shape [N]. Whatever changes a model compiles it again, with an optimizer of
the same kind: Keras traces a training step once only, and an optimizer knows only the
weights that it was built for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from framework.diagnose.core.settings import TrainingSettings

if TYPE_CHECKING:
    from framework.diagnose.core.intervention import Intervention

Lines = tuple[str, ...]
_KERNELS = "[layer for layer in model.layers if hasattr(layer, 'kernel')]"


def lines(intervention: Intervention, settings: TrainingSettings) -> Lines:
    """Returns the lines for all that an intervention changes."""
    differences = intervention.differences()
    edits = [
        line
        for name, value in differences.items()
        if name in _EDITS
        for line in _EDITS[name](value, settings)
    ]
    fits = [
        line
        for name, value in differences.items()
        if name in _FITS
        for line in _FITS[name](value, settings)
    ]
    changes = _optimizer_changes(intervention)
    if changes or set(differences) & _COMPILED:
        optimizer = _optimizer(settings)
        config = f"config = {optimizer}.get_config()"
        edits = [
            # These come first: a model that an edit makes anew has no optimizer yet.
            f"{config} | {{{changes}}}" if changes else config,
            f"optimizer = type({optimizer}).from_config(config)",
            "loss = model.loss",
            *edits,
            "model.compile(optimizer, loss, metrics=['accuracy'])",
        ]
    if intervention.learning_rate_factor != 1 and not _constant_rate(intervention):
        edits += _learning_rate(intervention.learning_rate_factor, settings)
    return (*edits, *fits)


def _optimizer_changes(intervention: Intervention) -> str:
    """Returns the changes of the optimizer as entries of its config."""
    changes = []
    if intervention.constant_learning_rate:
        changes.append(f"'learning_rate': {_constant_rate(intervention):.8g}")
    if intervention.weight_decay is not None:
        changes.append(f"'weight_decay': {intervention.weight_decay:g}")
    if intervention.clip_norm:
        changes.append(f"'global_clipnorm': {intervention.clip_norm:g}")
        changes.append("'clipnorm': None, 'clipvalue': None")
    return ", ".join(changes)


def _constant_rate(intervention: Intervention) -> float:
    return intervention.constant_learning_rate * intervention.learning_rate_factor


def _optimizer(settings: TrainingSettings) -> str:
    # compile() wraps it again.
    return "model.optimizer" + ".inner_optimizer" * settings.has_loss_scale


def _learning_rate(factor: float, settings: TrainingSettings) -> Lines:
    if settings.has_rate_callback:
        return (
            f"model.optimizer.learning_rate *= {factor:g}",
            f"# The rates that callbacks set are multiplied by {factor:g} as well.",
        )
    if settings.config is None and settings.highest_rate != settings.learning_rate:
        return (
            f"config = {_optimizer(settings)}.get_config()",
            "rates = config['learning_rate']['config']  # of the schedule",
            "for name in ('initial_learning_rate', 'warmup_target'):",
            "    if rates.get(name):",
            f"        rates[name] *= {factor:g}",
            f"optimizer = type({_optimizer(settings)}).from_config(config)",
            "model.compile(optimizer, model.loss, metrics=['accuracy'])",
        )
    rate = settings.learning_rate * factor
    return (f"model.optimizer.learning_rate = {rate:.8g}",)


def _standardize(value: bool, settings: TrainingSettings) -> Lines:
    del value, settings
    return (
        "axes = tuple(range(x_train.ndim - 1))",
        "mean, std = x_train.mean(axes), np.maximum(x_train.std(axes), 1e-6)",
        "x_train, x_validation = (x_train - mean) / std, (x_validation - mean) / std",
    )


def _rescale(value: tuple[float, float], settings: TrainingSettings) -> Lines:
    del settings
    factor, offset = (f"{each:.6g}" for each in value)
    return (
        f"factor, offset = {factor}, {offset}",
        "x_train = factor * x_train + offset",
        "x_validation = factor * x_validation + offset",
    )


def _loss(value: bool, settings: TrainingSettings) -> Lines:
    del value, settings
    return (
        "while isinstance(model.layers[-1], keras.layers.Softmax):",
        "    model = keras.Model(model.inputs, model.layers[-1].input)",
        "if hasattr(model.layers[-1], 'activation'):",
        "    model.layers[-1].activation = keras.activations.linear",
        "loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
    )


def _reinitialize(value: bool, settings: TrainingSettings) -> Lines:
    del value, settings
    return (
        f"kernels = {_KERNELS}",
        "for layer in kernels:",
        "    draw = keras.initializers.HeNormal()",
        "    if layer is kernels[-1]:",
        "        draw = keras.initializers.GlorotUniform()",
        "    layer.kernel.assign(draw(layer.kernel.shape))",
        "    if layer.bias is not None:",
        "        layer.bias.assign(0 * layer.bias)",
    )


def _activation(name: str, settings: TrainingSettings) -> Lines:
    del settings
    slope = 0.1 if name == "leaky_relu" else 0.0
    return (
        "linear = keras.activations.linear",
        "for layer in model.layers[:-1]:",
        "    if getattr(layer, 'activation', linear) is not linear:",
        f"        layer.activation = keras.activations.{name}",
        "    if isinstance(layer, (keras.layers.ReLU, keras.layers.LeakyReLU)):",
        f"        layer.negative_slope = {slope:g}",
    )


def _width(factor: float, settings: TrainingSettings) -> Lines:
    del settings
    return (
        "# Without a hidden layer: put Flatten and Dense(64, 'relu') before the last.",
        f"last = {_KERNELS}[-1]",
        "def wider(layer):",
        "    config = layer.get_config()",
        "    for name in {'units', 'filters'} & set(config):",
        "        if layer is not last:",
        f"            config[name] = round({factor:g} * config[name])",
        "    return type(layer).from_config(config)",
        "model = keras.models.clone_model(model, clone_function=wider)",
    )


def _dropout(rate: float, settings: TrainingSettings) -> Lines:
    del settings
    own = "[layer for layer in model.layers if 'Dropout' in type(layer).__name__]"
    edits = (
        f"dropouts = {own}",
        "for layer in dropouts:",
        f"    layer.rate = {rate:g}",
    )
    if not rate:
        return edits
    return (
        *edits,
        "if not dropouts:",
        "    last = model.layers[-1]",
        f"    features = keras.layers.Dropout({rate:g})(last.input)",
        "    model = keras.Model(model.inputs, last(features))",
    )


def _weight_decay(strength: float, settings: TrainingSettings) -> Lines:
    del settings
    if not strength:
        return (
            "for layer in model.layers:",
            "    layer.activity_regularizer = None",
            "    for weight in layer.weights:",
            "        weight.regularizer = None",
        )
    return (
        f"for layer in {_KERNELS}:",
        f"    layer.kernel.regularizer = keras.regularizers.L2({strength:g})",
    )


def _no_augmentation(text: str, settings: TrainingSettings) -> Lines:
    del settings
    if text:
        return ()
    return (
        "for layer in model.layers:",
        "    if type(layer).__name__.startswith(('Random', 'Gaussian')):",
        "        layer.call = lambda inputs, *_, **__: inputs",
    )


def _unfreeze(value: bool, settings: TrainingSettings) -> Lines:
    del value, settings
    # Keras ignores an attribute that is set to what it is: a model whose layers are
    # frozen one by one is itself trainable.
    return ("model.trainable = False", "model.trainable = True")


def _keras_step(value: bool, settings: TrainingSettings) -> Lines:
    del value, settings
    return ("model.train_step = keras.Model.train_step.__get__(model)",)


def _unweighted(value: bool, settings: TrainingSettings) -> Lines:
    del value
    rest = f", epochs={_epochs(settings)}"
    return (
        "# Without sample_weight and class_weight:",
        _fit("x_train, y_train", settings, rest=rest),
    )


def _train(split: Any, settings: TrainingSettings) -> Lines:
    del split, settings
    return ("x_train, y_train = x_train[keep], y_train[keep]  # keep: bool [N]",)


def _exclude(files: tuple[str, ...], settings: TrainingSettings) -> Lines:
    del settings
    return (
        "import csv",
        "import pathlib",
        "lines = [",
        "    line",
        f"    for file in {files!r}",
        "    for line in csv.DictReader(pathlib.Path(file).read_text().splitlines())",
        "]",
        "rows = [int(line['index']) for line in lines if line['split'] == 'train']",
        "x_train, y_train = np.delete(x_train, rows, 0), np.delete(y_train, rows, 0)",
    )


def _fit(data: str, settings: TrainingSettings, size: int = 0, rest: str = "") -> str:
    return f"model.fit({data}, batch_size={size or settings.batch_size}{rest})"


def _epochs(settings: TrainingSettings) -> int:
    return max(round(settings.epochs), 1)


def _batch_size(factor: float, settings: TrainingSettings) -> Lines:
    size = max(round(settings.batch_size * factor), 1)
    rest = f", epochs={_epochs(settings)}"
    return (_fit("x_train, y_train", settings, size, rest),)


def _augment(text: str, settings: TrainingSettings) -> Lines:
    if not text:
        return ()
    return (
        "from framework.diagnose import augmented",
        f"for epoch in range({_epochs(settings)}):",
        f"    x_epoch = augmented(x_train, {text!r}, epoch)",
        f"    {_fit('x_epoch, y_train', settings)}",
    )


def _balance(value: bool, settings: TrainingSettings) -> Lines:
    del value
    return (
        "_, inverse, counts = np.unique(y_train, return_inverse=True, "
        "return_counts=True)",
        "p = 1 / len(counts) / counts[inverse]  # of each image",
        f"for epoch in range({_epochs(settings)}):",
        "    order = np.random.choice(len(y_train), len(y_train), p=p)",
        f"    {_fit('x_train[order], y_train[order]', settings)}",
    )


def _shuffle(value: bool, settings: TrainingSettings) -> Lines:
    del value
    rest = f", epochs={_epochs(settings)}, shuffle=True"
    return (_fit("x_train, y_train", settings, rest=rest),)


def _train_on(factor: float, settings: TrainingSettings) -> Lines:
    before, after = _epochs(settings), max(round(settings.epochs * factor), 1)
    rest = f", initial_epoch={before}, epochs={after}"
    return (
        f"# After the {before} epochs so far:",
        _fit("x_train, y_train", settings, rest=rest),
    )


_Writer = Callable[[Any, TrainingSettings], Lines]
# What changes the data, the model or the loss.
_EDITS: dict[str, _Writer] = {
    "standardize": _standardize,
    "rescale": _rescale,
    "consistent_loss": _loss,
    "reinitialize": _reinitialize,
    "activation": _activation,
    "width_factor": _width,
    "dropout": _dropout,
    "weight_decay": _weight_decay,
    "augment": _no_augmentation,
    "unfreeze": _unfreeze,
    "keras_step": _keras_step,
    "train": _train,
    "exclude": _exclude,
}
# What has no effect on a model that was compiled before.
_COMPILED = frozenset(
    {
        "consistent_loss",
        "activation",
        "width_factor",
        "dropout",
        "unfreeze",
        "keras_step",
    }
)
# How to train.
_FITS: dict[str, _Writer] = {
    "batch_size_factor": _batch_size,
    "augment": _augment,
    "balance": _balance,
    "shuffle": _shuffle,
    "unweighted": _unweighted,
    "train_for_factor": _train_on,
}
