"""One broken thing at a time: each is refused by the rule that is about it, with the numbers that locate it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tiny_models import FLOAT32, INT8, INT32, UINT8, ModelMaker, chain, int8_conv_net

from converter.gen import tflite
from liteinterp.gen.cdef import ffi

BAD_ARGUMENT, BAD_FILE, BAD_MODEL, UNSUPPORTED, NO_MEMORY, MISALIGNED = -1, -2, -3, -4, -5, -6

Break = Callable[[ModelMaker], object]


def int32s(*values: int) -> np.ndarray:
    return np.asarray(values, np.int32)


def breaks(table: dict[str, tuple[str, int, Break]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("rule", "status", "act"), list(table.values()), ids=list(table))


def refused(core, maker: ModelMaker, act: Break, rule: str, status: int):
    with pytest.raises(Exception) as caught:
        act(maker)
        core.plan(maker.bytes())
    fault = caught.value
    assert type(fault).__name__ == "Fault", repr(fault)
    assert (fault.rule, fault.status) == (rule, status)
    return fault


def set_attribute(path: str, value: object) -> Break:
    """``set_attribute("graph.tensors[1].type", 5)`` as an action."""

    def act(maker: ModelMaker) -> None:
        exec(f"maker.{path} = value", {"maker": maker, "value": value})

    return act


# Tensor 0: input, 1: RELU's output. Chain of two: 0 -> RELU -> 1 -> LOGISTIC -> 2.
MODEL: dict[str, tuple[str, int, Break]] = {
    "version": ("SCHEMA_VERSION", UNSUPPORTED, set_attribute("model.version", 2)),
    "no subgraph": ("NO_SUBGRAPH", BAD_MODEL, set_attribute("model.subgraphs", [])),
    "many tensors": ("TENSOR_LIMIT", UNSUPPORTED, lambda m: [m.tensor((1,)) for _ in range(8200)]),
    "buffer 0 has data": ("BUFFER_SENTINEL", BAD_MODEL, set_attribute("model.buffers[0].data", np.ones(4, np.uint8))),
    "buffer index": ("BUFFER_INDEX", BAD_MODEL, set_attribute("graph.tensors[1].buffer", 9)),
    "input index": ("GRAPH_INDEX", BAD_MODEL, set_attribute("graph.inputs", int32s(7))),
    "input index negative": ("GRAPH_INDEX", BAD_MODEL, set_attribute("graph.inputs", int32s(-1))),
    "input twice": ("GRAPH_INPUT", BAD_MODEL, set_attribute("graph.inputs", int32s(0, 0))),
    "output index": ("GRAPH_INDEX", BAD_MODEL, set_attribute("graph.outputs", int32s(3))),
    "output never produced": (
        "GRAPH_OUTPUT",
        BAD_MODEL,
        lambda m: setattr(m.graph, "outputs", int32s(m.tensor((4, 4)))),
    ),
}

TENSORS: dict[str, tuple[str, int, Break]] = {
    "type string": ("TENSOR_TYPE", UNSUPPORTED, set_attribute("graph.tensors[1].type", 5)),
    "type unknown": ("TENSOR_TYPE", UNSUPPORTED, set_attribute("graph.tensors[1].type", 99)),
    "rank 7": ("TENSOR_RANK", UNSUPPORTED, set_attribute("graph.tensors[0].shape", int32s(1, 1, 1, 1, 1, 1, 1))),
    "dim negative": ("TENSOR_DIM", BAD_MODEL, set_attribute("graph.tensors[0].shape", int32s(4, -1))),
    "dim open": ("TENSOR_DIM", BAD_MODEL, set_attribute("graph.tensors[0].shape_signature", int32s(-1, -1))),
    "too many bytes": ("TENSOR_BYTES", BAD_MODEL, set_attribute("graph.tensors[0].shape", int32s(1 << 16, 1 << 16))),
    "2 GiB": ("TENSOR_BYTES", BAD_MODEL, set_attribute("graph.tensors[0].shape", int32s(1 << 29))),
    "empty, but huge": (
        "TENSOR_BYTES",
        BAD_MODEL,
        set_attribute("graph.tensors[0].shape", int32s(0, 1 << 30, 1 << 30)),
    ),
    "external buffer": ("TENSOR_EXTERNAL", UNSUPPORTED, set_attribute("graph.tensors[1].external_buffer", 1)),
    "sparse": (
        "TENSOR_EXTERNAL",
        UNSUPPORTED,
        set_attribute("graph.tensors[1].sparsity", tflite.SparsityParameters()),
    ),
    "variable input": ("TENSOR_VARIABLE", BAD_MODEL, set_attribute("graph.tensors[0].is_variable", True)),
    "custom quantization": (
        "QUANTIZATION_DETAILS",
        UNSUPPORTED,
        set_attribute(
            "graph.tensors[0].quantization",
            tflite.QuantizationParameters(details=tflite.BlockwiseQuantization(1, 2, 3)),
        ),
    ),
}

OPERATORS: dict[str, tuple[str, int, Break]] = {
    "code index": ("OPERATOR_CODE", BAD_MODEL, set_attribute("graph.operators[0].opcode_index", 5)),
    "unknown operator": ("OPERATOR_UNKNOWN", UNSUPPORTED, set_attribute("model.operator_codes[0].builtin_code", 151)),
    "custom operator": (
        "OPERATOR_UNKNOWN",
        UNSUPPORTED,
        set_attribute("model.operator_codes[0]", tflite.OperatorCode(32, "MyOp", 1, 32)),
    ),
    "version": ("OPERATOR_VERSION", UNSUPPORTED, set_attribute("model.operator_codes[0].version", 77)),
    "too few inputs": ("OPERAND_COUNT", BAD_MODEL, set_attribute("graph.operators[0].inputs", int32s())),
    "too many inputs": ("OPERAND_COUNT", BAD_MODEL, set_attribute("graph.operators[0].inputs", int32s(0, 0))),
    "too many outputs": ("OPERAND_COUNT", BAD_MODEL, set_attribute("graph.operators[0].outputs", int32s(1, 2))),
    "no outputs": ("OPERAND_COUNT", BAD_MODEL, set_attribute("graph.operators[0].outputs", int32s())),
    "operand index": ("OPERAND_INDEX", BAD_MODEL, set_attribute("graph.operators[0].inputs", int32s(3))),
    "operand index minimal": ("OPERAND_INDEX", BAD_MODEL, set_attribute("graph.operators[0].inputs", int32s(-(2**31)))),
    "required operand left out": ("OPERAND_INDEX", BAD_MODEL, set_attribute("graph.operators[0].inputs", int32s(-1))),
    "output left out": ("OPERAND_INDEX", BAD_MODEL, set_attribute("graph.operators[0].outputs", int32s(-1))),
    "read before written": ("OPERAND_ORDER", BAD_MODEL, set_attribute("graph.operators[0].inputs", int32s(2))),
    "reads its own output": ("OPERAND_ORDER", BAD_MODEL, set_attribute("graph.operators[0].inputs", int32s(1))),
    "order": ("OPERAND_ORDER", BAD_MODEL, lambda m: m.graph.operators.reverse()),
    "writes an input": ("OPERAND_WRITTEN", BAD_MODEL, set_attribute("graph.operators[1].outputs", int32s(0))),
    "written twice": ("OPERAND_WRITTEN", BAD_MODEL, set_attribute("graph.operators[1].outputs", int32s(1))),
    "types": ("OPERAND_TYPES", UNSUPPORTED, set_attribute("graph.tensors[0].type", INT32)),
    "output type": ("OPERAND_TYPES", UNSUPPORTED, set_attribute("graph.tensors[1].type", INT8)),
}

# int8_conv_net: 0 x, 1 filter (5, 3, 3, 3), 2 bias, 3 conv; operators CONV_2D, DEPTHWISE_CONV_2D, ADD, MEAN, ...
QUANTIZED: dict[str, tuple[str, int, Break]] = {
    "options of another operator": (
        "OPERATOR_OPTIONS",
        BAD_MODEL,
        set_attribute("graph.operators[0].builtin_options", tflite.SoftmaxOptions(1.0)),
    ),
    "filter is no constant": (
        "OPERAND_CONSTANT",
        UNSUPPORTED,
        set_attribute("graph.operators[0].inputs", int32s(0, 0, 2)),
    ),
    "filter too short": ("TENSOR_DATA", BAD_MODEL, set_attribute("graph.tensors[1].shape", int32s(5, 3, 3, 4))),
    "filter too long": ("TENSOR_DATA", BAD_MODEL, set_attribute("graph.tensors[1].shape", int32s(5, 3, 3, 2))),
    "constant input": ("GRAPH_INPUT", BAD_MODEL, set_attribute("graph.inputs", int32s(0, 1))),
    "variable with data": ("TENSOR_VARIABLE", BAD_MODEL, set_attribute("graph.tensors[1].is_variable", True)),
    "writes a constant": ("OPERAND_WRITTEN", BAD_MODEL, set_attribute("graph.operators[0].outputs", int32s(2))),
    "scale 0": ("QUANTIZATION_SCALE", BAD_MODEL, set_attribute("graph.tensors[0].quantization.scale[0]", 0.0)),
    "scale negative": ("QUANTIZATION_SCALE", BAD_MODEL, set_attribute("graph.tensors[0].quantization.scale[0]", -1.0)),
    "scale infinite": (
        "QUANTIZATION_SCALE",
        BAD_MODEL,
        set_attribute("graph.tensors[0].quantization.scale[0]", np.inf),
    ),
    "scale NaN": ("QUANTIZATION_SCALE", BAD_MODEL, set_attribute("graph.tensors[1].quantization.scale[4]", np.nan)),
    "zero point": (
        "QUANTIZATION_ZERO_POINT",
        BAD_MODEL,
        set_attribute("graph.tensors[0].quantization.zero_point[0]", 128),
    ),
    "zero point huge": (
        "QUANTIZATION_ZERO_POINT",
        BAD_MODEL,
        set_attribute("graph.tensors[0].quantization.zero_point[0]", 1 << 40),
    ),
    "scales do not fit": (
        "QUANTIZATION_COUNT",
        BAD_MODEL,
        set_attribute("graph.tensors[1].quantization.scale", np.ones(4, np.float32)),
    ),
    "zero points do not fit": (
        "QUANTIZATION_COUNT",
        BAD_MODEL,
        set_attribute("graph.tensors[1].quantization.zero_point", np.zeros(4, np.int64)),
    ),
    "channel axis": (
        "QUANTIZATION_COUNT",
        BAD_MODEL,
        set_attribute("graph.tensors[1].quantization.quantized_dimension", 4),
    ),
    "channel axis negative": (
        "QUANTIZATION_COUNT",
        BAD_MODEL,
        set_attribute("graph.tensors[1].quantization.quantized_dimension", -1),
    ),
    "no scale": ("QUANTIZATION_MISSING", BAD_MODEL, set_attribute("graph.tensors[0].quantization", None)),
}


def wide_filter(maker: ModelMaker) -> None:
    """More inputs than products of uint8 fit 32 bits; of int8 they would."""
    maker.graph.tensors[0].shape = int32s(1, 33000)
    maker.graph.tensors[1].shape = int32s(2, 33000)
    maker.model.buffers[maker.graph.tensors[1].buffer].data = np.zeros(66000, np.uint8)


def scales_per_channel(maker: ModelMaker) -> None:
    quantization = maker.graph.tensors[1].quantization
    quantization.scale, quantization.zero_point = np.ones(2, np.float32), np.full(2, 9, np.int64)


# uint8 FULLY_CONNECTED: 0 input, 1 filter (2, 3), 2 bias, 3 output.
UNSIGNED: dict[str, tuple[str, int, Break]] = {
    "scales per channel": (
        "QUANTIZATION_MISSING",
        BAD_MODEL,
        scales_per_channel,
    ),
    "zero point": (
        "QUANTIZATION_ZERO_POINT",
        BAD_MODEL,
        set_attribute("graph.tensors[3].quantization.zero_point[0]", 256),
    ),
    "zero point below 0": (
        "QUANTIZATION_ZERO_POINT",
        BAD_MODEL,
        set_attribute("graph.tensors[1].quantization.zero_point[0]", -1),
    ),
    "accumulator": ("ACCUMULATOR_RANGE", UNSUPPORTED, wide_filter),
    "int8 output": ("OPERAND_TYPES", UNSUPPORTED, set_attribute("graph.tensors[3].type", INT8)),
}


def uint8_dense_net() -> ModelMaker:
    maker = ModelMaker()
    x = maker.tensor((1, 3), UINT8, None, 0.05, 100)
    w = maker.tensor((2, 3), UINT8, np.arange(6).reshape(2, 3), 0.02, 130)
    b = maker.tensor((2,), INT32, [5, -7])
    y = maker.tensor((1, 2), UINT8, None, 0.06, 90)
    maker.op("FULLY_CONNECTED", [x, w, b], [y], tflite.FullyConnectedOptions())
    return maker.ends([x], [y])


@breaks(UNSIGNED)
def test_uint8_net(core, rule: str, status: int, act: Break) -> None:
    refused(core, uint8_dense_net(), act, rule, status)


def test_uint8_net_as_it_is(core) -> None:
    core.plan(uint8_dense_net().bytes())


@breaks(MODEL | TENSORS | OPERATORS)
def test_float_chain(core, rule: str, status: int, act: Break) -> None:
    refused(core, chain("RELU", "LOGISTIC"), act, rule, status)


@breaks(QUANTIZED)
def test_int8_net(core, rule: str, status: int, act: Break) -> None:
    refused(core, int8_conv_net(), act, rule, status)


def test_faults_name_operator_and_tensor(core) -> None:
    fault = refused(
        core, int8_conv_net(), set_attribute("graph.operators[2].inputs", int32s(3, 30)), "OPERAND_INDEX", BAD_MODEL
    )
    assert (fault.operation, fault.needed, fault.had) == (2, len(int8_conv_net().graph.tensors), 30)
    fault = refused(
        core,
        int8_conv_net(),
        set_attribute("graph.tensors[4].quantization.scale[0]", 0.0),
        "QUANTIZATION_SCALE",
        BAD_MODEL,
    )
    assert fault.tensor == 4


# ---- harmless oddities load ----


def loads(core, maker: ModelMaker) -> bool:
    return core.open(maker.bytes()) is not None


def test_axis_of_a_single_scale_is_not_looked_at(core) -> None:
    maker = int8_conv_net()
    maker.graph.tensors[0].quantization.quantized_dimension = 77  # type: ignore[union-attr]
    assert loads(core, maker)


def test_stored_shapes_are_hints(core) -> None:
    maker = chain("RELU", "LOGISTIC")
    maker.graph.tensors[1].shape = int32s(-1, 9, 9)
    maker.graph.tensors[2].shape = None
    net = core.open(maker.bytes())
    assert net.dims(1) == net.dims(2) == [4, 4]


@pytest.mark.parametrize(("first", "expected"), [(-1, 1), (0, 1), (3, 3)])
def test_open_first_dimension(core, first: int, expected: int) -> None:
    maker = chain("RELU")
    maker.graph.tensors[0].shape = int32s(first, 4)
    maker.graph.tensors[0].shape_signature = int32s(-1, 4)
    assert core.open(maker.bytes()).dims(1) == [expected, 4]


def test_open_dimension_can_be_given(core) -> None:
    maker = chain("RELU")
    maker.graph.tensors[0].shape_signature = int32s(-1, -1)
    assert core.open(maker.bytes(), dims={0: (2, 7)}).dims(1) == [2, 7]


def test_old_and_new_operator_codes(core) -> None:
    for old, wide in ((19, 0), (0, 19), (19, 19)):
        maker = chain("RELU")
        maker.model.operator_codes[0] = tflite.OperatorCode(old, None, 1, wide)
        assert loads(core, maker)


def test_unused_tensors_and_empty_constants(core) -> None:
    maker = ModelMaker()
    x = maker.tensor((1, 1))
    maker.tensor((7,))
    maker.tensor((5,), FLOAT32, [1, 2, 3, 4, 5])
    scalar = maker.tensor((0,), INT32)  # the shape of a scalar: no elements, so no buffer
    y = maker.tensor(())
    maker.op("RESHAPE", [x, scalar], [y])
    assert core.open(maker.ends([x], [y]).bytes()).dims(y) == []


def test_inputs_and_repeated_tensors_as_outputs(core) -> None:
    maker = chain("RELU")
    maker.graph.outputs = int32s(1, 0, 1)
    assert core.open(maker.bytes()).lib is not None


# ---- arguments ----


@pytest.mark.parametrize(
    ("fields", "rule", "status"),
    [
        ({"struct_bytes": 8}, "OPTIONS_SIZE", BAD_ARGUMENT),
        ({"flags": 1 << 20}, "OPTIONS_VALUE", BAD_ARGUMENT),
        ({"threads": -1}, "OPTIONS_VALUE", BAD_ARGUMENT),
        ({"threads": 100000}, "OPTIONS_VALUE", BAD_ARGUMENT),
        ({"threads": 2}, "THREADS_WITHOUT_PARALLEL", BAD_ARGUMENT),
        ({"isa": 1234}, "ISA_MISSING", UNSUPPORTED),
        ({"isa": 1234, "flags": 64}, "ISA_MISSING", UNSUPPORTED),
        ({"dims": {1: (4, 4)}}, "INPUT_DIMS", BAD_ARGUMENT),
        ({"dims": {-1: (4, 4)}}, "INPUT_DIMS", BAD_ARGUMENT),
        ({"dims": {0: (4,)}}, "INPUT_DIMS", BAD_ARGUMENT),
        ({"dims": {0: (4, -4)}}, "INPUT_DIMS", BAD_ARGUMENT),
        ({"dims": {0: (1 << 20, 1 << 20)}}, "TENSOR_BYTES", BAD_MODEL),
    ],
)
def test_options(core, fields: dict[str, object], rule: str, status: int) -> None:
    with pytest.raises(Exception) as caught:
        core.plan(chain("RELU").bytes(), **fields)
    assert (caught.value.rule, caught.value.status) == (rule, status)


def test_null_and_misaligned_arguments(core) -> None:
    lib, fault, info = core.lib, ffi.new("li_fault *"), ffi.new("li_info *")
    data = chain("RELU").bytes()
    memory = ffi.new("char[]", len(data) + 64)
    model = memory + -int(ffi.cast("uintptr_t", memory)) % 16
    ffi.memmove(model, data, len(data))
    need, net = ffi.new("li_need *"), ffi.new("li_net **")
    assert lib.li_check(ffi.NULL, 100, info, fault) == BAD_ARGUMENT
    assert lib.li_check(model + 1, len(data), info, fault) == MISALIGNED
    assert lib.li_check(model, len(data), ffi.NULL, ffi.NULL) == 0
    assert lib.li_check(model, len(data), info, fault) == 0
    assert lib.li_plan(model, len(data), ffi.NULL, ffi.NULL, 0, need, fault) == BAD_ARGUMENT
    assert lib.li_open(net, model, len(data), ffi.NULL, ffi.NULL, fault) == BAD_ARGUMENT
    block = ffi.new("char[]", 65536)
    work = block + -int(ffi.cast("uintptr_t", block)) % 16
    assert lib.li_plan(model, len(data), ffi.NULL, work + 8, 60000, need, fault) == MISALIGNED
    assert lib.li_plan(model, len(data), ffi.NULL, work, info.work_bytes, need, fault) == 0
    parts = ffi.new("li_memory *", {"state": work, "state_bytes": 32768})
    assert lib.li_open(net, model, len(data), parts, ffi.NULL, fault) == NO_MEMORY
    assert core.rules[fault.rule] == "ARENA_TOO_SMALL"
    parts.arena, parts.arena_bytes = ffi.NULL, 4096
    assert lib.li_open(net, model, len(data), parts, ffi.NULL, fault) == BAD_ARGUMENT
    parts.arena = work + 32768
    assert lib.li_open(net, model, len(data), parts, ffi.NULL, fault) == 0
    for i in (-1, 1):
        assert lib.li_input(net[0], i) == ffi.NULL and lib.li_output(net[0], i) == ffi.NULL
    assert lib.li_tensor_at(net[0], 2) == ffi.NULL
    assert lib.li_run_operator(net[0], 1) == BAD_ARGUMENT
    assert lib.li_run_operator(net[0], 0) == 0
    assert lib.li_run(ffi.NULL) == BAD_ARGUMENT and lib.li_inputs(ffi.NULL) == 0
    closed = ffi.new("char[]", 512)
    assert lib.li_run(ffi.cast("li_net *", closed)) == BAD_ARGUMENT


def test_hook_sees_every_operator_and_can_stop(core) -> None:
    net = core.open(chain("RELU", "LOGISTIC", "RELU6").bytes())
    seen: list[tuple[int, int]] = []

    @ffi.callback("int32_t(void *, li_net *, int32_t, int32_t)")
    def hook(_context: object, _net: object, operation: int, when: int) -> int:
        seen.append((operation, when))
        return 1 if len(seen) == 9 else 0

    net.lib.li_hook(net.net, hook, ffi.NULL)
    assert net.lib.li_run(net.net) == 0
    assert seen == [(i, when) for i in range(3) for when in range(2)]
    assert net.lib.li_run(net.net) == -8  # LI_CANCELLED
    fault = ffi.new("li_fault *")
    net.lib.li_last_fault(net.net, fault)
    assert core.rules[fault.rule] == "RUN_CANCELLED" and fault.operation == 1
    net.lib.li_hook(net.net, ffi.NULL, ffi.NULL)
    assert net.lib.li_run(net.net) == 0


def test_every_status_and_rule_has_a_text(core) -> None:
    texts = {ffi.string(core.lib.li_strerror(s)) for s in range(-9, 1)}
    assert len(texts) == 10 and ffi.string(core.lib.li_strerror(-10)) == b"unknown status"
    rules = {ffi.string(core.lib.li_rule_text(i)) for i in range(len(core.rules))}
    assert len(rules) == len(core.rules) and ffi.string(core.lib.li_rule_text(len(rules))) == b"unknown rule"


# ---- further paths -------------------------------------------------------------------------------------------------


def test_parts_over_2_gib_are_refused(core) -> None:
    data = chain("RELU", "RELU", "RELU", shape=(1 << 28,)).bytes()
    assert core.plan(data).arena == 1 << 30
    with pytest.raises(Exception) as caught:
        core.plan(data, 1)  # LI_KEEP_TENSORS: four of them
    assert (caught.value.rule, caught.value.status) == ("PART_LIMIT", UNSUPPORTED)


def test_variables_live_in_the_state_and_are_reset(core) -> None:
    maker = ModelMaker()
    x = maker.tensor((4,), INT8, None, 0.1, -7)
    memory = maker.tensor((4,), INT8, None, 0.1, -7)
    maker.graph.tensors[memory].is_variable = True
    y = maker.tensor((4,), INT8, None, 0.1, -7)
    maker.op("ADD", [x, memory], [y], tflite.AddOptions(), 2)
    net = core.open(maker.ends([x], [y]).bytes())
    t = net.lib.li_tensor_at(net.net, memory)
    assert net.lib.li_tensor_is_variable(t) and not net.lib.li_tensor_is_constant(t)
    data = ffi.cast("int8_t *", net.lib.li_tensor_data(t))
    assert [data[i] for i in range(4)] == [-7] * 4
    data[2] = 100
    assert net.lib.li_run(net.net) == 0 and data[2] == 100
    assert net.lib.li_reset(net.net) == 0 and data[2] == -7
    maker.graph.outputs = int32s(memory)
    refused(core, maker, lambda m: None, "TENSOR_VARIABLE", BAD_MODEL)


def test_optional_bias_may_be_left_out(core) -> None:
    for inputs in (int32s(0, 1, -1), int32s(0, 1)):
        maker = int8_conv_net()
        maker.graph.operators[0].inputs = inputs
        assert loads(core, maker)


def test_buffers_behind_the_tables(core) -> None:
    """The form of files above 2 GiB: Buffer.offset and Buffer.size instead of a vector."""
    for size, rule in ((20, None), (21, "BUFFER_RANGE"), (16, "TENSOR_DATA")):
        maker = ModelMaker()
        x = maker.tensor((5,))
        c = maker.tensor((5,), data=np.zeros(5))
        y = maker.tensor((5,))
        maker.op("ADD", [x, c], [y], tflite.AddOptions())
        maker.ends([x], [y])
        maker.model.buffers[1] = tflite.Buffer(None, 0x12345678, size)
        data = bytearray(maker.bytes())
        at = data.index((0x12345678).to_bytes(8, "little"))
        data += bytes(-len(data) % 16)
        data[at : at + 8] = len(data).to_bytes(8, "little")
        values = np.arange(5, dtype=np.float32).tobytes()
        if rule is None:
            net = core.open(bytes(data) + values)
            t = net.lib.li_tensor_at(net.net, c)
            assert bytes(ffi.buffer(net.lib.li_tensor_data(t), 20)) == values
        else:
            with pytest.raises(Exception) as caught:
                core.plan(bytes(data) + values)
            assert caught.value.rule == rule


def test_other_metadata_is_no_plan(core) -> None:
    maker = chain("RELU", "SOFTMAX").plan([0, 0, 64])
    maker.model.metadata.insert(0, tflite.Metadata("OfflineMemoryAllocatioN", 0))
    maker.model.metadata.insert(0, tflite.Metadata(None, 0))
    assert core.plan(maker.bytes()).from_file


def test_hook_can_stop_after_an_operator(core) -> None:
    net = core.open(chain("RELU").bytes())

    @ffi.callback("int32_t(void *, li_net *, int32_t, int32_t)")
    def hook(_context: object, _net: object, _operation: int, when: int) -> int:
        return when

    net.lib.li_hook(net.net, hook, ffi.NULL)
    assert net.lib.li_run(net.net) == -8
    net.lib.li_last_fault(net.net, ffi.NULL)
    fault = ffi.new("li_fault *")
    net.lib.li_last_fault(ffi.NULL, fault)
    assert core.rules[fault.rule] == "NET_STATE"
    for call in (net.lib.li_reset, lambda n: net.lib.li_run_operator(n, 0)):
        assert call(ffi.NULL) == BAD_ARGUMENT


def test_tensor_accessors(core) -> None:
    net = core.open(int8_conv_net().bytes())
    lib = net.lib
    assert lib.li_abi_version() > 0 and ffi.string(lib.li_version()) == b"0.1.0"
    kernels = ffi.string(lib.li_kernels_name(net.net))
    assert kernels in (b"ref", b"sse41", b"avx2", b"avxvnni", b"avx512vnni", b"neon", b"dotprod")
    assert lib.li_operations(net.net) == 6 and lib.li_operator_builtin(net.net, 0) == 3
    assert lib.li_operator_builtin(net.net, 6) == lib.li_operator_builtin(net.net, -1) == -1
    indices = ffi.new("int32_t[8]", [9] * 8)
    assert lib.li_operator_inputs(net.net, 0, indices, 2) == 3 and list(indices)[:3] == [0, 1, 9]
    assert lib.li_operator_outputs(net.net, 0, indices, 8) == 1 and indices[0] == 3
    assert lib.li_operator_inputs(net.net, 6, indices, 8) == lib.li_operator_outputs(net.net, -1, indices, 8) == 0
    t = lib.li_tensor_at(net.net, 1)
    scales, zeros = ffi.new("float[8]"), ffi.new("int32_t[8]", [9] * 8)
    assert lib.li_tensor_scales(t, scales, 8) == 5 and scales[3] == pytest.approx(0.03)
    assert lib.li_tensor_scales(t, ffi.NULL, 0) == 5
    assert lib.li_tensor_zero_points(t, zeros, 8) == 5 and list(zeros)[:6] == [0, 0, 0, 0, 0, 9]
    assert lib.li_tensor_axis(lib.li_tensor_at(net.net, 4)) == 3
    length = ffi.new("size_t *")
    assert ffi.buffer(lib.li_tensor_name(t, length), length[0])[:] == b"t1"
    null = ffi.cast("li_tensor *", 0)
    assert lib.li_tensor_data(null) == ffi.NULL and lib.li_tensor_bytes(null) == 0
    assert lib.li_tensor_rank(null) == 0 and lib.li_tensor_dims(null) == ffi.NULL and lib.li_tensor_axis(null) == 0
    assert lib.li_tensor_scales(null, scales, 8) == lib.li_tensor_zero_points(null, zeros, 8) == 0
    assert lib.li_tensor_type(null) == lib.li_tensor_index(null) == -1
    assert ffi.string(lib.li_tensor_name(null, length)) == b"" and length[0] == 0


def test_plan_checks_its_arguments(core) -> None:
    lib, fault, need = core.lib, ffi.new("li_fault *"), ffi.new("li_need *")
    data = chain("RELU").bytes()
    model, work_bytes = core._model(data), core.check(data).work_bytes
    block = ffi.new("char[]", work_bytes + 16)
    work = block + -int(ffi.cast("uintptr_t", block)) % 16

    def plan(options: object = ffi.NULL, work: object = work, bytes: int = work_bytes, size: int = len(data)) -> str:
        lib.li_plan(model, size, options, work, bytes, need, fault)
        return core.rules[fault.rule]

    assert plan() == "NONE"
    assert plan(bytes=work_bytes - 1) == "WORK_TOO_SMALL"
    assert plan(work=ffi.NULL) == "ARGUMENT_NULL"
    assert plan(size=4) == "FILE_SIZE"
    assert lib.li_plan(model, len(data), ffi.NULL, work, work_bytes, ffi.NULL, fault) == BAD_ARGUMENT
    assert lib.li_plan(model, len(data), ffi.NULL, work, work_bytes, need, ffi.NULL) == 0
    for fields in ({"input_dims_count": -1}, {"input_dims_count": 1}):
        options, _ = core.options(**fields)
        assert plan(options) == "ARGUMENT_NULL"
    options, _ = core.options(threads=2, parallel=ffi.cast("li_parallel_fn", 16))  # planning calls nothing
    assert plan(options) == "NONE"


def test_more_operators_than_tensors_are_refused(core) -> None:
    maker = chain("RELU")
    maker.graph.operators *= 8200
    with pytest.raises(Exception) as caught:
        core.plan(maker.bytes())
    assert (caught.value.rule, caught.value.had) == ("TENSOR_LIMIT", 8200)
