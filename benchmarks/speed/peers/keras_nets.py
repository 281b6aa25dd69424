"""The networks of the workloads, as a user of Keras has them."""

from __future__ import annotations

from benchmarks.speed.workloads import Workload


def net(workload: Workload) -> object:
    """Builds the network of a workload, which returns probabilities."""
    import keras

    shape, classes = workload.shape, workload.classes
    if workload.net == "cnn":
        return _cnn(workload)
    if workload.net == "resnet20":
        return _resnet20(keras.Input(shape), classes)
    if workload.net == "vit":
        model = vit(shape, classes)
        softmax = keras.layers.Activation("softmax", dtype="float32")
        return keras.Model(model.inputs, softmax(model.outputs[0]))
    return _application(workload)


def vit(
    image_shape: tuple[int, int, int],
    num_classes: int,
    patch: int = 4,
    width: int = 192,
    depth: int = 6,
    heads: int = 3,
) -> object:
    """Builds a small vision transformer (Dosovitskiy et al., 2021) with mean pooling.

    Returns:
        A model from images to logits.
    """
    import keras

    layers = keras.layers
    inputs = keras.Input(image_shape)
    tokens = layers.Conv2D(width, patch, patch)(inputs)
    tokens = layers.Reshape((-1, width))(tokens)
    tokens = _positions()(tokens)
    for _ in range(depth):
        normal = layers.LayerNormalization(epsilon=1e-6)(tokens)
        attention = layers.MultiHeadAttention(heads, width // heads)
        tokens = layers.Add()([tokens, attention(normal, normal)])
        inner = layers.LayerNormalization(epsilon=1e-6)(tokens)
        inner = layers.Dense(4 * width, activation="gelu")(inner)
        tokens = layers.Add()([tokens, layers.Dense(width)(inner)])
    tokens = layers.LayerNormalization(epsilon=1e-6)(tokens)
    features = layers.GlobalAveragePooling1D()(tokens)
    logits = layers.Dense(num_classes, dtype="float32")(features)
    return keras.Model(inputs, logits)


def _positions() -> object:
    """Returns a layer that adds a learned vector to each patch."""
    import keras

    class Positions(keras.layers.Layer):
        def build(self, shape):
            self.table = self.add_weight(shape=shape[1:], initializer="random_normal")

        def call(self, tokens):
            return tokens + self.table

    return Positions()


def _application(workload: Workload) -> object:
    """Builds a network of `keras.applications` on pixels from 0 to 255."""
    import keras

    inputs = features = keras.Input(workload.shape)
    # EfficientNet contains its own scaling.
    if workload.net != "efficientnet_b0":
        features = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(features)
    build = getattr(keras.applications, APPLICATIONS[workload.net])
    network = build(
        include_top=False, weights=None, input_tensor=features, pooling="avg"
    )
    outputs = keras.layers.Dense(
        workload.classes, activation="softmax", dtype="float32"
    )
    return keras.Model(inputs, outputs(network.output))


# The names of `keras.applications`.
APPLICATIONS = {
    "mobilenet_v2": "MobileNetV2",
    "efficientnet_b0": "EfficientNetB0",
    "resnet50": "ResNet50",
}


def _cnn(workload: Workload) -> object:
    import keras

    layers = keras.layers
    inputs = features = keras.Input(workload.shape)
    for count in workload.filters:
        features = layers.Conv2D(count, 3, activation="relu")(features)
        features = layers.MaxPooling2D()(features)
    features = layers.Flatten()(features)
    features = layers.Dense(workload.dense, activation="relu")(features)
    if workload.dropout:
        features = layers.Dropout(workload.dropout)(features)
    outputs = layers.Dense(workload.classes, activation="softmax", dtype="float32")
    return keras.Model(inputs, outputs(features))


def _resnet20(inputs: object, classes: int) -> object:
    import keras

    layers = keras.layers

    def convolve(features, filters, size=3, stride=1):
        features = layers.Conv2D(
            filters,
            size,
            stride,
            "same",
            use_bias=False,
            kernel_initializer="he_normal",
        )(features)
        return layers.BatchNormalization()(features)

    features = layers.ReLU()(convolve(inputs, 16))
    for stage in range(3):
        for index in range(3):
            filters, stride = 16 * 2**stage, 2 if stage and not index else 1
            inner = layers.ReLU()(convolve(features, filters, stride=stride))
            inner = convolve(inner, filters)
            if features.shape[-1] != filters:
                features = convolve(features, filters, 1, stride)
            features = layers.ReLU()(layers.Add()([features, inner]))
    features = layers.GlobalAveragePooling2D()(features)
    outputs = layers.Dense(classes, activation="softmax", dtype="float32")(features)
    return keras.Model(inputs, outputs)
