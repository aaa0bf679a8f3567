"""Files that are well formed and lie: sizes, alignment, empty tensors and shared constants, each with its rule."""

from __future__ import annotations

import mmap
import time

import numpy as np
import pytest
from tiny_models import FLOAT32, INT8, INT32, ModelMaker

from converter.gen import tflite
from liteinterp.gen.cdef import ffi

BAD_MODEL, UNSUPPORTED = -3, -4
PLACEHOLDER = 0x12345678


def fails(core, data: bytes) -> tuple[str, int]:
    with pytest.raises(Exception) as caught:
        core.plan(data)
    assert type(caught.value).__name__ == "Fault", repr(caught.value)
    return caught.value.rule, caught.value.status


def convolution(name: str, x: tuple[int, ...], filter_shape: tuple[int, ...], channels: int) -> ModelMaker:
    """int8, per tensor, no bias. The filter is zeros."""
    maker = ModelMaker()
    q = {"type": INT8, "scale": 0.1}
    at = maker.tensor(x, **q)
    w = maker.tensor(filter_shape, data=0, **q)
    y = maker.tensor((1, 1, 1, channels), **q)
    options = {
        "CONV_2D": tflite.Conv2DOptions(0, 1, 1),
        "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions(0, 1, 1),
        "FULLY_CONNECTED": tflite.FullyConnectedOptions(),
    }[name]
    maker.op(name, [at, w], [y], options, 3)
    return maker.ends([at], [y])


@pytest.mark.parametrize(
    ("name", "x", "shape"),
    [
        ("CONV_2D", (1, 1, 1, 1), (1 << 30, 1, 1, 1)),
        ("DEPTHWISE_CONV_2D", (1, 1, 1, 1), (1, 1, 1, 1 << 30)),
        ("FULLY_CONNECTED", (1, 1), (1 << 30, 1)),
    ],
)
def test_multipliers_of_a_billion_channels_are_refused(core, name: str, x, shape) -> None:
    """4 bytes for each of 2^30 channels is 0 in 32 bits. The file takes 1 GiB of addresses, not of memory."""
    maker = convolution(name, x, shape[:0] + tuple(min(d, 1) for d in shape), 1)
    maker.graph.tensors[1].shape = np.asarray(shape, np.int32)
    maker.model.buffers[1] = tflite.Buffer(None, PLACEHOLDER, 1 << 30)
    head = bytearray(maker.bytes())
    head += bytes(-len(head) % 16)
    at = head.index(PLACEHOLDER.to_bytes(8, "little"))
    head[at : at + 8] = len(head).to_bytes(8, "little")
    size = len(head) + (1 << 30)
    with mmap.mmap(-1, size) as memory:
        memory[: len(head)] = bytes(head)
        model, info, fault = ffi.from_buffer(memory), ffi.new("li_info *"), ffi.new("li_fault *")
        assert core.lib.li_check(model, size, info, fault) == 0
        work = ffi.new("char[]", info.work_bytes + 16)
        aligned, need = work + -int(ffi.cast("uintptr_t", work)) % 16, ffi.new("li_need *")
        status = core.lib.li_plan(model, size, ffi.NULL, aligned, info.work_bytes, need, fault)
        assert (core.rules[fault.rule], status) == ("PART_LIMIT", UNSUPPORTED)
        ffi.release(model)


@pytest.mark.parametrize(("shift", "aligned"), [(1, False), (2, False), (4, True)])
def test_constants_behind_the_tables_are_aligned(core, shift: int, aligned: bool) -> None:
    maker = ModelMaker()
    x, c, y = maker.tensor((5,)), maker.tensor((5,), FLOAT32, 0), maker.tensor((5,))
    maker.op("ADD", [x, c], [y], tflite.AddOptions())
    maker.ends([x], [y])
    maker.model.buffers[1] = tflite.Buffer(None, PLACEHOLDER, 20)
    data = bytearray(maker.bytes())
    at = data.index(PLACEHOLDER.to_bytes(8, "little"))
    data += bytes(-len(data) % 16 + shift)
    data[at : at + 8] = len(data).to_bytes(8, "little")
    data += np.arange(5, dtype=np.float32).tobytes()
    if aligned:
        core.plan(bytes(data))
    else:
        assert fails(core, bytes(data)) == ("TENSOR_ALIGNMENT", BAD_MODEL)


