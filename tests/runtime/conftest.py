"""Models for the tests of the Python face: some that the repository makes, some of the zoo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_models import ModelMaker, int8_conv_net

from converter.gen import tflite


@pytest.fixture(scope="session")
def int8_model() -> bytes:
    """int8, one input 1×7×5×3, one output 1×4, no signature, no tensor names worth speaking of."""
    return int8_conv_net().bytes()


@pytest.fixture(scope="session")
def signed_model() -> bytes:
    """float32 with a signature: sum and product of two inputs of 2×3; the last dimension may be resized."""
    maker = ModelMaker()
    a, b = maker.tensor((2, 3)), maker.tensor((2, 3))
    total, product = maker.tensor((2, 3)), maker.tensor((2, 3))
    for index in (a, b, total, product):
        maker.graph.tensors[index].shape_signature = np.array([2, -1], np.int32)
    maker.op("ADD", [a, b], [total], tflite.AddOptions())
    maker.op("MUL", [total, b], [product], tflite.MulOptions())
    maker.ends([a, b], [product, total])
    for name, index in {"serving_a": a, "serving_b": b, "Sum": total, "Product": product}.items():
        maker.graph.tensors[index].name = name
    maker.model.signature_defs.append(
        tflite.SignatureDef(
            inputs=[tflite.TensorMap("left", a), tflite.TensorMap("right", b)],
            outputs=[tflite.TensorMap("sum", total), tflite.TensorMap("product", product)],
            signature_key="serving_default",
        )
    )
    return maker.bytes()


@pytest.fixture(scope="session")
def digits(repository: Path) -> Path:
    """The demo's network and data."""
    return repository / "liteinterp" / "demo"
