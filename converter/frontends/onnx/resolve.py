"""From a model to its static graph: one walk that infers shapes and folds constants, then what nobody reads goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import count

import onnx

from ...errors import Blocker, InvalidModelError, UnsupportedError
from ...options import Options
from .attributes import read_attributes
from .constants import fold, is_foldable, read_constant, shape_result
from .errors import STAGE
from .graph import OnnxNode, StaticGraph, Tensor
from .node_rules import check_node
from .read import default_opset
from .shapes import infer_outputs, input_tensors, refuse_huge

_OWN_DOMAINS = ("", "ai.onnx")


def resolve(model: onnx.ModelProto, options: Options) -> StaticGraph:
    """Make every shape static that can be, fold every constant, inline branches that are decided.

    Raises UsageError for unknown input shapes and InvalidModelError where the model contradicts itself.
    """
    walk = _Walk(default_opset(model), options)
    walk.initializers(model.graph)
    # Up to IR version 3 every initializer is listed as an input too; as a default value it still may be.
    true_inputs = [value for value in model.graph.input if value.name not in walk.scope]
    inputs = input_tensors(true_inputs, options)
    for tensor in inputs:
        refuse_huge(tensor)
        walk.scope[tensor.name] = tensor
    walk.nodes(model.graph.node)
    outputs = [(value.name, walk.tensor(value.name, "the model's outputs")) for value in model.graph.output]
    return StaticGraph(model.graph.name or "main", tuple(inputs), tuple(outputs), _live(walk.kept, outputs))


class _Walk:
    """The state of the walk: what every name stands for so far, and the nodes that are left to compute."""

    def __init__(self, opset: int, options: Options) -> None:
        self.opset = opset
        self.options = options
        self.scope: dict[str, Tensor] = {}
        self.kept: list[OnnxNode] = []
        self._counts: Counter[str] = Counter()

    def initializers(self, graph: onnx.GraphProto) -> None:
        if graph.sparse_initializer:
            names = ", ".join(repr(sparse.values.name) for sparse in graph.sparse_initializer)
            raise UnsupportedError(STAGE, [Blocker(names, "sparse initializers", "Store these tensors densely")])
        for proto in graph.initializer:
            data = read_constant(proto)
            self.scope[proto.name] = Tensor(proto.name, data.shape, data.dtype, data)

    def tensor(self, name: str, reader: str) -> Tensor:
        if name not in self.scope:
            raise InvalidModelError.at(STAGE, reader, f"tensor {name!r} is read but nothing before produces it")
        return self.scope[name]

    def nodes(self, protos: Iterable[onnx.NodeProto]) -> None:
        for proto in protos:
            self._node(proto)

    def _node(self, proto: onnx.NodeProto) -> None:
        name = proto.name or f"{proto.op_type}_{self._counts[proto.op_type]}"
        self._counts[proto.op_type] += 1
        inputs = [self.tensor(source, f"{proto.op_type} {name!r}") if source else None for source in proto.input]
        condition = inputs[0] if inputs else None
        if proto.op_type == "If" and proto.domain in _OWN_DOMAINS and condition and condition.data is not None:
            self._branch(proto, name, bool(condition.data.all()))
            return
        if proto.domain in _OWN_DOMAINS and onnx.defs.has(proto.op_type, self.opset, ""):
            check_node(proto, name, self.opset)
        attributes = read_attributes(proto, name)
        outputs = infer_outputs(proto, inputs, attributes, self.opset, self.options)
        results = self._fold(proto, inputs, outputs)
        for tensor in results or outputs:
            if tensor.name:
                self.scope[tensor.name] = tensor
        if results is None:
            domain = "" if proto.domain in _OWN_DOMAINS else proto.domain
            self.kept.append(
                OnnxNode(name, proto.op_type, domain, self.opset, tuple(inputs), tuple(outputs), attributes)
            )

    def _fold(
        self, proto: onnx.NodeProto, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]
    ) -> list[Tensor] | None:
        """The outputs as constants, or None when they depend on the model's inputs."""
        if proto.domain in _OWN_DOMAINS and inputs and inputs[0] is not None and inputs[0].shape is not None:
            data = shape_result(proto, inputs[0].shape)
            if data is not None:
                return [Tensor(outputs[0].name, data.shape, data.dtype, data)]
        if not is_foldable(proto) or any(tensor is not None and tensor.data is None for tensor in inputs):
            return None
        operands = {source: self.scope[source].data for source in proto.input if source}
        arrays = fold(
            proto,
            {source: data for source, data in operands.items() if data is not None},
            [tensor.shape for tensor in outputs],
            self.opset,
        )
        if arrays is None:
            return None
        names = [name for name in proto.output if name]
        return [Tensor(name, array.shape, array.dtype, array) for name, array in zip(names, arrays, strict=True)]

    def _branch(self, proto: onnx.NodeProto, name: str, taken: bool) -> None:
        """Inline the branch of an If whose condition is known."""
        wanted = "then_branch" if taken else "else_branch"
        found = next((attribute.g for attribute in proto.attribute if attribute.name == wanted), onnx.GraphProto())
        if len(found.output) != len(proto.output):
            raise InvalidModelError.at(
                STAGE, f"If {name!r}", f"{wanted} has {len(found.output)} outputs, the node {len(proto.output)}"
            )
        body = _with_new_names(found, self.scope)
        self.initializers(body)
        self.nodes(body.node)
        for outer, inner in zip(proto.output, body.output, strict=True):
            self.scope[outer] = self.tensor(inner.name, f"If {name!r}")


def _with_new_names(body: onnx.GraphProto, taken: Container[str]) -> onnx.GraphProto:
    """A branch whose tensors have names of their own: two branches that lie side by side may use the same ones."""
    new: dict[str, str] = {}
    for name in (*(tensor.name for tensor in body.initializer), *(name for node in body.node for name in node.output)):
        if name and name in taken:
            new[name] = next(alias for i in count(1) if (alias := f"{name}.branch_{i}") not in taken)
    if not new:
        return body
    renamed = onnx.GraphProto()
    renamed.CopyFrom(body)
    _rename(renamed, new)
    return renamed


def _rename(graph: onnx.GraphProto, new: Mapping[str, str]) -> None:
    """Rename tensors in a graph and in those inside it."""
    for item in (*graph.initializer, *graph.output):
        item.name = new.get(item.name, item.name)
    for node in graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _rename(attribute.g, new)


def _live(nodes: Sequence[OnnxNode], outputs: Sequence[tuple[str, Tensor]]) -> tuple[OnnxNode, ...]:
    """The nodes that the outputs need, in order; outputs that nothing reads become None."""
    needed = {tensor.name for _, tensor in outputs}
    live: list[OnnxNode] = []
    for node in reversed(nodes):
        read = tuple(tensor if tensor is not None and tensor.name in needed else None for tensor in node.outputs)
        if any(read):
            needed.update(tensor.name for tensor in node.inputs if tensor is not None and tensor.data is None)
            live.append(OnnxNode(node.name, node.op_type, node.domain, node.opset, node.inputs, read, node.attributes))
    return tuple(reversed(live))
