"""Which loop a convolution takes: by the range of its weights, by cost, by the memory that it may use."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from tiny_models import INT8, INT32, ModelMaker

from converter.gen import tflite
from liteinterp.errors import LiteinterpError, UsageError
from liteinterp.net import ModelBytes, Net, Request

#: Channels from which weights of -128 alone leave the range of F(4x4, 3x3), 9 * 228 * 128 >= 2**18, and of F(2x2, 3x3).
EDGES = {"winograd 4x4": 228, "winograd 2x2": 3641}


def convolution(weights: npt.NDArray[np.int8], side: int, stride: int = 1) -> ModelBytes:
    """One int8 CONV_2D with SAME padding, zero point 3."""
    outputs, _, _, channels = weights.shape
    maker = ModelMaker()
    x = maker.tensor((1, side, side, channels), INT8, None, 0.05, 3)
    w = maker.tensor(weights.shape, INT8, weights, 0.01)
    b = maker.tensor((outputs,), INT32, np.arange(outputs) - 5, 0.0005)
    y = maker.tensor((1, -(-side // stride), -(-side // stride), outputs), INT8, None, 5.0, 3)
    options = tflite.Conv2DOptions(padding=0, stride_w=stride, stride_h=stride)
    maker.op("CONV_2D", [x, w, b], [y], options, 3)
    return ModelBytes(maker.ends([x], [y]).bytes())


def depthwise(
    shape: tuple[int, int, int],
    filters: tuple[int, int],
    strides: tuple[int, int],
    same: bool = True,
    dilations: tuple[int, int] = (1, 1),
) -> ModelBytes:
    """One int8 DEPTHWISE_CONV_2D on [1, height, width, channels], zero point 3."""
    height, width, channels = shape
    outputs = [
        -(-size // stride) if same else (size - taps) // stride + 1
        for size, taps, stride in zip((height, width), filters, strides, strict=True)
    ]
    weights = np.random.default_rng(3).integers(-127, 128, (1, *filters, channels)).astype(np.int8)
    maker = ModelMaker()
    x = maker.tensor((1, *shape), INT8, None, 0.05, 3)
    w = maker.tensor(weights.shape, INT8, weights, 0.01)
    b = maker.tensor((channels,), INT32, np.arange(channels) - 5, 0.0005)
    y = maker.tensor((1, *outputs, channels), INT8, None, 0.5, 3)
    options = tflite.DepthwiseConv2DOptions(
        padding=int(not same),
        stride_h=strides[0],
        stride_w=strides[1],
        dilation_h_factor=dilations[0],
        dilation_w_factor=dilations[1],
    )
    maker.op("DEPTHWISE_CONV_2D", [x, w, b], [y], options, 3)
    return ModelBytes(maker.ends([x], [y]).bytes())


def opened(model: ModelBytes, isa: str, limit: int | None = None) -> Net:
    try:
        return Net(model, Request(isa=isa, packed_limit=limit))
    except LiteinterpError:
        pytest.skip(f"{isa} is not on this machine")


def result(net: Net, x: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    net.view(net.inputs[0])[...] = x
    net.run()
    return net.view(net.outputs[0]).copy()


@pytest.mark.parametrize(
    "isa, loop, outputs, side",
    [(isa, "winograd 4x4", 64, 8) for isa in ("avx2", "avxvnni", "avx512vnni")] + [("avx2", "winograd 2x2", 16, 4)],
)
def test_weights_at_the_edge_of_the_range_decide(isa: str, loop: str, outputs: int, side: int) -> None:
    """One unit less than what could leave 32 bits takes the loop, and is exact; at the edge it is not taken."""
    edge = EDGES[loop]
    weights = np.full((outputs, 3, 3, edge), -128, np.int8)
    weights[:, 0, 0, : 9 * edge % 128] = 0
    assert np.abs(weights[0].astype(int)).sum() in (2**18, 2**22)
    beyond = opened(convolution(weights, side), isa)
    assert beyond.operator_loop(0) != loop
    weights[:, 1, 1, 0] = -127
    model = convolution(weights, side)
    within, reference = opened(model, isa), Net(model, Request(isa="ref"))
    assert within.operator_loop(0) == loop
    x = np.full((1, side, side, edge), -128, np.int8)
    np.testing.assert_array_equal(result(within, x), result(reference, x))


@pytest.mark.parametrize(
    "isa, expected_loops",
    [
        ("avx2", ["winograd 4x4", "winograd 2x2", "direct int16", "direct", ""]),
        ("avx512vnni", ["winograd 4x4", "direct", ""]),
    ],
)
def test_a_limit_of_packed_bytes_takes_smaller_loops(isa: str, expected_loops: list[str]) -> None:
    weights = np.random.default_rng(0).integers(-128, 128, (64, 3, 3, 64)).astype(np.int8)
    model = convolution(weights, 16)
    x = np.random.default_rng(1).integers(-128, 128, (1, 16, 16, 64)).astype(np.int8)
    expected = result(Net(model, Request(isa="ref")), x)
    loops, limit = [], opened(model, isa).need.packed
    while True:
        net = opened(model, isa, limit)
        assert net.need.packed <= limit
        np.testing.assert_array_equal(result(net, x), expected)
        loops.append(net.operator_loop(0))
        if net.need.packed == 0:
            break
        limit = net.need.packed - 1
    assert loops == expected_loops


@pytest.mark.parametrize("isa, loop", [("avx2", "direct int16"), ("avx512vnni", "direct")])
def test_other_filters_and_strides_stay_direct(isa: str, loop: str) -> None:
    square = np.zeros((32, 3, 3, 32), np.int8)
    assert opened(convolution(square, 8, stride=2), isa).operator_loop(0) == loop
    assert opened(convolution(square[:, :1], 8), isa).operator_loop(0) == loop


def test_weights_beyond_a_second_level_cache_are_packed_as_they_are() -> None:
    """512 * 500 weights as int16 take less than 512 KiB, 512 * 600 more."""
    models = [convolution(np.ones((512, 1, 1, taps), np.int8), 4) for taps in (500, 600)]
    loops = [opened(model, "avx2").operator_loop(0) for model in models]
    assert loops == ["direct int16", "direct"]


@pytest.mark.parametrize("filters", [16, 24])
def test_depthwise_layers_of_one_channel_take_the_same_forms(filters: int) -> None:
    """Their weights lie with the output channel last; they run the loop that they were packed for."""
    maker = ModelMaker()
    weights = np.random.default_rng(7).integers(-127, 128, (1, 7, 7, filters)).astype(np.int8)
    x = maker.tensor((1, 20, 20, 1), INT8, None, 0.05, 3)
    w = maker.tensor(weights.shape, INT8, weights, 0.01)
    b = maker.tensor((filters,), INT32, np.arange(filters) - 5, 0.0005)
    y = maker.tensor((1, 10, 10, filters), INT8, None, 0.5, 3)
    options = tflite.DepthwiseConv2DOptions(padding=0, stride_w=2, stride_h=2, depth_multiplier=filters)
    maker.op("DEPTHWISE_CONV_2D", [x, w, b], [y], options, 3)
    model = ModelBytes(maker.ends([x], [y]).bytes())
    net, reference = opened(model, "avx2"), Net(model, Request(isa="ref"))
    assert net.operator_loop(0) == "direct int16"
    data = np.random.default_rng(8).integers(-128, 128, (1, 20, 20, 1)).astype(np.int8)
    np.testing.assert_array_equal(result(net, data), result(reference, data))


@pytest.mark.parametrize("isa", ["sse41", "avx2", "avxvnni", "avx512vnni"])
@pytest.mark.parametrize("taps, stride", [(3, 1), (5, 2), (20, 3)])
@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize("length", [21, 3000])
def test_signals_are_computed_alike_in_either_direction(
    isa: str, taps: int, stride: int, upright: bool, length: int
) -> None:
    """Images one pixel wide or high; the long one takes several bands."""
    turned = slice(None, None, 1 if upright else -1)
    model = depthwise((*(length, 1)[turned], 20), (taps, 1)[turned], (stride, 1)[turned], same=length > 21)
    net, reference = opened(model, isa), Net(model, Request(isa="ref"))
    x = np.random.default_rng(4).integers(-128, 128, net.view(net.inputs[0]).shape).astype(np.int8)
    np.testing.assert_array_equal(result(net, x), result(reference, x))


@pytest.mark.parametrize("isa", ["sse41", "avx2", "avxvnni", "avx512vnni"])
@pytest.mark.parametrize("channels", [1, 3, 4, 5])
@pytest.mark.parametrize("side", [7, 16, 19])
def test_few_channels_are_computed_alike(isa: str, channels: int, side: int) -> None:
    """First layers, whose pixels are less than a group of products."""
    weights = np.random.default_rng(5).integers(-127, 128, (9, 3, 3, channels)).astype(np.int8)
    model = convolution(weights, side)
    net, reference = opened(model, isa), Net(model, Request(isa="ref"))
    x = np.random.default_rng(6).integers(-128, 128, net.view(net.inputs[0]).shape).astype(np.int8)
    np.testing.assert_array_equal(result(net, x), result(reference, x))


@pytest.mark.parametrize("isa", ["sse41", "avx2", "avxvnni", "avx512vnni"])
@pytest.mark.parametrize("dilations", [(2, 2), (4, 4), (1, 3), (5, 1)])
@pytest.mark.parametrize("channels", [20, 144])
def test_dilated_depthwise_layers_are_computed_by_phases(isa: str, dilations: tuple[int, int], channels: int) -> None:
    """On sides that no dilation divides; in whole blocks of channels and a rest."""
    model = depthwise((21, 23, channels), (3, 3), (1, 1), dilations=dilations)
    net, reference = opened(model, isa), Net(model, Request(isa="ref"))
    assert net.operator_loop(0) == "depthwise"
    x = np.random.default_rng(4).integers(-128, 128, (1, 21, 23, channels)).astype(np.int8)
    assert np.array_equal(result(net, x), result(reference, x))


def test_a_limit_by_environment_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    model = convolution(np.zeros((16, 3, 3, 16), np.int8), 8)
    monkeypatch.setenv("LITEINTERP_PACKED_LIMIT", "0")
    assert Net(model).need.packed == 0
    monkeypatch.setenv("LITEINTERP_PACKED_LIMIT", "much")
    with pytest.raises(UsageError, match="a number of bytes"):
        Net(model)
    assert Net(model, Request(packed_limit=1 << 40)).need.packed > 0
    with pytest.raises(UsageError, match="0 or more"):
        Net(model, Request(packed_limit=-1))
