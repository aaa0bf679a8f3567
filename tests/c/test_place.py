"""Where tensors live: lifetimes, shared bytes, the file's own plan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import INT8, INT32, ModelMaker, chain

from converter.gen import tflite
from liteinterp.gen.cdef import ffi

KEEP_TENSORS, KEEP_INPUTS, EXACT, IGNORE_PLAN, NO_PACK = 1, 2, 4, 8, 16
ALIGNMENT = 16


def add(maker: ModelMaker, a: int, b: int, shape: Sequence[int]) -> int:
    out = maker.tensor(shape)
    maker.op("ADD", [a, b], [out], tflite.AddOptions())
    return out


def reshape(maker: ModelMaker, a: int, shape: Sequence[int]) -> int:
    out = maker.tensor(shape)
    maker.op("RESHAPE", [a, maker.tensor((len(shape),), INT32, shape)], [out])
    return out


def relu(maker: ModelMaker, a: int, shape: Sequence[int]) -> int:
    out = maker.tensor(shape)
    maker.op("RELU", [a], [out])
    return out


# ---- sharing ----


def test_elementwise_chain_needs_one_tensor(core) -> None:
    need = core.plan(chain("RELU", "RELU", "RESHAPE", "LOGISTIC", shape=(8, 8)).bytes())
    assert need.arena == need.lower_bound == 256


def test_kept_input_needs_a_second_tensor(core) -> None:
    data = chain("RELU", "RELU", shape=(8, 8)).bytes()
    net = core.open(data, KEEP_INPUTS)
    assert net.need.arena == 512
    assert net.offset(0) != net.offset(1) == net.offset(2)


def test_kept_input_is_not_overwritten_through_an_alias(core) -> None:
    maker = ModelMaker()
    x = maker.tensor((4, 4))
    r = reshape(maker, x, (16,))
    y = relu(maker, r, (16,))
    net = core.open(maker.ends([x], [y]).bytes(), KEEP_INPUTS)
    assert net.offset(x) == net.offset(r) != net.offset(y)


def test_kept_tensors_all_have_their_own_bytes(core) -> None:
    net = core.open(chain("RELU", "RESHAPE", "LOGISTIC").bytes(), KEEP_TENSORS)
    assert len({net.offset(i) for i in range(4)}) == 4


def test_output_does_not_show_the_input(core) -> None:
    net = core.open(chain("RESHAPE").bytes())
    assert net.offset(0) != net.offset(1)


def test_operand_read_later_is_not_overwritten(core) -> None:
    maker = ModelMaker()
    x = maker.tensor((16,))
    a = relu(maker, x, (16,))
    b = relu(maker, a, (16,))  # a is read again below
    y = add(maker, a, b, (16,))
    net = core.open(maker.ends([x], [y]).bytes())
    assert net.offset(a) != net.offset(b)
    assert net.offset(y) in (net.offset(a), net.offset(b))


def test_alias_read_later_keeps_its_group(core) -> None:
    maker = ModelMaker()
    x = maker.tensor((16,))
    a = relu(maker, x, (16,))
    view = reshape(maker, a, (4, 4))
    b = relu(maker, a, (16,))  # must not overwrite a: its alias is read below
    y = add(maker, view, reshape(maker, b, (4, 4)), (4, 4))
    net = core.open(maker.ends([x], [y]).bytes())
    assert net.offset(a) == net.offset(view) != net.offset(b)


def test_graph_output_is_not_overwritten(core) -> None:
    maker = ModelMaker()
    x = maker.tensor((16,))
    a = relu(maker, x, (16,))
    b = relu(maker, a, (16,))
    net = core.open(maker.ends([x], [a, b]).bytes())
    assert net.offset(a) != net.offset(b)


def test_broadcast_operand_is_not_overwritten(core) -> None:
    maker = ModelMaker()
    x, bias = maker.tensor((4, 4)), maker.tensor((4,))
    y = add(maker, bias, x, (4, 4))
    net = core.open(maker.ends([x, bias], [y]).bytes())
    assert net.offset(y) == net.offset(x) != net.offset(bias)


def test_constants_are_read_in_the_file(core) -> None:
    maker = ModelMaker()
    x = maker.tensor((4,))
    c = maker.tensor((4,), data=[1, 2, 3, 4])
    y = add(maker, c, x, (4,))
    net = core.open(maker.ends([x], [y, c]).bytes())  # a constant may be an output too
    assert net.lib.li_tensor_is_constant(net.lib.li_tensor_at(net.net, c))
    assert not 0 <= net.offset(c) < net.need.arena


def test_resized_input_is_planned_anew(core) -> None:
    data = chain("RELU", "LOGISTIC", shape=(2, 8)).bytes()
    assert core.plan(data).arena == 64
    assert core.plan(data, dims={0: (5, 8)}).arena == 160
    assert core.open(data, dims={0: (5, 8)}).dims(2) == [5, 8]


# ---- random graphs: nothing alive overlaps ----


@st.composite
def graphs(draw: st.DrawFn) -> ModelMaker:
    maker = ModelMaker()
    shapes = [(draw(st.integers(0, 40)),), (draw(st.integers(1, 9)),)]
    tensors = [(maker.tensor(shape), shape) for shape in shapes]
    for _ in range(draw(st.integers(0, 14))):
        index, shape = draw(st.sampled_from(tensors))
        kind = draw(st.sampled_from(["relu", "reshape", "add", "concat", "round"]))
        if kind == "relu":
            tensors.append((relu(maker, index, shape), shape))
        elif kind == "reshape":
            turned = (1, *shape) if len(shape) == 1 else (int(np.prod(shape)),)
            tensors.append((reshape(maker, index, turned), turned))
        elif kind == "add":
            other = draw(st.sampled_from([t for t in tensors if t[1] == shape]))[0]
            tensors.append((add(maker, index, other, shape), shape))
        elif kind == "round":  # through int8, whose bytes may lie on those of the float32 operand
            small, out = maker.tensor(shape, INT8, None, 1 / 32), maker.tensor(shape)
            maker.op("QUANTIZE", [index], [small], tflite.QuantizeOptions())
            maker.op("DEQUANTIZE", [small], [out])
            tensors.append((out, shape))
        else:
            joined = (shape[0] * 2, *shape[1:])
            out = maker.tensor(joined)
            maker.op("CONCATENATION", [index, index], [out], tflite.ConcatenationOptions(0))
            tensors.append((out, joined))
    count = draw(st.integers(1, min(3, len(tensors))))
    outputs = draw(st.lists(st.sampled_from([t for t, _ in tensors]), min_size=count, max_size=count, unique=True))
    return maker.ends([0, 1], outputs)


def numbers_of(maker: ModelMaker, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The graph in numpy."""
    graph = maker.graph
    values = dict(zip((0, 1), inputs, strict=True))
    names = {c: tflite.BuiltinOperator(code.builtin_code).name for c, code in enumerate(maker.model.operator_codes)}
    for operator in graph.operators:
        assert operator.inputs is not None and operator.outputs is not None
        operands = [values[int(i)] for i in operator.inputs if int(i) in values]
        out = int(operator.outputs[0])
        name = names[operator.opcode_index]
        if name == "RELU":
            values[out] = np.maximum(operands[0], 0)
        elif name == "RESHAPE":
            values[out] = operands[0].reshape(graph.tensors[out].shape)
        elif name == "QUANTIZE":
            values[out] = np.clip(np.rint(operands[0] * np.float32(32)), -128, 127)
        elif name == "DEQUANTIZE":
            values[out] = operands[0] * np.float32(1 / 32)
        elif name == "ADD":
            values[out] = operands[0] + operands[1]
        else:
            values[out] = np.concatenate(operands, axis=0)
    assert graph.outputs is not None
    return [values[int(i)] for i in graph.outputs]


