"""A float graph written as ONNX, for rivals that read nothing else. Only for the operators of the networks compared.

Activations are NCHW, the input stays as it is and is transposed once; weights are moved, never changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from converter import frontends
from converter.ir.graph import Graph, Node, Value
from converter.options import Options

Array = npt.NDArray[Any]
OPSET = 17


def write_twin(source: Path, target: Path) -> None:
    """The network of a float `.tflite` as an ONNX file. Raises KeyError for an operator that is not here."""
    onnx.save(twin(frontends.load(source, Options(quantize="float32"))), target)


def twin(graph: Graph) -> onnx.ModelProto:
    """The model, checked by onnx."""
    writer = _Writer()
    for node in graph.nodes:
        EMITTERS[node.op](writer, node)
    inputs = [helper.make_tensor_value_info(v.name, TensorProto.FLOAT, v.shape) for v in graph.inputs]
    outputs = [helper.make_tensor_value_info(v.name, TensorProto.FLOAT, v.shape) for v in graph.outputs]
    made = helper.make_graph(writer.nodes, graph.name or "network", inputs, outputs, writer.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


class _Writer:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        #: Values that exist as NCHW only, by their name there.
        self.channels_first: dict[Value, str] = {}

    def emit(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{op}_{len(self.nodes)}", **attributes))
        return output

    def constant(self, name: str, array: Array) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def image(self, value: Value) -> str:
        """The NCHW form of a value."""
        if value not in self.channels_first:
            made = self.emit("Transpose", [value.name], f"{value.name}_nchw", perm=[0, 3, 1, 2])
            self.channels_first[value] = made
        return self.channels_first[value]

    def plain(self, value: Value) -> str:
        """The form with channels last."""
        if value not in self.channels_first:
            return value.name
        return self.emit("Transpose", [self.channels_first[value]], f"{value.name}_nhwc", perm=[0, 2, 3, 1])

    def activated(self, node: Node, before: str, after: str) -> str:
        function = node.options.get("fused_activation_function", "NONE")
        if function == "NONE":
            return before
        if function == "RELU":
            return self.emit("Relu", [before], after)
        if function == "RELU6":
            limits = [self.constant(f"{after}_{i}", np.array(limit, np.float32)) for i, limit in enumerate((0, 6))]
            return self.emit("Clip", [before, *limits], after)
        raise KeyError(f"{node.op} with {function}")


def _data(value: Value | None) -> Array:
    assert value is not None and value.data is not None
    return value.data


def _convolution(writer: _Writer, node: Node) -> None:
    source, weights, name = node.input(0), _data(node.input(1)), node.output.name
    depthwise = node.op == "DEPTHWISE_CONV_2D"
    moved = weights.transpose(3, 0, 1, 2) if depthwise else weights.transpose(0, 3, 1, 2)
    inputs = [writer.image(source), writer.constant(f"{name}_weights", moved)]
    if node.optional(2) is not None:
        inputs.append(writer.constant(f"{name}_bias", _data(node.optional(2)).reshape(-1)))
    made = writer.emit(
        "Conv",
        inputs,
        f"{name}_sum",
        strides=[node.options["stride_h"], node.options["stride_w"]],
        dilations=[node.options["dilation_h_factor"], node.options["dilation_w_factor"]],
        group=source.shape[3] if depthwise else source.shape[3] // weights.shape[3],
        auto_pad="SAME_UPPER" if node.options["padding"] == "SAME" else "VALID",
    )
    writer.channels_first[node.output] = writer.activated(node, made, f"{name}_nchw")


def _average_pool(writer: _Writer, node: Node) -> None:
    made = writer.emit(
        "AveragePool",
        [writer.image(node.input(0))],
        f"{node.output.name}_mean",
        kernel_shape=[node.options["filter_height"], node.options["filter_width"]],
        strides=[node.options["stride_h"], node.options["stride_w"]],
        auto_pad="SAME_UPPER" if node.options["padding"] == "SAME" else "VALID",
    )
    writer.channels_first[node.output] = writer.activated(node, made, f"{node.output.name}_nchw")


def _reshape(writer: _Writer, node: Node) -> None:
    name = node.output.name
    shape = writer.constant(f"{name}_shape", np.array(node.output.shape, np.int64))
    writer.emit("Reshape", [writer.plain(node.input(0)), shape], name)


def _dense(writer: _Writer, node: Node) -> None:
    name = node.output.name
    inputs = [writer.plain(node.input(0)), writer.constant(f"{name}_weights", _data(node.input(1)))]
    if node.optional(2) is not None:
        inputs.append(writer.constant(f"{name}_bias", _data(node.optional(2)).reshape(-1)))
    plain = node.options.get("fused_activation_function", "NONE") == "NONE"
    made = writer.emit("Gemm", inputs, name if plain else f"{name}_sum", transB=1)
    writer.activated(node, made, name)


def _softmax(writer: _Writer, node: Node) -> None:
    writer.emit("Softmax", [writer.plain(node.input(0))], node.output.name, axis=-1)


EMITTERS = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "AVERAGE_POOL_2D": _average_pool,
    "RESHAPE": _reshape,
    "SQUEEZE": _reshape,
    "FULLY_CONNECTED": _dense,
    "SOFTMAX": _softmax,
}
