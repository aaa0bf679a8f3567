# SPDX-License-Identifier: Apache-2.0
"""Trains an MLP on scikit-learn's handwritten digits and writes it as int8: digits_mlp.tflite, for the smallest core.

    python tests/targets/train_digits_mlp.py [OUT.tflite]

It needs numpy, scikit-learn, onnx and the package itself. The file is kept in the repository because another BLAS sums
in another order and trains a slightly different network. Input `image` [1, 64] int8, output `probabilities` [1, 10]
int8.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, checker, helper, numpy_helper
from sklearn.datasets import load_digits

import liteinterp

Array = npt.NDArray[np.float32]
HIDDEN = 24
TEST_IMAGES = 500
EPOCHS, BATCH, RATE, MOMENTUM = 60, 32, 0.05, 0.9


def train(images: Array, labels: npt.NDArray[np.int64], rng: np.random.Generator) -> list[Array]:
    """Gradient descent with momentum on the cross-entropy: weights [HIDDEN, 64], bias, weights [10, HIDDEN], bias."""
    shapes = ((HIDDEN, 64), (HIDDEN,), (10, HIDDEN), (10,))
    layers = [
        (rng.standard_normal(s) / np.sqrt(s[-1]) if len(s) == 2 else np.zeros(s)).astype(np.float32) for s in shapes
    ]
    speeds = [np.zeros_like(p) for p in layers]
    w1, b1, w2, b2 = layers
    for _ in range(EPOCHS):
        order = rng.permutation(len(images))
        for start in range(0, len(images) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            x = images[batch]
            hidden = np.maximum(x @ w1.T + b1, 0)
            logits = hidden @ w2.T + b2
            shares = np.exp(logits - logits.max(1, keepdims=True))
            shares /= shares.sum(1, keepdims=True)
            d_logits = (shares - np.eye(10, dtype=np.float32)[labels[batch]]) / BATCH
            d_hidden = (d_logits @ w2) * (hidden > 0)
            gradients = (d_hidden.T @ x, d_hidden.sum(0), d_logits.T @ hidden, d_logits.sum(0))
            for parameter, speed, gradient in zip(layers, speeds, gradients, strict=True):
                speed *= MOMENTUM
                speed -= RATE * gradient
                parameter += speed
    return layers


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("digits_mlp.tflite")
    rng = np.random.default_rng(11)
    digits = load_digits()
    order = rng.permutation(len(digits.target))
    images, labels = (digits.data[order] / 16).astype(np.float32), digits.target[order].astype(np.int64)
    parameters = train(images[TEST_IMAGES:], labels[TEST_IMAGES:], rng)

    names = ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias")
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["image", *names[:2]], ["fc1"], "fc1", transB=1),
            helper.make_node("Relu", ["fc1"], ["hidden"], "relu"),
            helper.make_node("Gemm", ["hidden", *names[2:]], ["logits"], "fc2", transB=1),
            helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax", axis=-1),
        ],
        "digits_mlp",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(array, name) for name, array in zip(names, parameters, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model, full_check=True)
    conversion = liteinterp.convert(model, calib={"image": images[TEST_IMAGES : TEST_IMAGES + 200]}, io="int8")
    conversion.save(out)

    interpreter = liteinterp.Interpreter(model_content=conversion.model)
    interpreter.allocate_tensors()
    (given,), (got,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero_point = given["quantization"]
    correct = 0
    for image, label in zip(images[:TEST_IMAGES], labels[:TEST_IMAGES], strict=True):
        codes = np.clip(np.rint(image / scale) + zero_point, -128, 127).astype(np.int8)
        interpreter.set_tensor(given["index"], codes[None])
        interpreter.invoke()
        correct += int(interpreter.get_tensor(got["index"])[0].argmax() == label)
    print(f"{out}: {out.stat().st_size} bytes, test accuracy {correct}/{TEST_IMAGES}")


if __name__ == "__main__":
    main()
