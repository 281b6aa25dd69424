"""The loop of TensorFlow's tutorial: one call of a `tf.function` per step.

python -m benchmarks.speed.peers.tf_function --workload=W1
"""

from __future__ import annotations

from benchmarks.speed import meter as meter_lib
from benchmarks.speed.peers import keras_fit
from benchmarks.speed.workloads import WORKLOADS


def main() -> None:
    """Trains and prints the measurements."""
    arguments = meter_lib.arguments()
    workload = WORKLOADS[arguments.workload]
    meter = meter_lib.Meter(arguments)
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(keras_fit.POLICIES[arguments.precision])
    model = keras_fit.net(workload)
    optimizer = keras.optimizers.Adam(workload.learning_rate)
    loss_of = keras.losses.SparseCategoricalCrossentropy()
    loss_mean = keras.metrics.Mean()
    accuracy = keras.metrics.SparseCategoricalAccuracy()

    @tf.function
    def train_step(x, y):
        with tf.GradientTape() as tape:
            predictions = model(x, training=True)
            loss = loss_of(y, predictions)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        loss_mean.update_state(loss)
        accuracy.update_state(y, predictions)

    @tf.function
    def test_step(x, y):
        predictions = model(x, training=False)
        loss_mean.update_state(loss_of(y, predictions))
        accuracy.update_state(y, predictions)

    def taken() -> list[float]:
        values = [float(loss_mean.result()), float(accuracy.result())]
        loss_mean.reset_state()
        accuracy.reset_state()
        return values

    pipelines = keras_fit.inputs(workload, "tfdata")
    for epoch in range(arguments.epochs):
        for x, y in pipelines["x"]:
            train_step(x, y)
            meter.stepped()
        trained = taken()
        meter.trained()
        for x, y in pipelines["validation_data"]:
            test_step(x, y)
        validated = taken()
        meter.evaluated()
        meter_lib.log(epoch, trained + validated)
    meter.write(validated[-1])


if __name__ == "__main__":
    main()
