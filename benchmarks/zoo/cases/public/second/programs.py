"""Public reports about networks, losses, rates and lengths of training."""

from __future__ import annotations

import keras
import tensorflow as tf

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import Data, digits
from benchmarks.zoo.cases.public.images import clothes, only
from benchmarks.zoo.cases.recipe import compiled
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import Plan, adam, sgd, unit

layers = keras.layers


class OldBatchNormalization(layers.BatchNormalization):
    """Batch norm that, while frozen, trains by the statistics of the batch.

    It does so without updating its moving statistics, by which it evaluates.
    """

    def call(
        self,
        inputs: tf.Tensor,
        training: bool | None = None,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the normalized inputs, float32 like them."""
        if self.trainable or not training:
            return super().call(inputs, training=training, mask=mask)
        mean, variance = tf.nn.moments(inputs, list(range(len(inputs.shape) - 1)))
        return tf.nn.batch_normalization(
            inputs, mean, variance, self.beta, self.gamma, self.epsilon
        )


def _pretrained(data: Data, norm: type[layers.BatchNormalization]) -> keras.Model:
    """Returns convolutions with batch norm that were trained on data, frozen."""
    base = keras.Sequential([keras.Input(data.x.shape[1:])])
    for filters in (16, 32):
        base.add(layers.Conv2D(filters, 3, 2))
        base.add(norm(momentum=0.9))
        base.add(layers.ReLU())
    base.add(layers.Flatten())
    head = layers.Dense(data.classes, activation="softmax")
    compiled(keras.Sequential([base, head])).fit(data.x, data.y, epochs=6, verbose=0)
    base.trainable = False
    return base


def frozen_norm(seed: int, broken: bool) -> Program:
    """A base that was trained on clothes is frozen, and gets other, darker clothes."""
    whole = unit(clothes(seed, 4000, 1500))
    others, data = only(whole, (1, 5, 7, 8, 9)), only(whole, (0, 2, 4, 6))
    data = data.inputs(lambda x: 0.3 * x)
    base = _pretrained(
        others, OldBatchNormalization if broken else layers.BatchNormalization
    )
    head = layers.Dense(data.classes, activation="softmax")
    model = compiled(keras.Sequential([base, head]), keras.optimizers.Adam(3e-3))
    test = (data.tx, data.ty)
    return Program(model, (data.x, data.y), (data.vx, data.vy), test, epochs=15)


def warmed_up(rate: float) -> keras.optimizers.schedules.LearningRateSchedule:
    """Three epochs of .02, and then another rate."""
    steps = 3 * (1500 // 32)
    return keras.optimizers.schedules.PiecewiseConstantDecay([steps], [0.02, rate])


def _rate_of_the_batch(seed: int, broken: bool) -> Program:
    """A rate for 256 images a step is scaled to 32, by a division of integers."""
    rate = 0.8 * (32 // 256) if broken else 0.8 * (32 / 256)
    return _NORMALIZED.but(optimizer=sgd(warmed_up(rate))).program(seed)


def turned(turn: float, move: float) -> nets.Net:
    """Convolutions behind layers that turn and move images while training.

    Args:
        turn: In turns, to either side.
        move: In widths of an image, to either side.
    """

    def make(shape: tuple[int, ...], classes: int) -> keras.Model:
        augmentation = [
            layers.RandomRotation(turn, fill_mode="constant"),
            layers.RandomTranslation(move, move, fill_mode="constant"),
        ]
        network = nets.strided()(shape, classes)
        return keras.Sequential([keras.Input(shape), *augmentation, *network.layers])

    return make


def _units(seed: int, broken: bool) -> Program:
    """Angles in radians and lengths in images are given as degrees and pixels."""
    # 40 radians are more than six turns; of lengths, Keras takes one image at most.
    net = turned(1.0, 1.0) if broken else turned(20 / 360, 0.1)
    return _DIGITS.but(net=net, epochs=30).program(seed)


def of_logits(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns the cross-entropy of each example; that of Keras mends such a softmax."""
    labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _softmax_twice(seed: int, broken: bool) -> Program:
    """A softmax, and a loss that takes its outputs for logits."""
    net = nets.strided(head="softmax" if broken else None)
    plan = _CLOTHES.but(net=net, loss=of_logits, optimizer=sgd(0.02, 0.9), epochs=12)
    return plan.program(seed)


def _one_at_a_time(seed: int, broken: bool) -> Program:
    """A rate for batches of a hundred, and one image a step."""
    plan = _DIGITS.but(net=nets.dense((64, 64)), optimizer=sgd(0.1, 0.9), epochs=10)
    return plan.but(batch=1 if broken else 100).program(seed)


def _few_steps(seed: int, broken: bool) -> Program:
    """Two epochs at .001, which are enough for batches of four images."""
    plan = _CLOTHES.but(optimizer=sgd(0.001, 0.9), epochs=2)
    return plan.but(batch=32 if broken else 4).program(seed)


_CLOTHES = Plan(
    clothes, nets.strided(), scale=unit, optimizer=adam(2e-3), batch=64, epochs=15
)
_NORMALIZED = Plan(clothes, nets.residual(), scale=unit, epochs=10)
_DIGITS = Plan(digits, nets.strided(), scale=unit, optimizer=adam(2e-3))
_STOPPED = Plan(clothes, nets.separable(), scale=unit, optimizer=adam(1e-3))

CASES: tuple[Case, ...] = (
    case(
        "public: a softmax taken for logits",
        "https://github.com/mmalekzadeh/dana/issues/1",
        "fashion",
        "loss_output_mismatch|learning_rate_too_low|stopped_too_early",
        _softmax_twice,
    ),
    case(
        "public: a rate divided as integers",
        "https://github.com/tensorpack/tensorpack/issues/655",
        "fashion",
        "learning_rate_too_low|stopped_too_early",
        _rate_of_the_batch,
    ),
    case(
        "public: one image a step",
        "https://github.com/apache/mxnet/issues/2308",
        "digits",
        "batch_size_too_small|learning_rate_too_high|exploding_gradients|dead_units",
        _one_at_a_time,
    ),
    case(
        "public: batches of another default",
        "https://github.com/intel/ipex-llm/issues/3956",
        "fashion",
        "batch_size_too_large|learning_rate_too_low|stopped_too_early",
        _few_steps,
    ),
    case(
        "public: stopped by the default patience",
        "https://github.com/keras-team/keras/issues/16393",
        "fashion",
        "stopped_too_early|learning_rate_too_low",
        lambda seed, broken: _STOPPED.but(epochs=2 if broken else 20).program(seed),
    ),
    case(
        "public: frozen batch norm goes by the batch",
        "https://github.com/keras-team/keras/pull/9965",
        "fashion",
        "train_eval_mismatch|frozen_weights",
        frozen_norm,
    ),
    case(
        "public: turned by 40 radians",
        "https://github.com/fizyr/keras-retinanet/issues/227",
        "digits",
        "over_regularized",
        _units,
    ),
)
