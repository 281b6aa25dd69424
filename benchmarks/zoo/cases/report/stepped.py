"""Models of the held-out half with steps of their own, right ones and wrong ones."""

from __future__ import annotations

import keras
import tensorflow as tf


class Stepped(keras.Model):
    """A step written out, of parts that can be wrong.

    Args:
        network: From inputs to probabilities.
    """

    def __init__(self, network: keras.Model):
        super().__init__()
        self.network = network

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the outputs of the network."""
        return self.network(inputs, training=training)

    def averaged(self, losses: tf.Tensor) -> tf.Tensor:
        """Returns the loss of a batch, of that of each example."""
        return tf.reduce_mean(losses)

    def losses_of(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the losses that are averaged."""
        return keras.losses.sparse_categorical_crossentropy(labels, outputs)

    def taught(self) -> list:
        """Returns the variables that are trained."""
        return self.network.trainable_variables

    def update(self, gradients: list[tf.Tensor], variables: list) -> None:
        """Updates the variables."""
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Trains on one batch."""
        inputs, labels = data
        with tf.GradientTape() as tape:
            outputs = self.network(inputs, training=True)
            loss = self.averaged(self.losses_of(labels, outputs))
        variables = self.taught()
        self.update(tape.gradient(loss, variables), variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(labels, outputs)
        return {metric.name: metric.result() for metric in self.metrics}


class ByDataset(Stepped):
    """Divides the sum by the number of training images instead of the batch's."""

    def averaged(self, losses: tf.Tensor) -> tf.Tensor:
        """Returns the loss, as it is called with the wrong number."""
        return tf.nn.compute_average_loss(losses, global_batch_size=1600)


class SumOfMeans(Stepped):
    """Adds up the means of sixteen replicas, each of which has divided by its share."""

    def averaged(self, losses: tf.Tensor) -> tf.Tensor:
        """Returns the sum of means over two examples."""
        return tf.reduce_sum(losses) / 2


class HeadTaught(Stepped):
    """Hands over the variables of the last layer, as for fine-tuning."""

    def taught(self) -> list:
        """Returns those of the last layer."""
        return self.network.layers[-1].trainable_variables


class NeverCounted(Stepped):
    """Moves variables by hand; nobody counts steps, and the schedule stays at one."""

    def update(self, gradients: list[tf.Tensor], variables: list) -> None:
        """Moves the variables by the rate of the step that it takes it to be."""
        rate = self.optimizer.learning_rate
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(rate * gradient)


class EvaluatedAsTrained(keras.Model):
    """Evaluates with the flag of training.

    Args:
        network: From inputs to probabilities.
    """

    def __init__(self, network: keras.Model):
        super().__init__()
        self.network = network

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the outputs of the network."""
        return self.network(inputs, training=training)

    def test_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Evaluates one batch."""
        inputs, labels = data
        outputs = self(inputs, training=True)
        loss = self.compute_loss(x=inputs, y=labels, y_pred=outputs)
        return self.compute_metrics(inputs, labels, outputs) | {"loss": loss}


class Copied(keras.Model):
    """Evaluates a copy of the network, which is brought up to date now and then.

    Args:
        network: From inputs to probabilities.
        every: After how many steps the copy is made.
    """

    def __init__(self, network: keras.Model, every: int):
        super().__init__()
        self.network, self._every = network, every
        self.copy = keras.models.clone_model(network)
        self.copy.set_weights(network.get_weights())
        self.copy.trainable = False

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the outputs of the network in training, else those of the copy."""
        if training:
            return self.network(inputs, training=True)
        return self.copy(inputs, training=False)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Trains on one batch, and copies the network when it is due."""
        metrics = super().train_step(data)
        due = tf.cast(self.optimizer.iterations % self._every == 0, tf.float32)
        for old, new in zip(self.copy.weights, self.network.weights, strict=True):
            old.assign(due * new + (1 - due) * old)
        return metrics
