"""Writing the IR: what mapping functions use to read an ONNX node's operands and to emit operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import IRError
from ...gen.ops import OPS
from ...ir.graph import Graph, Node, OptionValue, Value
from ...ir.names import Names
from ...ir.types import DType, Origin, Shape
from ...ops.registry import infer_shapes
from .errors import STAGE, Refusal
from .graph import OnnxNode, StaticGraph, Tensor

#: Permutations between ONNX's channels-first and the IR's channels-last layout of images.
TO_NHWC = (0, 2, 3, 1)
TO_NCHW = (0, 3, 1, 2)

#: The runtime's limit on dimensions.
MAX_RANK = 6


class Builder:
    """Grows the graph node by node. A tensor of the model is bound to one Value, in the model's own layout."""

    def __init__(self, net: StaticGraph) -> None:
        self.graph = Graph([], [], [], net.name)
        #: Names of constants with NaN or infinity among their elements.
        self.not_finite: list[str] = []
        self._values: dict[str, Value] = {}
        self._constants: dict[tuple[str, tuple[int, ...] | None], Value] = {}
        self._transposed: dict[tuple[Value, tuple[int, ...]], Value] = {}
        self._producers: dict[Value, Node] = {}
        self._names = Names(_all_names(net))
        self._node_name = ""

    # Reading -------------------------------------------------------------------------------------------------

    def begin(self, node: OnnxNode) -> None:
        """What follows is emitted for this node."""
        self._node_name = node.name

    def value(self, tensor: Tensor) -> Value:
        """The Value of a tensor; a constant becomes one on first use."""
        if tensor.data is not None:
            return self.weights(tensor)
        return self._values[tensor.name]

    def weights(self, tensor: Tensor, permutation: tuple[int, ...] | None = None) -> Value:
        """A constant of the model as it is or with its axes permuted; one Value however often it is used."""
        key = (tensor.name, permutation)
        if key not in self._constants:
            data = self.array(tensor)
            suffix = "" if permutation is None else "_" + "".join(map(str, permutation))
            name = tensor.name if permutation is None else self._names.unique(tensor.name + suffix)
            value = _constant(name, data if permutation is None else data.transpose(permutation))
            value.origin = Origin(tensor.name, permutation)
            self._constants[key] = value
        return self._constants[key]

    def array(self, tensor: Tensor) -> npt.NDArray[Any]:
        """The elements of a constant that the arithmetic uses; NaN and infinity in it are noted."""
        if tensor.data is None:
            raise Refusal(f"{tensor.name!r} is computed at run time", "It has to be a constant")
        if tensor.data.dtype.kind == "f" and not np.isfinite(tensor.data).all() and tensor.name not in self.not_finite:
            self.not_finite.append(tensor.name)
        return tensor.data

    def producer(self, value: Value) -> Node | None:
        """The node that writes a value, None for inputs and constants."""
        return self._producers.get(value)

    # Emitting ------------------------------------------------------------------------------------------------

    def emit(
        self,
        op: str,
        inputs: Sequence[Value | None],
        options: Mapping[str, OptionValue] | None = None,
        *,
        to: Tensor | None = None,
        name: str = "",
        origin: Origin | None = None,
        dtype: DType | None = None,
    ) -> Value:
        """Append an operator and return its output. `dtype` says its type where the inputs' types allow several.

        `to` makes the output the value of a tensor of the model; otherwise it gets (about) the given name and origin.
        Raises Refusal when the operator does not take the element type or the rank.
        """
        first = inputs[0]
        if first is None:
            raise IRError.at(STAGE, self._node_name, f"{op} without its first input")
        wanted = _output_type(op, inputs, dtype)
        node = Node(op, list(inputs), [], dict(options or {}), self._node_name)
        try:
            (shape,) = infer_shapes(node)
        except ValueError as error:
            raise Refusal(f"as {op}: {error}", "Not supported yet") from error
        if len(shape) > MAX_RANK:
            raise Refusal(f"{len(shape)} dimensions", f"At most {MAX_RANK} are supported")
        if to is not None:
            output = Value(to.name, shape, wanted)
            self.bind(to, output)
            output.origin = Origin(to.name)
        else:
            output = Value(self._names.unique(name), shape, wanted, origin=origin)
        node.outputs.append(output)
        self.graph.nodes.append(node)
        self._producers[output] = node
        return output

    def emit_parts(
        self,
        op: str,
        inputs: Sequence[Value],
        options: Mapping[str, OptionValue],
        *,
        to: Sequence[Tensor | None],
        name: str,
    ) -> None:
        """Append an operator with several outputs: the values of tensors of the model, None where nothing reads one."""
        dtype = _output_type(op, inputs, None)
        outputs = [
            Value(self._names.unique(f"{name}_{i}") if tensor is None else tensor.name, (), dtype)
            for i, tensor in enumerate(to)
        ]
        node = Node(op, list(inputs), outputs, dict(options), self._node_name)
        try:
            shapes = infer_shapes(node)
        except ValueError as error:
            raise Refusal(f"as {op}: {error}", "Not supported yet") from error
        for output, tensor, shape in zip(outputs, to, shapes, strict=True):
            output.shape = shape
            if tensor is not None:
                self.bind(tensor, output)
                output.origin = Origin(tensor.name)
            self._producers[output] = node
        self.graph.nodes.append(node)

    def bind(self, tensor: Tensor, value: Value) -> None:
        """Let a tensor be a value; also one that another tensor is already (Identity)."""
        if value.shape != tensor.dims:
            raise IRError.at(STAGE, self._node_name, f"{tensor.name!r} is {tensor.dims} in ONNX, {value.shape} here")
        self._values[tensor.name] = value

    def add_input(self, tensor: Tensor) -> None:
        """A graph input in the model's layout and under its name."""
        value = Value(tensor.name, tensor.dims, dtype_of(tensor), origin=Origin(tensor.name))
        self._values[tensor.name] = value
        self.graph.inputs.append(value)
        self.graph.input_names.append(tensor.name)

    def add_output(self, name: str, tensor: Tensor) -> None:
        """A graph output. It becomes a copy where the value is an input, a constant or another output already."""
        value = self.value(tensor)
        if value.is_constant or value in self.graph.inputs or value in self.graph.outputs:
            value = self._copy(value, name)
        elif value.name != name:
            value.name = name
        self.graph.outputs.append(value)
        self.graph.output_names.append(name)

    def stand_in(self, node: OnnxNode) -> None:
        """Give a refused node's outputs values, so that the nodes behind it can be examined as well."""
        for tensor in node.outputs:
            if tensor is not None and tensor.is_known and tensor.name not in self._values:
                with suppress(Refusal):
                    self._values[tensor.name] = Value(tensor.name, tensor.dims, dtype_of(tensor))

    def has(self, tensor: Tensor) -> bool:
        """Whether the tensor is a constant or has been bound."""
        return tensor.data is not None or tensor.name in self._values

    # Common pieces -------------------------------------------------------------------------------------------

    def new_constant(self, name: str, data: npt.NDArray[Any]) -> Value:
        """A constant that the model does not hold as such."""
        if data.dtype.kind == "f" and not np.isfinite(data).all() and not self.not_finite:
            raise Refusal("its constants overflow float32 when they are combined", "Check its parameters")
        return _constant(self._names.unique(name), data)

    def indices(self, name: str, numbers: npt.ArrayLike) -> Value:
        """A constant int32 operand: a shape, axes, paddings, a permutation."""
        wide = np.asarray(numbers, np.int64)
        if (np.abs(wide) >= 2**31).any():
            raise Refusal(f"the numbers {wide.tolist()}", "They have to fit 32 bits")
        return self.new_constant(name, wide.astype(np.int32))

    def transpose(self, value: Value, permutation: Sequence[int], *, to: Tensor | None = None, name: str = "") -> Value:
        wish = name or f"{value.name}_transposed"
        operand = self.indices(f"{to.name if to else wish}_permutation", list(permutation))
        origin = None
        if value.origin is not None and value.origin.permutation is None:
            origin = Origin(value.origin.name, tuple(permutation))
        return self.emit("TRANSPOSE", [value, operand], to=to, name=wish, origin=origin)

    def transposed(self, value: Value, permutation: tuple[int, ...], *, name: str) -> Value:
        """A value transposed; made once however many nodes ask."""
        key = (value, permutation)
        if key not in self._transposed:
            self._transposed[key] = self.transpose(value, permutation, name=name)
        return self._transposed[key]

    def to_nhwc(self, value: Value) -> Value:
        """An NCHW value in NHWC."""
        return self.transposed(value, TO_NHWC, name=f"{value.name}_nhwc")

    def from_nhwc(self, value: Value, to: Tensor) -> Value:
        """Bind a tensor to an NHWC value turned back to NCHW."""
        return self.transpose(value, TO_NCHW, to=to)

    def reshape(self, value: Value, shape: Shape, *, to: Tensor | None = None, name: str = "") -> Value:
        wish = name or f"{value.name}_reshaped"
        if not shape:  # a file cannot hold a shape operand without elements
            vector = value if value.shape else self.reshape(value, (1,))
            return self.emit("SQUEEZE", [vector], {"squeeze_dims": tuple(range(len(vector.shape)))}, to=to, name=wish)
        operand = self.indices(f"{to.name if to else wish}_shape", list(shape))
        return self.emit("RESHAPE", [value, operand], {"new_shape": tuple(shape)}, to=to, name=wish)

    def pad(self, value: Value, paddings: Sequence[tuple[int, int]], *, to: Tensor | None = None) -> Value:
        """Surround a value with zeros; `paddings` has (before, after) for every dimension."""
        wish = f"{value.name}_padded"
        operand = self.indices(f"{to.name if to else wish}_paddings", paddings)
        return self.emit("PAD", [value, operand], to=to, name=wish)

    def _copy(self, value: Value, name: str) -> Value:
        self._node_name = name
        if value.name == name:  # the output is what users know by this name; an input keeps it in the signature
            value.name = self._names.unique(f"{name}_{'constant' if value.is_constant else 'input'}")
        output = self.reshape(value, value.shape, name=f"{name}_copy")
        output.name = name
        output.origin = Origin(name)
        return output


