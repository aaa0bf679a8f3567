"""TRANSPOSE_CONV on the loops of convolutions: any geometry, against the definition, on any number of threads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import FLOAT32, INT8, INT32, ModelMaker

from converter.gen import tflite
from liteinterp.errors import UnsupportedError
from liteinterp.net import EXACT, ISA, NO_PACK, ModelBytes, Net, Request

SAME, VALID = 0, 1


def runs_here(name: str) -> bool:
    try:
        Net(ModelBytes(layer(Geometry((2, 2), (2, 2), (2, 2), (0, 0), SAME, (1, 1), 1), INT8, True)), Request(isa=name))
    except UnsupportedError:
        return False
    return True


@dataclass(frozen=True)
class Geometry:
    """Input, filter and strides of a layer, and by how much its output differs from the usual one."""

    size: tuple[int, int]
    filter: tuple[int, int]
    stride: tuple[int, int]
    cut: tuple[int, int]
    padding: int
    channels: tuple[int, int]
    batches: int

    def output(self) -> tuple[int, int]:
        """SAME: up to a stride less than size times stride; VALID: up to a stride more than the last window's end."""
        along = zip(self.size, self.filter, self.stride, self.cut, strict=True)
        down, across = (n * s - c % s if self.padding == SAME else (n - 1) * s + k + c % s for n, k, s, c in along)
        return down, across


def layer(g: Geometry, type: int, with_bias: bool) -> bytes:
    rng = np.random.default_rng([*g.size, *g.filter, *g.stride, *g.channels, g.batches])
    depth, outputs = g.channels
    out, window = (g.batches, *g.output(), outputs), (outputs, *g.filter, depth)
    spread = 0.05 * float(np.sqrt(depth * g.filter[0] * g.filter[1]))
    maker = ModelMaker()
    if type == INT8:
        x = maker.tensor((g.batches, *g.size, depth), INT8, None, 0.05, int(rng.integers(-128, 128)))
        w = maker.tensor(window, INT8, rng.integers(-128, 128, window), 0.01, 0)
        bias = maker.tensor((outputs,), INT32, rng.integers(-3000, 3000, outputs))
        y = maker.tensor(out, INT8, None, spread, int(rng.integers(-60, 60)))
    else:
        x = maker.tensor((g.batches, *g.size, depth), FLOAT32)
        w = maker.tensor(window, FLOAT32, rng.normal(size=window).astype(np.float32))
        bias = maker.tensor((outputs,), FLOAT32, rng.normal(size=outputs).astype(np.float32))
        y = maker.tensor(out, FLOAT32)
    shape = maker.tensor((4,), INT32, np.array(out, np.int32))
    options = tflite.TransposeConvOptions(g.padding, g.stride[1], g.stride[0], 0)
    maker.op("TRANSPOSE_CONV", [shape, w, x, bias] if with_bias else [shape, w, x], [y], options, 3)
    return maker.ends([x], [y]).bytes()


def answer(model: bytes, type: int, isa: str, flags: int = 0, threads: int = 1) -> np.ndarray:
    net = Net(ModelBytes(model), Request(flags, isa, threads=threads))
    rng = np.random.default_rng(7)
    view = net.view(net.inputs[0])
    view[...] = rng.integers(-128, 128, view.shape) if type == INT8 else rng.normal(size=view.shape)
    net.run()
    return np.array(net.view(net.outputs[0]))


pairs = st.tuples(st.integers(1, 9), st.integers(1, 9))
geometries = st.builds(
    Geometry,
    size=st.tuples(st.integers(1, 14), st.integers(1, 14)),
    filter=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    cut=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    padding=st.sampled_from([SAME, VALID]),
    channels=st.tuples(st.sampled_from([1, 3, 4, 7, 16, 33]), st.sampled_from([1, 2, 3, 8, 17, 40])),
    batches=st.integers(1, 2),
)
#: Filters as large as the stride, which are one convolution of all phases.
as_large = st.builds(
    lambda g, stride: Geometry(g.size, stride, stride, g.cut, g.padding, g.channels, g.batches),
    geometries,
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
)
SETS = [name for name in ISA if name not in ("best", "ref") and runs_here(name)]
pytestmark = pytest.mark.skipif(not SETS, reason="no kernels of this machine pack weights")


@pytest.mark.parametrize("isa", SETS)
@given(g=st.one_of(geometries, as_large), with_bias=st.booleans())
@settings(max_examples=60, deadline=None)
def test_int8_is_the_definitions(isa: str, g: Geometry, with_bias: bool) -> None:
    model = layer(g, INT8, with_bias)
    expected = answer(model, INT8, "ref")
    for threads in (1, 3):
        np.testing.assert_array_equal(answer(model, INT8, isa, threads=threads), expected)


@pytest.mark.parametrize("isa", SETS)
@pytest.mark.parametrize("filter", [(1, 4), (1, 7), (2, 5)])
def test_a_long_row_is_the_definitions(isa: str, filter: tuple[int, int]) -> None:
    """Phases of one row under several taps, which convolutions divide by columns."""
    model = layer(Geometry((1, 200), filter, (1, 2), (0, 0), SAME, (5, 9), 1), INT8, True)
    np.testing.assert_array_equal(answer(model, INT8, isa), answer(model, INT8, "ref"))


@pytest.mark.parametrize("isa", SETS)
@given(g=st.one_of(geometries, as_large), with_bias=st.booleans())
@settings(max_examples=40, deadline=None)
def test_exact_float32_is_the_definitions(isa: str, g: Geometry, with_bias: bool) -> None:
    model = layer(g, FLOAT32, with_bias)
    np.testing.assert_array_equal(answer(model, FLOAT32, isa, EXACT, 2), answer(model, FLOAT32, "ref", EXACT))


@pytest.mark.parametrize("isa", SETS)
@given(g=st.one_of(geometries, as_large), with_bias=st.booleans())
@settings(max_examples=40, deadline=None)
def test_fast_float32_is_close_and_the_same_on_any_threads(isa: str, g: Geometry, with_bias: bool) -> None:
    model = layer(g, FLOAT32, with_bias)
    one = answer(model, FLOAT32, isa)
    np.testing.assert_allclose(one, answer(model, FLOAT32, "ref", EXACT), rtol=0, atol=1e-3)
    np.testing.assert_array_equal(answer(model, FLOAT32, isa, threads=3), one)


@pytest.mark.parametrize("type", [INT8, FLOAT32])
def test_the_loops_are_taken(type: int) -> None:
    """The property tests above would pass too if nothing were."""
    usual = layer(Geometry((8, 8), (3, 3), (2, 2), (0, 0), SAME, (16, 16), 1), type, True)
    gaps = layer(Geometry((8, 8), (1, 3), (2, 2), (0, 0), SAME, (16, 16), 1), type, True)
    packed = [Net(ModelBytes(usual), Request(flags)).need.packed for flags in (0, NO_PACK)]
    assert packed[0] > 0 and packed[1] == 0
    assert Net(ModelBytes(usual)).operator_loop(0) == "direct"
    assert Net(ModelBytes(gaps)).operator_loop(0) == ""
