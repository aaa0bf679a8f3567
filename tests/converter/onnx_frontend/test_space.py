"""DepthToSpace and SpaceToDepth against ONNX Runtime."""

from __future__ import annotations

import pytest
from onnx_models import check, one_node


@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("mode", ["DCR", "CRD"])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_depth_to_space(opset: int, mode: str, block: int) -> None:
    check(one_node("DepthToSpace", {"x": (2, 36, 2, 3)}, opset=opset, blocksize=block, mode=mode))


def test_depth_to_space_had_one_mode_first() -> None:
    check(one_node("DepthToSpace", {"x": (1, 8, 2, 3)}, opset=9, blocksize=2))


@pytest.mark.parametrize("block", [1, 2, 3])
def test_space_to_depth(block: int) -> None:
    check(one_node("SpaceToDepth", {"x": (2, 3, 6, 12)}, blocksize=block))
