"""Convolutions of float activations with int8 weights: sums up to the largest that float32 holds, and beyond."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from converter import backend
from converter.ir.graph import Graph, Node, Value
from converter.ir.types import DType, Quantization
from liteinterp.net import EXACT, ModelBytes, Net, Request

ISAS = ("sse41", "avx2", "avx512vnni")
#: Width of the window, and channels with which its weights of 127 sum to just below what is taken, 65,793, or to more.
LAST, BEYOND = [(1, 518), (3, 57)], [(1, 519), (3, 58)]


def convolution(channels: int, size: int, rng: np.random.Generator) -> bytes:
    """A filter of the largest weights, one of the smallest, and two of both, on an image of 5x4 pixels."""
    signs = np.stack([np.ones((size, size, channels))] * 2 + [rng.choice([-1, 1], (size, size, channels))] * 2)
    data = (signs * 127 * np.array([1, -1, 1, -1]).reshape(4, 1, 1, 1)).astype(np.int8)
    scales = Quantization((0.5, 0.25, 0.125, 1 / 3), (0,) * 4, 0)
    x, y = Value("x", (2, 5, 4, channels)), Value("y", (2, 5, 4, 4))
    w, b = Value("w", data.shape, DType.INT8, scales, data), Value("b", (4,), data=np.float32([0, 1 / 3, -0.0, 7]))
    options = {"padding": "SAME", "stride_w": 1, "stride_h": 1, "dilation_w_factor": 1, "dilation_h_factor": 1}
    options["fused_activation_function"] = "NONE"
    return backend.write(Graph([Node("CONV_2D", [x, w, b], [y], dict(options))], [x], [y]))


def images(channels: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.float32]]:
    """Codes 255 from their zero point nearly everywhere; on either side of it; with numbers that are none."""
    high = np.ones((2, 5, 4, channels), np.float32)
    yield high
    yield -high
    yield high * rng.choice([-1, 1], high.shape).astype(np.float32)
    yield rng.normal(size=high.shape).astype(np.float32)
    odd = rng.normal(size=high.shape).astype(np.float32)
    odd[rng.random(odd.shape) < 0.01] = np.nan
    odd[0, 0, 0, 0] = np.inf
    yield odd
    yield high * 0


@pytest.mark.parametrize(("size", "channels"), LAST + BEYOND)
@pytest.mark.parametrize("isa", ISAS)
def test_sums_are_exact(isa: str, size: int, channels: int) -> None:
    rng = np.random.default_rng(channels)
    model = ModelBytes(convolution(channels, size, rng))
    reference = Net(model, Request(isa="ref", flags=EXACT))
    nets = [Net(model, Request(isa=isa, threads=threads)) for threads in (1, 2)]
    if nets[0].kernels != isa:
        pytest.skip(f"this machine has no {isa}")
    for image in images(channels, rng):
        for net in (reference, *nets):
            net.view(net.inputs[0])[...] = image
            net.run()
        expected = reference.view(reference.outputs[0])
        for net in nets:
            assert np.array_equal(net.view(net.outputs[0]), expected, equal_nan=True)


@pytest.mark.parametrize(("size", "channels"), LAST + BEYOND)
def test_loops_are_taken_while_they_are_exact(size: int, channels: int) -> None:
    net = Net(ModelBytes(convolution(channels, size, np.random.default_rng(0))))
    if net.kernels == "ref":
        pytest.skip("this machine has no loops of whole layers")
    assert net.operator_loop(0) == ("direct" if (size, channels) in LAST else "")