@pytest.mark.parametrize(
    ("scale", "zero_point", "rule"),
    [
        (np.nan, 0, "QUANTIZATION_SCALE"),
        (-1.0, 0, "QUANTIZATION_SCALE"),
        (0.1, 2**31 - 1, "QUANTIZATION_ZERO_POINT"),
        (0.1, 127, None),
    ],
)
def test_constants_without_elements_are_checked_too(core, scale: float, zero_point: int, rule: str | None) -> None:
    """They have no buffer, so they are found when an operator reads them."""
    maker = ModelMaker()
    x = maker.tensor((1,), INT8, None, 0.1)
    nothing = maker.tensor((0,), INT8, None, scale, zero_point)
    y = maker.tensor((0,), INT8, None, 0.1)
    maker.op("ADD", [x, nothing], [y], tflite.AddOptions(), 2)
    data = maker.ends([x], [y]).bytes()
    if rule is None:
        net = core.open(data)
        assert net.lib.li_run(net.net) == 0
    else:
        assert fails(core, data) == (rule, BAD_MODEL)


def test_a_square_that_is_no_number_is_the_same_everywhere(core) -> None:
    """1 / 1e-40 is infinite: the square of 0 by it is a NaN, whose sign depends on the processor."""
    maker = ModelMaker()
    x, y = maker.tensor((3,), INT8, None, 1e-20, 5), maker.tensor((3,), INT8, None, 1e-40, 7)
    maker.op("MUL", [x, x], [y], tflite.MulOptions(), 2)
    net = core.open(maker.ends([x], [y]).bytes())
    data = ffi.cast("int8_t *", net.lib.li_tensor_data(net.lib.li_tensor_at(net.net, x)))
    data[0], data[1], data[2] = 5, 6, -7
    assert net.lib.li_run(net.net) == 0
    result = ffi.cast("int8_t *", net.lib.li_tensor_data(net.lib.li_tensor_at(net.net, y)))
    assert [result[i] for i in range(3)] == [0, 127, 127]


@pytest.mark.parametrize("shape", [(2**30 - 1, 0, 1, 1), (1, 2**30 - 1, 0, 1), (2**30 - 1, 1, 0, 1)])
@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_nothing_takes_no_time(core, name: str, shape: tuple[int, ...]) -> None:
    """A tensor without elements may have a billion rows of them."""
    if name.endswith("POOL_2D"):
        maker = ModelMaker()
        x, y = (maker.tensor(shape, INT8, None, 0.1) for _ in range(2))
        maker.op(name, [x], [y], tflite.Pool2DOptions(0, 1, 1, 1, 1), 2)
        maker.ends([x], [y])
    else:
        maker = convolution(name, shape, (1, 1, 1, 1), 1)
    net = core.open(maker.bytes())
    start = time.process_time()
    assert net.lib.li_run(net.net) == 0
    assert time.process_time() - start < 0.1


def test_sharing_long_constants_does_not_multiply_the_time_to_load(core) -> None:
    """8000 convolutions that share 250,000 channels: a file of about 3 MB that would need 8 GB of multipliers."""
    channels, copies = 250_000, 8000
    maker = convolution("CONV_2D", (1, 1, 1, 1), (channels, 1, 1, 1), channels)
    bias = maker.tensor((channels,), INT32, 1)
    maker.graph.tensors[1].quantization.scale = np.full(channels, 0.1, np.float32)
    maker.graph.tensors[1].quantization.zero_point = np.zeros(1, np.int64)
    first = maker.graph.operators.pop()
    for _ in range(copies):
        y = maker.tensor((1, 1, 1, channels), INT8, None, 0.1)
        maker.op("CONV_2D", [0, 1, bias], [y], first.builtin_options, 3)
    data = maker.ends([0], [y]).bytes()
    start = time.process_time()
    assert fails(core, data) == ("STATE_BUDGET", UNSUPPORTED)
    assert time.process_time() - start < 5
