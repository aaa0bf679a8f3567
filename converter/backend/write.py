"""Graph to bytes. The order of tensors is that of `Graph.values()`, so the same graph gives the same file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ..gen import tflite
from ..ir.graph import Graph, Node, Value
from ..ir.memory import MemoryPlan
from ..ir.types import DType, Quantization
from ..ir.verify import verify
from .biases import with_biases
from .metadata import entries
from .operators import operator_code, options_table

SIGNATURE = "serving_default"
DESCRIPTION = "Made by liteinterp"


def write(graph: Graph, plan: MemoryPlan | None = None, metadata: Mapping[str, bytes] | None = None) -> bytes:
    """The bytes of a .tflite file.

    `plan` is stored for the runtime to follow; `metadata` goes beside the graph's own entries and wins over them.
    Raises IRError when the graph breaks an invariant.
    """
    verify(graph)
    return tflite.write_model(_Writer(with_biases(graph)).model(plan, {**graph.metadata, **(metadata or {})}))


def tensor_order(graph: Graph) -> list[Value]:
    """The values in the order of their tensor indices in the file, biases that `write` adds among them."""
    return list(with_biases(graph).values())


class _Writer:
    """Indices of tensors, buffers and operator codes while a file is put together."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values = list(graph.values())
        self.tensor_of = {value: index for index, value in enumerate(self.values)}
        self.buffers = [tflite.Buffer()]
        self.buffer_of: dict[bytes, int] = {b"": 0}
        self.codes: list[tflite.OperatorCode] = []
        self.code_of: dict[tuple[int, int], int] = {}

    def model(self, plan: MemoryPlan | None, metadata: Mapping[str, bytes]) -> tflite.Model:
        subgraph = tflite.SubGraph(
            tensors=[self.tensor(value) for value in self.values],
            inputs=self.indices(self.graph.inputs),
            outputs=self.indices(self.graph.outputs),
            operators=[self.operator(node) for node in self.graph.nodes],
            name=self.graph.name,
        )
        stored = entries(self.values, self.graph.nodes, plan, metadata)
        return tflite.Model(
            version=3,
            operator_codes=self.codes,
            subgraphs=[subgraph],
            description=DESCRIPTION,
            metadata=[tflite.Metadata(name=name, buffer=self.buffer(data)) for name, data in stored.items()],
            buffers=self.buffers,
            signature_defs=[self.signature()],
        )

    def indices(self, values: Sequence[Value | None]) -> npt.NDArray[np.int32]:
        return np.array([-1 if value is None else self.tensor_of[value] for value in values], dtype=np.int32)

    def buffer(self, data: bytes) -> int:
        """Index of the buffer that holds these bytes; equal bytes share one."""
        if data not in self.buffer_of:
            self.buffer_of[data] = len(self.buffers)
            self.buffers.append(tflite.Buffer(data=np.frombuffer(data, np.uint8)))
        return self.buffer_of[data]

    def tensor(self, value: Value) -> tflite.Tensor:
        return tflite.Tensor(
            shape=np.array(value.shape, dtype=np.int32),
            type=int(tflite.TensorType[value.dtype.name]),
            buffer=0 if value.data is None else self.buffer(constant_bytes(value.data, value.dtype)),
            name=value.name,
            quantization=_quantization(value.quantization),
            is_variable=value.is_variable,
            has_rank=not value.shape,  # without it, an empty shape means that the rank is unknown
        )

    def operator(self, node: Node) -> tflite.Operator:
        code = operator_code(node)
        key = (code.builtin_code, code.version)
        if key not in self.code_of:
            self.code_of[key] = len(self.codes)
            self.codes.append(code)
        given = len(node.inputs)
        while given and node.inputs[given - 1] is None:  # some runtimes take a shorter list, but no -1 at the end
            given -= 1
        return tflite.Operator(
            opcode_index=self.code_of[key],
            inputs=self.indices(node.inputs[:given]),
            outputs=self.indices(node.outputs),
            builtin_options=options_table(node),
        )

    def signature(self) -> tflite.SignatureDef:
        return tflite.SignatureDef(
            inputs=self.names(self.graph.input_names, self.graph.inputs),
            outputs=self.names(self.graph.output_names, self.graph.outputs),
            signature_key=SIGNATURE,
        )

    def names(self, names: Sequence[str], values: Sequence[Value]) -> list[tflite.TensorMap]:
        labels = names or [value.name for value in values]
        return [
            tflite.TensorMap(name=name, tensor_index=self.tensor_of[value])
            for name, value in zip(labels, values, strict=True)
        ]


def constant_bytes(data: npt.NDArray[np.generic], dtype: DType) -> bytes:
    """A constant as it lies in the file: little-endian, row-major; int4 two to a byte, the first in the low half."""
    if dtype is DType.INT4:
        flat = np.append(data.reshape(-1), np.zeros(data.size % 2, data.dtype)).astype(np.uint8) & 15
        return bytes((flat[0::2] | (flat[1::2] << 4)).astype(np.uint8).tobytes())
    return np.ascontiguousarray(data, dtype=data.dtype.newbyteorder("<")).tobytes()


def _quantization(quantization: Quantization | None) -> tflite.QuantizationParameters | None:
    if quantization is None:
        return None
    return tflite.QuantizationParameters(
        scale=np.array(quantization.scales, dtype=np.float32),
        zero_point=np.array(quantization.zero_points, dtype=np.int64),
        quantized_dimension=0 if quantization.is_per_tensor else quantization.axis,
    )
