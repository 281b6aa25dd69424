"""Tests of framework/optim/optimizers.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.errors import UsageError
from framework.optim import optimizers

SHAPES = [(3, 4), (4,), (4, 2), (2,)]

# Each member and the equivalent Keras optimizer.
PAIRS = [
    ("sgd", lambda: keras.optimizers.SGD()),
    ("sgd(momentum=.9)", lambda: keras.optimizers.SGD(momentum=0.9)),
    (
        "sgd(.9, nesterov=True, weight_decay=.01)",
        lambda: keras.optimizers.SGD(momentum=0.9, nesterov=True, weight_decay=0.01),
    ),
    ("adam", lambda: keras.optimizers.Adam()),
    ("adam(.8, .9, epsilon=1e-3)", lambda: keras.optimizers.Adam(0.1, 0.8, 0.9, 1e-3)),
    ("adamw", lambda: keras.optimizers.AdamW()),
    (
        "adamw(weight_decay=.05)",
        lambda: keras.optimizers.AdamW(weight_decay=0.05),
    ),
    ("rmsprop", lambda: keras.optimizers.RMSprop()),
    (
        "rmsprop(rho=.8, momentum=.5)",
        lambda: keras.optimizers.RMSprop(rho=0.8, momentum=0.5),
    ),
    ("lion", lambda: keras.optimizers.Lion()),
    (
        "lion(weight_decay=.1)",
        lambda: keras.optimizers.Lion(weight_decay=0.1),
    ),
    ("nadam", lambda: keras.optimizers.Nadam()),
    ("nadam(epsilon=1e-3)", lambda: keras.optimizers.Nadam(epsilon=1e-3)),
    ("adagrad", lambda: keras.optimizers.Adagrad()),
    (
        "adagrad(initial_accumulator=.5)",
        lambda: keras.optimizers.Adagrad(initial_accumulator_value=0.5),
    ),
]


def weights():
    generator = np.random.default_rng(0)
    return [keras.Variable(generator.normal(size=shape)) for shape in SHAPES]


def gradients(step):
    generator = np.random.default_rng(step + 1)
    return [tf.constant(generator.normal(size=shape), tf.float32) for shape in SHAPES]


def weights_of_member(text, strategy=None):
    """Returns the weights after five compiled steps of a member."""
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        variables = weights()
        optimizer = optimizers.build(text)()
        optimizers.prepare(optimizer, variables)

    @tf.function(autograph=False)
    def update(summed, rate):
        optimizers.set_learning_rate(optimizer, rate)
        strategy.run(lambda: optimizer.apply(summed, variables))

    for step in range(5):
        update(gradients(step), tf.constant(0.05 / (step + 1)))
    return variables


def weights_of_keras(make):
    """Returns the weights after five steps of an unmodified Keras optimizer."""
    variables, optimizer = weights(), make()
    if optimizer.weight_decay:
        optimizer.exclude_from_weight_decay(
            var_list=[variable for variable in variables if variable.ndim == 1]
        )
    optimizer.build(variables)
    for step in range(5):
        optimizer.learning_rate = 0.05 / (step + 1)
        optimizer.apply(gradients(step), variables)
    return variables


@pytest.mark.parametrize(("text", "make"), PAIRS, ids=[text for text, _ in PAIRS])
def test_matches_keras(text, make):
    for a, b in zip(weights_of_member(text), weights_of_keras(make), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)


def test_every_member_is_compared():
    compared = {text.partition("(")[0] for text, _ in PAIRS}
    assert compared == set(optimizers.OPTIMIZERS)


@pytest.mark.extended
@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_two_replicas_match_one(name, mirrored):
    # The gradients are already summed; Keras must not sum them again.
    single, replicated = weights_of_member(name), weights_of_member(name, mirrored)
    for one, two in zip(single, replicated, strict=True):
        for local in mirrored.experimental_local_results(two.value):
            np.testing.assert_allclose(local, one.numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", sorted(set(optimizers.OPTIMIZERS)))
def test_weight_decay_excludes_biases(name):
    variables = weights()
    before = [variable.numpy() for variable in variables]
    optimizer = optimizers.build(f"{name}(weight_decay=.1)")()
    optimizers.prepare(optimizer, variables)
    optimizers.set_learning_rate(optimizer, tf.constant(0.5))
    optimizer.apply([tf.zeros(shape) for shape in SHAPES], variables)
    for old, variable in zip(before, variables, strict=True):
        # Decoupled: the weight itself times learning rate and decay.
        factor = 1 - 0.5 * 0.1 if old.ndim > 1 else 1
        np.testing.assert_allclose(variable.numpy(), factor * old, rtol=1e-5, atol=1e-6)


def test_the_learning_rate_applies_inside_a_compiled_loop():
    variable = keras.Variable([10.0])
    optimizer = optimizers.build("sgd")()
    optimizers.prepare(optimizer, [variable])

    @tf.function(autograph=False)
    def steps(rates):
        def body(i):
            optimizers.set_learning_rate(optimizer, rates[i])
            optimizer.apply([tf.ones([1])], [variable])
            return i + 1

        tf.while_loop(lambda i: i < 3, body, [0], parallel_iterations=1)

    steps(tf.constant([1.0, 0.5, 0.25]))
    np.testing.assert_allclose(variable.numpy(), [8.25])
    assert float(optimizer.learning_rate.numpy()) == 0.25


def test_refuses_a_keras_without_the_reduction_hook():
    optimizer = optimizers.build("sgd")()
    optimizer._all_reduce_sum_gradients = None
    with pytest.raises(RuntimeError, match="this version of Keras is not supported"):
        optimizers.prepare(optimizer, weights())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adamm", "unknown optimizer 'adamm'; did you mean adam"),
        ("sgd(lr=.1)", r"its arguments are sgd\(momentum=0.0"),
        ("sgd + adam", "single name"),
        ("adam(beta_1=2.)", r"beta_1 must be from 0 to below 1, not 2\.0"),
        ("adam(-.1)", "beta_1 must be from 0 to below 1"),
        ("adam(beta_2=1)", "beta_2 must be from 0 to below 1"),
        ("adamw(epsilon=-1e-7)", "epsilon must be positive, not -1e-07"),
        ("nadam(epsilon=0)", "epsilon must be positive"),
        ("sgd(momentum=1.)", "momentum must be from 0 to below 1"),
        ("sgd(momentum=-.5)", "momentum must be from 0 to below 1"),
        ("rmsprop(rho=1.)", "rho must be from 0 to below 1"),
        ("rmsprop(momentum=3.)", "momentum must be from 0 to below 1"),
        ("lion(beta_2=-1.)", "beta_2 must be from 0 to below 1"),
        ("adagrad(initial_accumulator=-1.)", "initial_accumulator must be 0 or more"),
        ("adagrad(weight_decay=-1.)", "weight_decay must be 0 or more"),
        ("adam(beta_1=1e999)", "a number must be finite, not inf"),
    ],
)
def test_refuses_a_wrong_spec(text, message):
    with pytest.raises(UsageError, match=message):
        optimizers.build(text)