@settings(max_examples=150, deadline=None)
@given(maker=graphs(), flags=st.sampled_from([0, KEEP_INPUTS, KEEP_TENSORS]))
def test_random_graphs_compute_what_numpy_computes(core, maker: ModelMaker, flags: int) -> None:
    net = core.open(maker.bytes(), flags)
    random = np.random.default_rng(0)
    inputs = []
    for i in range(2):
        t = net.lib.li_input(net.net, i)
        array = random.normal(size=net.dims(net.lib.li_tensor_index(t))).astype(np.float32)
        inputs.append(array)
        if array.size:
            ffi.memmove(net.lib.li_tensor_data(t), array.tobytes(), array.nbytes)
    for _ in range(2 if flags else 1):
        assert net.lib.li_run(net.net) == 0
        for k, expected in enumerate(numbers_of(maker, inputs)):
            t = net.lib.li_output(net.net, k)
            size = net.lib.li_tensor_bytes(t)
            got = bytes(ffi.buffer(net.lib.li_tensor_data(t), size)) if size else b""
            assert got == expected.astype(np.float32).tobytes()
    assert net.need.arena >= net.need.lower_bound


# ---- the file's plan ----

SHARED = [0, 0, 64]  # RELU overwrites its input; SOFTMAX (in no one's place) goes beside


