"""Small float graphs for tests of the converter's stages, with weights from a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from converter.ir.graph import Graph, Node, OptionValue, Value
from converter.ir.types import DType
from converter.ops.registry import infer_shapes

CONV: dict[str, OptionValue] = {
    "padding": "SAME",
    "stride_h": 1,
    "stride_w": 1,
    "dilation_h_factor": 1,
    "dilation_w_factor": 1,
    "fused_activation_function": "NONE",
}
POOL: dict[str, OptionValue] = {
    "padding": "VALID",
    "stride_h": 2,
    "stride_w": 2,
    "filter_height": 2,
    "filter_width": 2,
    "fused_activation_function": "NONE",
}
DENSE: dict[str, OptionValue] = {"fused_activation_function": "NONE", "keep_num_dims": False}
PLAIN: dict[str, OptionValue] = {"fused_activation_function": "NONE"}


class GraphMaker:
    """Adds one operator after the other; each method answers the new value."""

    def __init__(self, *shapes: Sequence[int], seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.inputs = [Value(f"x{i}" if i else "x", tuple(shape)) for i, shape in enumerate(shapes)]
        self.nodes: list[Node] = []

    @property
    def x(self) -> Value:
        return self.inputs[0]

    def constant(self, array: npt.ArrayLike, name: str = "c") -> Value:
        data = np.ascontiguousarray(array)
        return Graph(self.nodes, self.inputs, []).constant(name, data)

    def weights(self, *shape: int, name: str = "w") -> Value:
        return self.constant(self.random.normal(0, 0.4, shape).astype(np.float32), name)

    def op(
        self,
        name: str,
        inputs: Sequence[Value | None],
        options: dict[str, OptionValue] | None = None,
        dtype: DType = DType.FLOAT32,
    ) -> Value:
        """Any operator with one output."""
        (output,) = self.ops(name, inputs, 1, options, dtype)
        return output

    def ops(
        self,
        name: str,
        inputs: Sequence[Value | None],
        count: int,
        options: dict[str, OptionValue] | None = None,
        dtype: DType = DType.FLOAT32,
    ) -> list[Value]:
        """Any operator, with `count` outputs."""
        number = len(self.nodes)
        outputs = [Value(f"t{number}" + (f"_{i}" if i else ""), (), dtype) for i in range(count)]
        node = Node(name, list(inputs), outputs, dict(options or {}), f"{name.lower()}_{number}")
        for output, shape in zip(outputs, infer_shapes(node), strict=True):
            output.shape = shape
        self.nodes.append(node)
        return outputs

    def conv(self, x: Value, channels: int, kernel: int = 3, bias: bool = True, **options: OptionValue) -> Value:
        weights = self.weights(channels, kernel, kernel, x.shape[-1])
        b = self.weights(channels, name="b") if bias else None
        return self.op("CONV_2D", [x, weights] + ([b] if b else []), {**CONV, **options})

    def depthwise(self, x: Value, kernel: int = 3, multiplier: int = 1, **options: OptionValue) -> Value:
        channels = x.shape[-1] * multiplier
        operands = [x, self.weights(1, kernel, kernel, channels), self.weights(channels, name="b")]
        return self.op("DEPTHWISE_CONV_2D", operands, {**CONV, "depth_multiplier": multiplier, **options})

    def dense(self, x: Value, outputs: int, **options: OptionValue) -> Value:
        operands = [x, self.weights(outputs, x.shape[-1]), self.weights(outputs, name="b")]
        return self.op("FULLY_CONNECTED", operands, {**DENSE, **options})

    def reshape(self, x: Value, *shape: int) -> Value:
        return self.op("RESHAPE", [x, self.constant(np.array(shape, np.int32), "shape")], {"new_shape": shape})

    def graph(self, *outputs: Value) -> Graph:
        return Graph(
            self.nodes,
            self.inputs,
            list(outputs),
            input_names=[value.name for value in self.inputs],
            output_names=[value.name for value in outputs],
        )


def small_cnn(seed: int = 0) -> Graph:
    """conv, depthwise with ReLU6, a residual ADD, pooling, dense, softmax: 8x8x3 to 5 classes."""
    make = GraphMaker((1, 8, 8, 3), seed=seed)
    stem = make.conv(make.x, 8, fused_activation_function="RELU")
    branch = make.depthwise(stem, fused_activation_function="RELU6")
    branch = make.conv(branch, 8, kernel=1)
    joined = make.op("ADD", [stem, branch], PLAIN)
    pooled = make.op("AVERAGE_POOL_2D", [joined], POOL)
    flat = make.reshape(pooled, 1, 4 * 4 * 8)
    return make.graph(make.op("SOFTMAX", [make.dense(flat, 5)], {"beta": 0.1}))
