"""What resizing and transposed convolution refuse: each broken operand by the rule that is about it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tiny_models import FLOAT32, INT8, INT32, UINT8, ModelMaker

from converter.gen import tflite
from liteinterp.gen.cdef import ffi

BAD_MODEL, UNSUPPORTED = -3, -4


def floats(net, tensor: int):
    """The elements of a float32 tensor."""
    return ffi.cast("float *", net.lib.li_tensor_data(net.lib.li_tensor_at(net.net, tensor)))


def refusal(core, maker: ModelMaker) -> tuple[str, int]:
    with pytest.raises(Exception) as caught:
        core.plan(maker.bytes())
    assert type(caught.value).__name__ == "Fault", repr(caught.value)
    return caught.value.rule, caught.value.status


def resize(size: list[int], shape: tuple[int, ...] = (1, 3, 4, 2), **options: bool) -> ModelMaker:
    maker = ModelMaker()
    x, y = maker.tensor(shape), maker.tensor((1, 1, 1, 1))
    maker.op(
        "RESIZE_BILINEAR", [x, maker.tensor((len(size),), INT32, size)], [y], tflite.ResizeBilinearOptions(**options)
    )
    return maker.ends([x], [y])


def transposed(
    shape: list[int],
    source: tuple[int, ...] = (1, 3, 4, 2),
    window: tuple[int, ...] = (5, 3, 3, 2),
    stride: int = 2,
    padding: int = 0,
) -> ModelMaker:
    maker = ModelMaker()
    s, w = maker.tensor((len(shape),), INT32, shape), maker.tensor(window, FLOAT32, 1.0)
    x, y = maker.tensor(source), maker.tensor((1, 1, 1, 1))
    maker.op("TRANSPOSE_CONV", [s, w, x], [y], tflite.TransposeConvOptions(padding, stride, stride))
    return maker.ends([x], [y])


def blocks(name: str, shape: tuple[int, ...], block: list[int], ends: list[list[int]]) -> ModelMaker:
    maker = ModelMaker()
    x, y = maker.tensor(shape), maker.tensor((1, 1, 1, 1))
    operands = [x, maker.tensor((len(block),), INT32, block), maker.tensor(np.shape(ends), INT32, ends)]
    maker.op(name, operands, [y])
    return maker.ends([x], [y])


def depth(name: str, shape: tuple[int, ...], block: int) -> ModelMaker:
    maker = ModelMaker()
    x, y = maker.tensor(shape), maker.tensor((1, 1, 1, 1))
    options = {"DEPTH_TO_SPACE": tflite.DepthToSpaceOptions, "SPACE_TO_DEPTH": tflite.SpaceToDepthOptions}[name]
    maker.op(name, [x], [y], options(block))
    return maker.ends([x], [y])


def unlike_scales() -> ModelMaker:
    maker = ModelMaker()
    x, y = maker.tensor((1, 2, 2, 1), INT8, None, 0.1), maker.tensor((1, 4, 4, 1), INT8, None, 0.2)
    maker.op("RESIZE_NEAREST_NEIGHBOR", [x, maker.tensor((2,), INT32, [4, 4])], [y], version=2)
    return maker.ends([x], [y])


REFUSALS: dict[str, tuple[Callable[[], ModelMaker], str, int]] = {
    "size 0": (lambda: resize([0, 4]), "OPERAND_VALUE", BAD_MODEL),
    "size negative": (lambda: resize([4, -4]), "OPERAND_VALUE", BAD_MODEL),
    "one size": (lambda: resize([4]), "OPERAND_SHAPE", BAD_MODEL),
    "three sizes": (lambda: resize([4, 4, 4]), "OPERAND_SHAPE", BAD_MODEL),
    "nothing to resize": (lambda: resize([4, 4], (1, 0, 4, 2)), "OPERAND_SHAPE", BAD_MODEL),
    "rank": (lambda: resize([4, 4], (3, 4, 2)), "OPERAND_RANK", BAD_MODEL),
    "size overflows": (lambda: resize([1 << 16, 1 << 16]), "TENSOR_BYTES", BAD_MODEL),
    "both options": (lambda: resize([4, 4], align_corners=True, half_pixel_centers=True), "OPTION_RANGE", UNSUPPORTED),
    "scales": (unlike_scales, "QUANTIZATION_DIFFERS", BAD_MODEL),
    "three dims": (lambda: transposed([1, 6, 8]), "OPERAND_SHAPE", BAD_MODEL),
    "negative dim": (lambda: transposed([1, 6, -8, 5]), "OPERAND_VALUE", BAD_MODEL),
    "batch": (lambda: transposed([2, 6, 8, 5]), "OPERAND_SHAPE", BAD_MODEL),
    "channels": (lambda: transposed([1, 6, 8, 4]), "OPERAND_SHAPE", BAD_MODEL),
    "depth": (lambda: transposed([1, 6, 8, 5], window=(5, 3, 3, 3)), "OPERAND_SHAPE", BAD_MODEL),
    "height": (lambda: transposed([1, 7, 8, 5]), "OPERAND_SHAPE", BAD_MODEL),
    "width": (lambda: transposed([1, 6, 1 << 30, 5]), "OPERAND_SHAPE", BAD_MODEL),
    "valid, too small": (lambda: transposed([1, 2, 9, 5], padding=1), "OPERAND_SHAPE", BAD_MODEL),
    "padding": (lambda: transposed([1, 6, 8, 5], padding=7), "OPTION_RANGE", BAD_MODEL),
    "stride 0": (lambda: transposed([1, 6, 8, 5], stride=0), "OPTION_STRIDE", BAD_MODEL),
    "stride huge": (lambda: transposed([1, 6, 8, 5], stride=(1 << 31) - 1), "OPTION_RANGE", BAD_MODEL),
    "depth: block 0": (lambda: depth("DEPTH_TO_SPACE", (1, 2, 2, 4), 0), "OPTION_STRIDE", BAD_MODEL),
    "depth: block huge": (lambda: depth("SPACE_TO_DEPTH", (1, 2, 2, 4), 1 << 16), "OPTION_RANGE", BAD_MODEL),
    "depth: channels": (lambda: depth("DEPTH_TO_SPACE", (1, 2, 2, 6), 2), "OPERAND_SHAPE", BAD_MODEL),
    "depth: width": (lambda: depth("SPACE_TO_DEPTH", (1, 2, 3, 6), 2), "OPERAND_SHAPE", BAD_MODEL),
    "depth: rank": (lambda: depth("SPACE_TO_DEPTH", (2, 3, 6), 2), "OPERAND_RANK", BAD_MODEL),
    "blocks: rank": (lambda: blocks("SPACE_TO_BATCH_ND", (4, 4), [2], [[0, 0]]), "OPERAND_RANK", BAD_MODEL),
    "blocks: count": (lambda: blocks("SPACE_TO_BATCH_ND", (1, 4, 4), [2, 2], [[0, 0]]), "OPERAND_SHAPE", BAD_MODEL),
    "blocks: 0": (lambda: blocks("BATCH_TO_SPACE_ND", (4, 4, 4), [0], [[0, 0]]), "OPERAND_VALUE", BAD_MODEL),
    "blocks: flat": (lambda: blocks("SPACE_TO_BATCH_ND", (1, 4, 4), [2], [0, 0]), "OPERAND_SHAPE", BAD_MODEL),  # type: ignore[list-item]
    "blocks: negative": (lambda: blocks("SPACE_TO_BATCH_ND", (1, 4, 4), [2], [[0, -2]]), "OPERAND_VALUE", BAD_MODEL),
    "blocks: divide": (lambda: blocks("SPACE_TO_BATCH_ND", (1, 4, 4), [2], [[0, 1]]), "OPERAND_SHAPE", BAD_MODEL),
    "blocks: images": (lambda: blocks("BATCH_TO_SPACE_ND", (3, 4, 4), [2], [[0, 0]]), "OPERAND_SHAPE", BAD_MODEL),
    "blocks: crops": (lambda: blocks("BATCH_TO_SPACE_ND", (2, 4, 4), [2], [[4, 5]]), "OPERAND_SHAPE", BAD_MODEL),
    "blocks: overflow": (
        lambda: blocks("SPACE_TO_BATCH_ND", (1, 0, 0, 4), [(1 << 31) - 1, (1 << 31) - 1], [[0, 0], [0, 0]]),
        "TENSOR_BYTES",
        BAD_MODEL,
    ),
    "no window": (lambda: transposed([1, 6, 8, 5], window=(5, 0, 3, 2)), "OPTION_STRIDE", BAD_MODEL),
}


@pytest.mark.parametrize(("make", "rule", "status"), list(REFUSALS.values()), ids=list(REFUSALS))
def test_refusals(core, make: Callable[[], ModelMaker], rule: str, status: int) -> None:
    assert refusal(core, make()) == (rule, status)


def test_a_wide_stride_leaves_gaps_of_bias(core) -> None:
    """Each element spreads alone; what no tap reaches is the bias."""
    maker = ModelMaker()
    x, y = maker.tensor((1, 1, 2, 1)), maker.tensor((1, 1, 1, 1))
    s, w, b = (
        maker.tensor((4,), INT32, [1, 1, 7, 1]),
        maker.tensor((1, 1, 2, 1), data=[[[[2], [3]]]]),
        maker.tensor((1,), data=0.5),
    )
    maker.op("TRANSPOSE_CONV", [s, w, x, b], [y], tflite.TransposeConvOptions(1, 4, 1), 3)
    net = core.open(maker.ends([x], [y]).bytes())
    data, result = (floats(net, i) for i in (x, y))
    data[0], data[1] = 10, 100
    assert net.lib.li_run(net.net) == 0
    assert [result[i] for i in range(7)] == [20.5, 30.5, 0.5, 0.5, 200.5, 300.5, 0.5]


def test_what_lies_on_an_element_is_that_element(core) -> None:
    """Aligned corners from 3 to 5: every other element is one of the input's, the others are half way."""
    maker = resize([1, 5], (1, 1, 3, 1), align_corners=True)
    net = core.open(maker.bytes())
    data, result = floats(net, 0), floats(net, 1)
    data[0], data[1], data[2] = 1, 5, -3
    assert net.lib.li_run(net.net) == 0
    assert [result[i] for i in range(5)] == [1, 3, 5, 1, -3]


def test_sizes_that_do_not_come_to_memory_are_refused(core) -> None:
    """2^30 columns of a tensor without channels take no bytes, but the table of where they come from would."""
    maker = resize([1, 1 << 30], (1, 1, 1, 0))
    maker.graph.tensors[0].type = maker.graph.tensors[1].type = UINT8
    assert core.plan(maker.bytes()).state < 1 << 16
    maker.graph.tensors[0].shape = np.asarray((1, 1, 1, 1), np.int32)
    assert refusal(core, maker) == ("PART_LIMIT", UNSUPPORTED)