def dtype_of(tensor: Tensor) -> DType:
    """The IR's element type. Raises Refusal for those that it lacks."""
    try:
        return DType(str(tensor.dtype))
    except ValueError:
        raise Refusal(f"{tensor.name!r} holds {tensor.dtype}", "Export the model in float32") from None


def options_for(activation: str = "NONE") -> dict[str, OptionValue]:
    """Options of an operator whose only choice is its fused activation."""
    return {"fused_activation_function": activation}


def _constant(name: str, data: npt.NDArray[Any]) -> Value:
    array = np.ascontiguousarray(data).reshape(data.shape)
    return Value(name, array.shape, dtype_of(Tensor(name, array.shape, array.dtype)), data=array)


def _output_type(op: str, inputs: Sequence[Value | None], wanted: DType | None) -> DType:
    """The type that the operator's row gives its output. Refuses inputs of types that no row has."""
    spec = OPS[op]
    rows = list(spec.types)
    for i, value in enumerate(inputs):
        if value is None or (spec.inputs[-1].variadic and i >= len(spec.inputs)):
            continue
        fitting = [row for row in rows if row.inputs[i] == value.dtype.value]
        if not fitting:
            allowed = ", ".join(sorted({row.inputs[i] for row in rows}))
            raise Refusal(f"{value.name!r} holds {value.dtype.value}", f"{op} takes {allowed}: export in float32")
        rows = fitting
    types = [DType(row.outputs[0]) for row in rows]
    return wanted if wanted in types and wanted is not None else types[0]


def _all_names(net: StaticGraph) -> set[str]:
    names = {tensor.name for tensor in net.inputs} | {name for name, _ in net.outputs}
    for node in net.nodes:
        names |= {tensor.name for tensor in (*node.inputs, *node.outputs) if tensor is not None}
    return names