def planned(offsets: Sequence[int], head: Sequence[int] | None = None) -> bytes:
    """x (4, 4) -> RELU -> SOFTMAX, 64 bytes each, with a stored plan."""
    return chain("RELU", "SOFTMAX").plan(offsets, head).bytes()


def test_sound_plan_is_taken(core) -> None:
    net = core.open(planned([128, 128, 16]))
    assert net.need.from_file and net.need.arena == 192
    assert [net.offset(i) for i in range(3)] == [128, 128, 16]


def test_plan_without_sharing_is_taken(core) -> None:
    net = core.open(planned([0, 64, 0]))
    assert net.need.from_file and net.need.arena == 128


@pytest.mark.parametrize(
    ("offsets", "head"),
    [
        ([0, 0, 32], None),  # RELU's and SOFTMAX's results overlap while both are alive
        ([0, 0, 0], None),
        ([0, 0, 72], None),  # not a multiple of 16
        ([0, 0, -16], None),
        ([0, 0, -1], None),
        ([0, 0, 2**31 - 16], None),  # ends behind 2 GiB
        ([0, 0], None),  # too few words
        ([0, 0, 64, 0], None),
        ([0, 0, 64], (1, 1, 4)),  # says more than it has
        ([0, 0, 64], (1, 1, -1)),
        ([], (1, 1)),
    ],
)
def test_unsound_plan_is_ignored(core, offsets: list[int], head: tuple[int, ...] | None) -> None:
    need = core.plan(planned(offsets, head))
    assert not need.from_file and need.arena == 128


def test_plan_that_reuses_an_input_is_ignored_when_inputs_are_kept(core) -> None:
    assert core.plan(planned(SHARED)).from_file
    assert not core.plan(planned(SHARED), KEEP_INPUTS).from_file
    assert not core.plan(planned(SHARED), KEEP_TENSORS).from_file
    assert not core.plan(planned(SHARED), IGNORE_PLAN).from_file


@pytest.mark.parametrize(
    ("offsets", "sound"),
    [
        ([0, 0, 64], True),  # bytes over the floats that they are made from
        ([16, 0, 80], True),  # and over the first of them
        ([0, 16, 64], False),  # a byte written here destroys a float that is still to be read
        ([0, 64, 0], True),
        ([0, 64, 64], False),
    ],
)
def test_plan_may_lay_smaller_results_on_their_operand(core, offsets: list[int], sound: bool) -> None:
    maker = ModelMaker()
    x, q, y = maker.tensor((16,)), maker.tensor((16,), INT8, None, 0.1), maker.tensor((16,))
    maker.op("QUANTIZE", [x], [q], tflite.QuantizeOptions())
    maker.op("DEQUANTIZE", [q], [y], tflite.DequantizeOptions())
    assert core.plan(maker.ends([x], [y]).plan(offsets).bytes()).from_file == sound


def test_plan_is_ignored_when_resizing_breaks_it(core) -> None:
    assert not core.plan(planned(SHARED), dims={0: (5, 4)}).from_file


# ---- real models ----

#: Least bytes of activations, each tensor aligned to 16, found by exhaustive search.
LEAST = {
    "mlperf_ad01_int8_ref": 768,
    "mlperf_kws_int8_ref": 16000,
    "mlperf_ic_resnet8_int8_ref": 49152,
    "mlperf_streaming_wakeword_int8": 6656,
    "mlperf_vww_96_int8_ref": 55296,
    "person_detect_int8": 55296,
}


@pytest.mark.parametrize("name", LEAST)
def test_zoo_models_reach_the_least_memory(core, zoo, name: str) -> None:
    need = core.plan((zoo / "models" / f"{name}.tflite").read_bytes(), IGNORE_PLAN)
    assert need.arena == LEAST[name] and need.lower_bound == LEAST[name]
