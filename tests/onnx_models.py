"""Makes small ONNX models and compares what the frontend makes of them with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from converter import frontends
from converter.execute import CExecutor
from converter.ir.executor import evaluate
from converter.ir.graph import Graph
from converter.ir.verify import verify
from converter.options import Options

Array = npt.NDArray[Any]

#: Largest difference from ONNX Runtime, relative to the largest element of the output.
RELATIVE = 1e-5

#: One opset on either side of the changes of the operators that we map, and the newest that ONNX Runtime runs here.
OPSETS = (7, 9, 11, 13, 17, 21)


def make_model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int | str | None]],
    outputs: Sequence[str],
    constants: Mapping[str, Array] | None = None,
    opset: int = 17,
    ir_version: int = 8,
    output_type: int = onnx.TensorProto.FLOAT,
) -> onnx.ModelProto:
    """A model with float32 inputs of the given shapes; a string or None as dimension leaves it open."""
    graph = helper.make_graph(
        list(nodes),
        "model",
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(shape)) for name, shape in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()],
    )
    for output in graph.output:
        output.type.tensor_type.elem_type = output_type
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def one_node(
    op_type: str,
    inputs: Mapping[str, Sequence[int]],
    constants: Mapping[str, Array] | None = None,
    opset: int = 17,
    order: Sequence[str] | None = None,
    output_type: int = onnx.TensorProto.FLOAT,
    **attributes: Any,
) -> onnx.ModelProto:
    """A model of one operator named `node` with the output `y`; `order` lists its operands where "" is left out."""
    operands = list(order) if order is not None else [*inputs, *(constants or {})]
    node = helper.make_node(op_type, operands, ["y"], name="node", **attributes)
    return make_model([node], inputs, ["y"], constants, opset, output_type=output_type)


def random_inputs(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Standard normal values by the source's input names."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.standard_normal(value.shape).astype(value.dtype.numpy)
        for name, value in zip(graph.input_names, graph.inputs, strict=True)
    }


def run_onnxruntime(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [np.asarray(output) for output in session.run(None, dict(inputs))]


def run_graph(graph: Graph, inputs: Mapping[str, Array]) -> list[Array]:
    """The outputs of an IR graph on the C runtime; keys are the source's input names."""
    named = {value.name: inputs[name] for name, value in zip(graph.input_names, graph.inputs, strict=True)}
    return evaluate(CExecutor(), graph, named)


def assert_close(found: Array, expected: Array, relative: float = RELATIVE) -> None:
    assert found.shape == expected.shape and found.dtype == expected.dtype
    if found.dtype != np.float32:
        assert np.array_equal(found, expected)
        return
    limit = relative * float(np.abs(expected).max(initial=0.0))
    assert float(np.abs(found - expected).max(initial=0.0)) <= limit


def check(model: onnx.ModelProto, options: Options | None = None, inputs: Mapping[str, Array] | None = None) -> Graph:
    """Convert, verify, and compare every output with ONNX Runtime. Returns the graph for further checks."""
    graph = frontends.load(model, options or Options())
    verify(graph)
    feeds = dict(inputs) if inputs is not None else random_inputs(graph)
    expected = run_onnxruntime(model, feeds)
    for found, wanted in zip(run_graph(graph, feeds), expected, strict=True):
        assert_close(found, wanted)
    return graph


def operators(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]
