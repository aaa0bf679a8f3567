"""Layer, instance and Lp normalization against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from onnx_models import check, one_node, operators

RNG = np.random.default_rng(8)


def _array(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("bias", [False, True])
def test_layer_normalization(bias: bool, axis: int) -> None:
    shape = (2, 3, 4)
    constants = {"scale": _array(*shape[axis:])} | ({"bias": _array(*shape[axis:])} if bias else {})
    check(one_node("LayerNormalization", {"x": shape}, constants, 17, axis=axis, epsilon=1e-3))


@pytest.mark.parametrize("shape", [(2, 3, 7), (1, 3, 4, 5)])
def test_instance_normalization(shape: tuple[int, ...]) -> None:
    check(one_node("InstanceNormalization", {"x": shape}, {"scale": _array(3), "bias": _array(3)}, epsilon=1e-3))


def test_instance_normalization_by_computed_parameters() -> None:
    check(one_node("InstanceNormalization", {"x": (2, 3, 7), "scale": (3,), "bias": (3,)}))


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("p", [1, 2])
def test_lp_normalization(p: int, axis: int) -> None:
    graph = check(one_node("LpNormalization", {"x": (3, 4, 5)}, axis=axis, p=p))
    assert ("L2_NORMALIZATION" in operators(graph)) == (p == 2)
