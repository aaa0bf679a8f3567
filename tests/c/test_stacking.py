"""A smaller result on the bytes of the operand that it is made of: float32 inputs that QUANTIZE turns into int8."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tiny_models import INT8, INT32, ModelMaker

from converter.gen import tflite
from liteinterp.gen.cdef import ffi

KEEP_INPUTS, KEEP_TENSORS, IGNORE_PLAN = 2, 1, 8
INVERSE = 32.0
X, BYTES, RESULT = 0, 1, 2


def quantized(elements: int = 64) -> ModelMaker:
    """x float32 -> QUANTIZE to int8 -> RESHAPE."""
    maker = ModelMaker()
    maker.tensor((1, elements))
    maker.tensor((1, elements), INT8, None, 1 / INVERSE, 3)
    maker.op("QUANTIZE", [X], [BYTES], tflite.QuantizeOptions())
    maker.tensor((1, elements, 1), INT8, None, 1 / INVERSE, 3)
    shape = maker.tensor((3,), INT32, [1, elements, 1])
    maker.op("RESHAPE", [BYTES, shape], [RESULT])
    return maker.ends([X], [RESULT])


def run(net, data: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    ffi.memmove(net.lib.li_tensor_data(net.lib.li_input(net.net, 0)), data.tobytes(), data.nbytes)
    assert net.lib.li_run(net.net) == 0
    t = net.lib.li_output(net.net, 0)
    return np.frombuffer(bytes(ffi.buffer(net.lib.li_tensor_data(t), net.lib.li_tensor_bytes(t))), np.int8)


def expected(data: np.ndarray) -> np.ndarray:
    """docs/NUMERICS.md; exact, the scale being a power of two."""
    return np.clip(np.rint(data * np.float32(INVERSE)) + 3, -128, 127).astype(np.int8).reshape(-1)


def test_result_begins_inside_its_operand(core) -> None:
    need = core.plan(quantized().bytes())
    assert need.arena == need.lower_bound == 256


def test_kept_inputs_and_tensors_have_bytes_of_their_own(core) -> None:
    assert core.plan(quantized().bytes(), KEEP_INPUTS).arena == 256 + 64
    assert core.plan(quantized().bytes(), KEEP_TENSORS).arena == 256 + 64 + 64


def test_operand_that_is_read_later_is_left_alone(core) -> None:
    maker = quantized()
    late = maker.tensor((1, 64))
    maker.op("RELU", [X], [late])
    net = core.open(maker.ends([X], [RESULT, late]).bytes())
    assert net.offset(BYTES) >= net.offset(X) + 256 or net.offset(BYTES) + 64 <= net.offset(X)


def test_operand_whose_alias_is_read_later_is_left_alone(core) -> None:
    maker = ModelMaker()
    x, view, q = maker.tensor((64,)), maker.tensor((1, 64)), maker.tensor((64,), INT8, None, 0.1)
    maker.op("RESHAPE", [x, maker.tensor((2,), INT32, [1, 64])], [view])
    maker.op("QUANTIZE", [x], [q], tflite.QuantizeOptions())
    late = maker.tensor((1, 64))
    maker.op("RELU", [view], [late])
    net = core.open(maker.ends([x], [q, late]).bytes())
    assert net.offset(view) == net.offset(x)
    assert net.offset(q) >= net.offset(x) + 256 or net.offset(q) + 64 <= net.offset(x)


def test_room_of_the_operand_is_free_behind_the_result(core) -> None:
    """256 bytes for the input; later results lie in those that the smaller one leaves."""
    maker = ModelMaker()
    x, q = maker.tensor((1, 64)), maker.tensor((1, 64), INT8, None, 0.1)
    maker.op("QUANTIZE", [x], [q], tflite.QuantizeOptions())
    sums = maker.tensor((1, 128), INT8, None, 0.1)
    maker.op("CONCATENATION", [q, q], [sums], tflite.ConcatenationOptions(1))
    net = core.open(maker.ends([x], [sums]).bytes())
    assert net.need.arena == net.need.lower_bound == 256


@pytest.mark.parametrize("elements", [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 67, 1000])
@pytest.mark.parametrize("flags", [0, KEEP_INPUTS])
def test_bytes_are_those_of_separate_buffers(core, elements: int, flags: int) -> None:
    data = np.random.default_rng(elements).normal(0, 2, (1, elements)).astype(np.float32)
    net = core.open(quantized(elements).bytes(), flags)
    np.testing.assert_array_equal(run(net, data), expected(data))


# ---- the file's plan ----


@pytest.mark.parametrize(
    ("offsets", "arena"),
    [
        ([0, 0, 0], 256),  # where the operand begins
        ([32, 16, 16], 288),  # below it, reaching into it
        ([64, 0, 0], 320),  # below it, apart
        ([0, 256, 256], 320),  # behind it
    ],
)
def test_sound_plans_are_taken(core, offsets: Sequence[int], arena: int) -> None:
    data = np.random.default_rng(5).normal(0, 2, (1, 64)).astype(np.float32)
    net = core.open(quantized().plan([*offsets, -1]).bytes())
    assert net.need.from_file and net.need.arena == arena
    assert [net.offset(i) for i in range(3)] == list(offsets)
    np.testing.assert_array_equal(run(net, data), expected(data))


@pytest.mark.parametrize("inside", [16, 48, 128, 192, 240])
def test_result_that_begins_behind_its_operands_first_byte_is_refused(core, inside: int) -> None:
    """It would overwrite elements that are still to be read."""
    need = core.plan(quantized().plan([0, inside, inside, -1]).bytes())
    assert not need.from_file and need.arena == 256


@pytest.mark.parametrize(("offsets", "sound"), [([0, 256, 0, 64], True), ([0, 128, 0, 192], False)])
def test_third_tensor_does_not_lie_on_the_operand(core, offsets: Sequence[int], sound: bool) -> None:
    maker = ModelMaker()
    x, other = maker.tensor((1, 64)), maker.tensor((1, 64), INT8, None, 0.1)
    q, sums = maker.tensor((1, 64), INT8, None, 0.1), maker.tensor((1, 128), INT8, None, 0.1)
    maker.op("QUANTIZE", [x], [q], tflite.QuantizeOptions())
    maker.op("CONCATENATION", [q, other], [sums], tflite.ConcatenationOptions(1))
    maker.ends([x, other], [sums])
    assert core.plan(maker.plan(offsets).bytes()).from_file == sound


def test_stacking_plan_is_ignored_when_inputs_are_kept(core) -> None:
    data = quantized().plan([0, 0, 0, -1]).bytes()
    assert core.plan(data).from_file
    assert not core.plan(data, KEEP_INPUTS).from_file
    assert not core.plan(data, KEEP_TENSORS).from_file
    assert not core.plan(data, IGNORE_PLAN).from_file


@pytest.mark.parametrize(("offsets", "sound"), [([16, 16], True), ([16, 0], False)])
def test_equal_sizes_are_in_place_not_stacked(core, offsets: Sequence[int], sound: bool) -> None:
    """int8 to int8 takes the same bytes, or others, but none that begin below."""
    maker = ModelMaker()
    a, b = maker.tensor((64,), INT8, None, 0.1), maker.tensor((64,), INT8, None, 0.2)
    maker.op("QUANTIZE", [a], [b], tflite.QuantizeOptions())
    maker.ends([a], [b])
    assert core.plan(maker.plan(offsets).bytes()).from_file == sound
