"""Public reports about networks, losses and optimizers."""

from __future__ import annotations

import functools

import keras

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.public.images import clothes
from benchmarks.zoo.cases.recipe import CNN, MLP, compiled, faulty
from benchmarks.zoo.cases.report import nets, sources
from benchmarks.zoo.cases.report.plan import Plan, adam, sgd, unit

layers = keras.layers
losses = keras.losses


def text_network(shape: tuple[int, ...], classes: int) -> keras.Model:
    """The mean of embeddings, and logits."""
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Embedding(300, 16),
            layers.Dropout(0.2),
            layers.GlobalAveragePooling1D(),
            layers.Dense(classes),
        ]
    )


def deep_convolutions(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Pairs of convolutions in the manner of VGG, drawn by He."""
    model = keras.Sequential([keras.Input(shape)])
    for filters in (16, 32):
        for _ in range(2):
            he = keras.initializers.HeNormal()
            model.add(layers.Conv2D(filters, 3, padding="same", kernel_initializer=he))
            model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    for _ in range(2):
        he = keras.initializers.HeNormal()
        model.add(layers.Dense(64, activation="relu", kernel_initializer=he))
    model.add(layers.Dense(classes, activation="softmax"))
    return model


def _normal(deviation: float):
    return lambda: keras.initializers.RandomNormal(stddev=deviation)


_SMALL = functools.partial(clothes, train=1200)
_TEXTS = Plan(
    sources.topics,
    text_network,
    loss=losses.SparseCategoricalCrossentropy(from_logits=True),
    optimizer=adam(3e-3),
    epochs=12,
)
_BOOK = MLP.but(
    units=(30,),
    init=_normal(0.1),
    head="relu",
    loss="mean_squared_error",
    one_hot=True,
    optimizer=keras.optimizers.SGD,
    learning_rate=0.5,
    batch=10,
    epochs=20,
)
_HEAD = MLP.but(
    units=(128, 128),
    optimizer=keras.optimizers.SGD,
    options={"momentum": 0.9},
    learning_rate=0.02,
    epochs=15,
)


def one_unit(seed: int, broken: bool) -> Program:
    """A softmax over one output, which is 1 whatever the input."""
    data = sources.standardized(sources.tumours(seed))
    head = "softmax" if broken else "sigmoid"
    model = nets.dense((16,), head=head)(data.x.shape[1:], 1)
    compiled(model, keras.optimizers.Adam(5e-3), loss="binary_crossentropy")
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=20
    )


def _logits_as_probabilities(seed: int, broken: bool) -> Program:
    loss = "sparse_categorical_crossentropy" if broken else _TEXTS.loss
    return _TEXTS.but(loss=loss).program(seed)


def _high_rate(seed: int, broken: bool) -> Program:
    rate = 0.3 if broken else 0.01
    plan = Plan(_SMALL, deep_convolutions, scale=unit, batch=64, epochs=8)
    return plan.but(optimizer=sgd(rate, 0.9, nesterov=True)).program(seed)


CASES: tuple[Case, ...] = (
    case(
        "public: logits into a loss for probabilities",
        "https://github.com/tensorflow/docs/pull/2102",
        "topics",
        "loss_output_mismatch",
        _logits_as_probabilities,
    ),
    case(
        "public: softmax over one label",
        "https://github.com/GoogleCloudPlatform/cloudml-samples/pull/241",
        "tumours",
        "loss_output_mismatch",
        one_unit,
    ),
    case(
        "public: a head trained at 1e-5",
        "https://github.com/rcmalli/keras-vggface/issues/43",
        "digits",
        "learning_rate_too_low|stopped_too_early",
        faulty(_HEAD, learning_rate=1e-5),
    ),
    case(
        "public: rate of a VGG too high",
        "https://github.com/geifmany/cifar-vgg/issues/1",
        "fashion",
        "learning_rate_too_high|exploding_gradients|dead_units",
        _high_rate,
    ),
    case(
        "public: momentum .99 of batch norm",
        "https://github.com/keras-team/keras/issues/10666",
        "digits",
        "train_eval_mismatch",
        faulty(
            CNN.but(norm=True, norm_momentum=0.9, batch=128, epochs=8),
            norm_momentum=0.99,
        ),
    ),
    case(
        "public: ReLU in a network made for sigmoids",
        "https://github.com/MichalDanielDobrzanski/DeepLearningPython/issues/13",
        "digits",
        "learning_rate_too_high|bad_initialization|dead_units|exploding_gradients",
        faulty(_BOOK, learning_rate=3.0, init=_normal(1.0), bias=_normal(1.0)),
    ),
)
