# SPDX-License-Identifier: Apache-2.0
"""Trains the demo's network on scikit-learn's handwritten digits and writes it as a float ONNX model with its data.

    python examples/digits/train.py [DIRECTORY]

It needs numpy, scikit-learn and onnx, and a quarter of a minute on one core.
The directory (default: liteinterp/demo) then holds

    digits.onnx   input `image` [N, 1, 8, 8] float32, raw pixel values 0..16; output `probabilities` [N, 10]
    digits.npz    `calibration` [100, 1, 8, 8] and `test` [500, 1, 8, 8] float32 in the form that the model takes,
                  `labels` [500] int64: the digits that the test images show

Calibration images come from the training part; no test image is seen in training. Training is deterministic for one
numpy on one machine; other BLAS libraries sum in another order and give a slightly different network.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from layers import Array, BatchNormalization, Convolution, Dense, ReluMaxPool
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

TEST_IMAGES = 500
CALIBRATION_IMAGES = 100
EPOCHS = 100
BATCH = 32
LEARNING_RATE = 2e-3

Layer = Convolution | BatchNormalization | ReluMaxPool | Dense


def split(rng: np.random.Generator) -> tuple[Array, np.ndarray, Array, np.ndarray]:
    """Shuffled (training images, training labels, test images, test labels); images are [n, 1, 8, 8], 0..16."""
    digits = load_digits()
    order = rng.permutation(len(digits.target))
    images = digits.images[order, None].astype(np.float32)
    labels = digits.target[order].astype(np.int64)
    return images[TEST_IMAGES:], labels[TEST_IMAGES:], images[:TEST_IMAGES], labels[:TEST_IMAGES]


def forward(layers: list[Layer], x: Array, training: bool = False) -> Array:
    """Logits [n, 10]."""
    for layer in layers:
        x = layer.forward(x, training)
    return x


def shifted(images: Array, rng: np.random.Generator) -> Array:
    """Each image moved by up to one pixel in each direction, so that position matters less."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    moves = rng.integers(0, 3, (len(images), 2))
    return np.stack([p[:, y : y + 8, x : x + 8] for p, (y, x) in zip(padded, moves, strict=True)])


def train(layers: list[Layer], images: Array, labels: np.ndarray, rng: np.random.Generator) -> None:
    """Adam on the cross-entropy, with a learning rate that falls along half a cosine."""
    parameters = [p for layer in layers for p in layer.parameters]
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    steps = EPOCHS * (len(images) // BATCH)
    step = 0
    for epoch in range(EPOCHS):
        order = rng.permutation(len(images))
        loss = 0.0
        for start in range(0, len(images) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            logits = forward(layers, shifted(images[batch], rng), training=True)
            shares = np.exp(logits - logits.max(1, keepdims=True))
            shares /= shares.sum(1, keepdims=True)
            loss -= float(np.log(shares[np.arange(BATCH), labels[batch]]).sum())
            grad = (shares - np.eye(10, dtype=np.float32)[labels[batch]]) / BATCH
            gradients: list[Array] = []
            for layer in reversed(layers):
                grad, of_layer = layer.backward(grad)
                gradients = of_layer + gradients
            step += 1
            rate = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
            for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                p -= rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        print(f"epoch {epoch + 1:2d}: loss {loss / len(order):.4f}", file=sys.stderr)


def to_onnx(layers: list[Layer]) -> onnx.ModelProto:
    """The network as training frameworks export it: NCHW, batch normalization not yet folded, any batch size."""
    conv1, norm1, _, conv2, norm2, _, dense = layers
    assert isinstance(conv1, Convolution) and isinstance(conv2, Convolution) and isinstance(dense, Dense)
    assert isinstance(norm1, BatchNormalization) and isinstance(norm2, BatchNormalization)
    constants: dict[str, Array] = {"fc.weight": dense.weight, "fc.bias": dense.bias}
    nodes = []
    value = "image"
    for i, (conv, norm) in enumerate(((conv1, norm1), (conv2, norm2)), 1):
        constants[f"conv{i}.weight"] = conv.weight.reshape(len(conv.weight), -1, 3, 3)
        for name in ("scale", "shift", "mean", "variance"):
            constants[f"norm{i}.{name}"] = getattr(norm, name)
        nodes += [
            helper.make_node("Conv", [value, f"conv{i}.weight"], [f"conv{i}"], f"conv{i}", pads=[1, 1, 1, 1]),
            helper.make_node(
                "BatchNormalization",
                [f"conv{i}", *(f"norm{i}.{name}" for name in ("scale", "shift", "mean", "variance"))],
                [f"norm{i}"],
                f"norm{i}",
                epsilon=norm.epsilon,
            ),
            helper.make_node("Relu", [f"norm{i}"], [f"relu{i}"], f"relu{i}"),
            helper.make_node("MaxPool", [f"relu{i}"], [f"pool{i}"], f"pool{i}", kernel_shape=[2, 2], strides=[2, 2]),
        ]
        value = f"pool{i}"
    nodes += [
        helper.make_node("Flatten", [value], ["flat"], "flat"),
        helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["logits"], "fc", transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax", axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="liteinterp digits")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "liteinterp" / "demo"
    rng = np.random.default_rng(7)
    images, labels, test, test_labels = split(rng)
    layers: list[Layer] = [
        Convolution(1, 16, rng), BatchNormalization(16), ReluMaxPool(),
        Convolution(16, 32, rng), BatchNormalization(32), ReluMaxPool(),
        Dense(128, 10, rng),
    ]  # fmt: skip
    train(layers, images, labels, rng)
    correct = int((forward(layers, test).argmax(1) == test_labels).sum())
    print(f"test accuracy {correct}/{len(test)} = {correct / len(test):.1%}")

    directory.mkdir(parents=True, exist_ok=True)
    onnx.save(to_onnx(layers), directory / "digits.onnx")
    np.savez_compressed(
        directory / "digits.npz", calibration=images[:CALIBRATION_IMAGES], test=test, labels=test_labels
    )


if __name__ == "__main__":
    main()
