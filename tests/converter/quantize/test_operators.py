"""Every operator that has an int8 form gets it, and answers like the float form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter
from small_graphs import PLAIN, POOL, GraphMaker

from converter import backend
from converter.calibrate import collect
from converter.execute import CExecutor
from converter.gen.ops import OPS
from converter.ir.executor import evaluate
from converter.ir.graph import Graph, Value
from converter.ir.types import DType
from converter.options import Options
from converter.quantize import quantize
from converter.quantize.evaluate import sqnr_db

HALF_PIXEL = {"half_pixel_centers": True}
Array = npt.NDArray[Any]


def ints(make: GraphMaker, values: Any, name: str = "") -> Value:
    return make.constant(np.array(values, np.int32), name or f"ints{values}".replace(" ", ""))


def at_least_one(make: GraphMaker, x: Value) -> Value:
    return make.op("MAXIMUM", [x, make.constant(np.ones(8, np.float32), "one")])


def truth(make: GraphMaker, op: str, x: Value) -> Value:
    return make.op(op, [x, make.constant(np.zeros(1, np.float32), "zero")], dtype=DType.BOOL)


def logic(make: GraphMaker, op: str, *operands: Value) -> Value:
    return make.op(op, operands, dtype=DType.BOOL)


def index(make: GraphMaker, op: str, x: Value) -> Value:
    return make.op(op, [x, ints(make, 3)], {"output_type": "INT32"}, DType.INT32)


def joined(make: GraphMaker, parts: list[Value]) -> Value:
    """The parts in one tensor again, in another order."""
    return make.op("CONCATENATION", parts[::-1], {"axis": 2, **PLAIN})


#: One use of each operator, on a 1x4x4x8 value.
USES: dict[str, Callable[[GraphMaker, Value], Value]] = {
    "CONV_2D": lambda make, x: make.conv(x, 4, fused_activation_function="RELU"),
    "DEPTHWISE_CONV_2D": lambda make, x: make.depthwise(x, multiplier=2, padding="VALID"),
    "TRANSPOSE_CONV": lambda make, x: make.op(
        "TRANSPOSE_CONV",
        [ints(make, [1, 8, 8, 6]), make.weights(6, 3, 3, 8), x, make.weights(6, name="b")],
        {"padding": "SAME", "stride_h": 2, "stride_w": 2, "fused_activation_function": "RELU"},
    ),
    "FULLY_CONNECTED": lambda make, x: make.dense(make.reshape(x, 1, 128), 10),
    "ADD": lambda make, x: make.op("ADD", [x, make.conv(x, 8)], PLAIN),
    "MUL": lambda make, x: make.op("MUL", [x, make.weights(8)], PLAIN),
    "SUB": lambda make, x: make.op("SUB", [x, make.conv(x, 8)], PLAIN),
    "MAXIMUM": lambda make, x: make.op("MAXIMUM", [x, make.conv(x, 8)]),
    "MINIMUM": lambda make, x: make.op("MINIMUM", [x, make.weights(8)]),
    "BATCH_MATMUL": lambda make, x: make.op("BATCH_MATMUL", [x, make.conv(x, 8)], {"adj_y": True}),
    "GELU": lambda make, x: make.op("GELU", [x], {"approximate": False}),
    "L2_NORMALIZATION": lambda make, x: make.op("L2_NORMALIZATION", [x]),
    "PRELU": lambda make, x: make.op("PRELU", [x, make.weights(1, 1, 8)]),
    "SELECT_V2": lambda make, x: make.op("SELECT_V2", [truth(make, "LESS", x), x, make.op("RELU", [x])]),
    "EQUAL": lambda make, x: truth(make, "EQUAL", make.op("RELU", [x])),
    "NOT_EQUAL": lambda make, x: truth(make, "NOT_EQUAL", make.op("RELU", [x])),
    "LESS": lambda make, x: truth(make, "LESS", x),
    "LESS_EQUAL": lambda make, x: truth(make, "LESS_EQUAL", x),
    "GREATER": lambda make, x: truth(make, "GREATER", x),
    "GREATER_EQUAL": lambda make, x: truth(make, "GREATER_EQUAL", x),
    "LOGICAL_AND": lambda make, x: logic(make, "LOGICAL_AND", truth(make, "LESS", x), truth(make, "GREATER", x)),
    "LOGICAL_OR": lambda make, x: logic(make, "LOGICAL_OR", truth(make, "LESS", x), truth(make, "GREATER", x)),
    "LOGICAL_NOT": lambda make, x: logic(make, "LOGICAL_NOT", truth(make, "LESS", x)),
    "AVERAGE_POOL_2D": lambda make, x: make.op("AVERAGE_POOL_2D", [x], POOL),
    "MAX_POOL_2D": lambda make, x: make.op("MAX_POOL_2D", [x], POOL),
    "MEAN": lambda make, x: make.op("MEAN", [x, ints(make, [1, 2])], {"keep_dims": False}),
    "SUM": lambda make, x: make.op("SUM", [x, ints(make, [1, 2])], {"keep_dims": False}),
    "REDUCE_MAX": lambda make, x: make.op("REDUCE_MAX", [x, ints(make, [1, 2])], {"keep_dims": False}),
    "REDUCE_MIN": lambda make, x: make.op("REDUCE_MIN", [x, ints(make, [3])], {"keep_dims": True}),
    "ARG_MAX": lambda make, x: index(make, "ARG_MAX", x),
    "ARG_MIN": lambda make, x: index(make, "ARG_MIN", x),
    "SOFTMAX": lambda make, x: make.op("SOFTMAX", [x], {"beta": 1.0}),
    "LOGISTIC": lambda make, x: make.op("LOGISTIC", [x]),
    "TANH": lambda make, x: make.op("TANH", [x]),
    "ELU": lambda make, x: make.op("ELU", [x]),
    "LEAKY_RELU": lambda make, x: make.op("LEAKY_RELU", [x], {"alpha": 0.1}),
    "HARD_SWISH": lambda make, x: make.op("HARD_SWISH", [x]),
    "ABS": lambda make, x: make.op("ABS", [x]),
    "SQRT": lambda make, x: make.op("SQRT", [make.conv(x, 8, fused_activation_function="RELU")]),
    "RSQRT": lambda make, x: make.op("RSQRT", [at_least_one(make, x)]),
    "EXP": lambda make, x: make.op("EXP", [make.op("SOFTMAX", [x], {"beta": 1.0})]),
    "LOG": lambda make, x: make.op("LOG", [at_least_one(make, x)]),
    "RELU": lambda make, x: make.op("RELU", [x]),
    "RELU6": lambda make, x: make.op("RELU6", [x]),
    "RESHAPE": lambda make, x: make.reshape(x, 16, 8),
    "SQUEEZE": lambda make, x: make.op("SQUEEZE", [x], {"squeeze_dims": (0,)}),
    "TRANSPOSE": lambda make, x: make.op("TRANSPOSE", [x, ints(make, [0, 3, 1, 2])]),
    "CONCATENATION": lambda make, x: make.op("CONCATENATION", [x, make.conv(x, 3)], {"axis": 3, **PLAIN}),
    "RESIZE_BILINEAR": lambda make, x: make.op("RESIZE_BILINEAR", [x, ints(make, [7, 9])], HALF_PIXEL),
    "RESIZE_NEAREST_NEIGHBOR": lambda make, x: make.op("RESIZE_NEAREST_NEIGHBOR", [x, ints(make, [8, 3])], HALF_PIXEL),
    "DEPTH_TO_SPACE": lambda make, x: make.op("DEPTH_TO_SPACE", [x], {"block_size": 2}),
    "SPACE_TO_DEPTH": lambda make, x: make.op("SPACE_TO_DEPTH", [x], {"block_size": 4}),
    "SPACE_TO_BATCH_ND": lambda make, x: make.op(
        "SPACE_TO_BATCH_ND", [x, ints(make, [2, 1], "block"), ints(make, [[1, 1], [0, 2]])]
    ),
    "BATCH_TO_SPACE_ND": lambda make, x: make.op(
        "BATCH_TO_SPACE_ND", [make.reshape(x, 4, 2, 2, 8), ints(make, [2, 2], "block"), ints(make, [[1, 0], [0, 1]])]
    ),
    "EXPAND_DIMS": lambda make, x: make.op("EXPAND_DIMS", [x, ints(make, 1)]),
    "SLICE": lambda make, x: make.op("SLICE", [x, ints(make, [0, 1, 0, 2]), ints(make, [1, 2, -1, 5])]),
    "STRIDED_SLICE": lambda make, x: make.op(
        "STRIDED_SLICE",
        [x, ints(make, [0, 3, 0, 1]), ints(make, [1, 0, 4, 8]), ints(make, [1, -1, 2, 3])],
        {"shrink_axis_mask": 1},
    ),
    "SPLIT": lambda make, x: joined(make, make.ops("SPLIT", [ints(make, 3), x], 2, {"num_splits": 2})),
    "SPLIT_V": lambda make, x: joined(
        make, make.ops("SPLIT_V", [x, ints(make, [1, -1]), ints(make, 2)], 2, {"num_splits": 2})
    ),
    "UNPACK": lambda make, x: joined(make, make.ops("UNPACK", [x], 4, {"num": 4, "axis": 1})),
    "PACK": lambda make, x: make.op("PACK", [x, make.conv(x, 8)], {"values_count": 2, "axis": -1}),
    "GATHER": lambda make, x: make.op("GATHER", [x, ints(make, [3, 0, 3])], {"axis": 3}),
    "PADV2": lambda make, x: make.op(
        "PADV2", [x, ints(make, [[0, 0], [1, 2], [0, 1], [0, 0]]), make.constant(np.array(0.5, np.float32), "half")]
    ),
    "MIRROR_PAD": lambda make, x: make.op(
        "MIRROR_PAD", [x, ints(make, [[0, 0], [1, 2], [0, 3], [4, 0]])], {"mode": "REFLECT"}
    ),
    "PAD": lambda make, x: make.op("PAD", [x, ints(make, [[0, 0], [1, 2], [0, 1], [0, 0]])]),
}


def graph_of(op: str) -> Graph:
    make = GraphMaker((1, 4, 4, 3), seed=3)
    return make.graph(USES[op](make, make.conv(make.x, 8)))


def test_every_quantizable_operator_is_here() -> None:
    assert set(USES) == {name for name, spec in OPS.items() if spec.quantize not in ("none", "keep")}


@pytest.mark.parametrize("op", USES)
def test_int8_form_answers_like_the_float_form(op: str) -> None:
    graph = graph_of(op)
    random = np.random.default_rng(1)
    samples = [{"x": random.normal(0, 1, (1, 4, 4, 3)).astype(np.float32)} for _ in range(40)]
    made = quantize(graph, collect(graph, samples, CExecutor()), Options(), CExecutor())
    assert not made.kept_float
    borders = {"QUANTIZE", "DEQUANTIZE"} if graph.outputs[0].dtype.is_float else {"QUANTIZE"}
    assert {node.op for node in made.graph.nodes} == {node.op for node in graph.nodes} | borders
    wanted, got = (
        np.concatenate([evaluate(CExecutor(), g, sample)[0].reshape(-1) for sample in samples]).astype(np.float64)
        for g in (graph, made.graph)
    )
    if not graph.outputs[0].dtype.is_float:
        assert np.mean(wanted == got) > 0.9
        return
    assert sqnr_db(float((wanted**2).sum()), float(((wanted - got) ** 2).sum())) > 25


@pytest.mark.parametrize("op", USES)
def test_litert_runs_the_int8_form_to_the_same_bytes(op: str) -> None:
    graph = graph_of(op)
    random = np.random.default_rng(2)
    samples = [{"x": random.normal(0, 1, (1, 4, 4, 3)).astype(np.float32)} for _ in range(20)]
    made = quantize(graph, collect(graph, samples, CExecutor()), Options(io="int8"), CExecutor())
    litert = Interpreter(model_content=backend.write(made.graph))
    litert.allocate_tensors()
    for _ in range(20):
        x: Array = random.integers(-128, 128, (1, 4, 4, 3)).astype(np.int8)
        litert.set_tensor(litert.get_input_details()[0]["index"], x)
        litert.invoke()
        expected = litert.get_tensor(litert.get_output_details()[0]["index"])
        assert np.array_equal(evaluate(CExecutor(), made.graph, {"x": x})[0], expected)
