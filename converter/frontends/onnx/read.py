"""From bytes to a ModelProto that is whole, checked, of a known opset and without functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, Message
from onnx import checker, external_data_helper, inliner, version_converter

from ...errors import Blocker, InvalidModelError, UnsupportedError
from .constants import refuse_external
from .errors import STAGE

#: Nodes of a graph once its functions are inlined.
MAX_NODES = 1 << 17

#: Older models are upgraded to this opset; from here on operators broadcast as numpy does.
OLDEST_OPSET = 7


def parse(data: bytes, folder: Path) -> onnx.ModelProto:
    """The model in `data`, with the tensors that it keeps in files in `folder`. Raises InvalidModelError."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise InvalidModelError.at(
            STAGE, "", "the file is truncated or damaged: it starts as ONNX, but is no whole protobuf message"
        ) from error
    try:
        external_data_helper.load_external_data_for_model(model, str(folder))
    except (OSError, ValueError, checker.ValidationError) as error:
        raise InvalidModelError.at(
            STAGE, "external data", str(error), "Keep the data file next to the .onnx file, under its original name"
        ) from error
    return model


def prepare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Check the model, upgrade it to opset 7 where it is older, inline its functions. The argument is unchanged."""
    _check(model)
    if model.functions:
        _refuse_expansion(model)
        model = _inlined(model)
    opset = default_opset(model)
    newest = onnx.defs.onnx_opset_version()
    if opset > newest:
        raise UnsupportedError.at(
            STAGE, f"opset {opset}", f"the installed onnx package knows opsets up to {newest}", "Upgrade onnx"
        )
    if opset < OLDEST_OPSET:
        model = _upgrade(model, opset)
    return model


def _inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without functions."""
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # the inliner raises RuntimeError and types of its own that it does not export
        raise InvalidModelError.at(STAGE, "functions", f"they cannot be inlined: {_one_line(error)}") from error


def _refuse_expansion(model: onnx.ModelProto) -> None:
    """Raises InvalidModelError where functions call themselves, or grow to more nodes than any model has."""
    bodies = {(function.domain, function.name): _called(function.node) for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    for function in bodies:
        path = [function]
        while path:
            missing = next((call for call in bodies[path[-1]] if call in bodies and call not in sizes), None)
            if missing in path:
                raise InvalidModelError.at(STAGE, "functions", f"{path[-1][1]!r} calls itself, maybe through others")
            if missing is None:
                sizes[path[-1]] = sum(sizes.get(call, 1) for call in bodies[path[-1]])
                path.pop()
            else:
                path.append(missing)
    total = sum(sizes.get(call, 1) for call in _called(model.graph.node))
    if total > MAX_NODES:
        raise InvalidModelError.at(
            STAGE, "functions", f"they make {total} nodes of the graph", f"At most {MAX_NODES} are supported"
        )


def _called(nodes: Iterable[onnx.NodeProto]) -> list[tuple[str, str]]:
    """Domain and type of each node, those inside of branches included."""
    found: list[tuple[str, str]] = []
    pending = list(nodes)
    while pending:
        node = pending.pop()
        found.append((node.domain, node.op_type))
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                pending += graph.node
    return found


def default_opset(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators that the model uses."""
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if not versions:
        raise InvalidModelError.at(STAGE, "", "the model does not say which ONNX opset it uses")
    if not 1 <= min(versions) <= max(versions) < 2**31:
        raise InvalidModelError.at(STAGE, f"opset {max(versions, key=abs)}", "ONNX has no such version")
    return int(max(versions))


def _check(model: onnx.ModelProto) -> None:
    """ONNX's own checker. Unknown operators are not its business here: the lowering reports them all."""
    if not model.graph.node and not model.graph.output:
        raise InvalidModelError.at(STAGE, "", "the model has no graph")
    if _has_damaged_text(model):
        raise InvalidModelError.at(STAGE, "", "a name in the model is no UTF-8 text: the file is damaged")
    outputs = [output.name for output in model.graph.output]
    if repeated := [name for name, count in Counter(outputs).items() if count > 1]:
        raise InvalidModelError.at(STAGE, f"output {repeated[0]!r}", "is listed twice", "Remove one of the two")
    for tensor in model.graph.initializer:
        refuse_external(tensor)
    try:
        checker.check_model(_with_output_shapes(model))
    except checker.ValidationError as error:
        if not _has_unknown_operators(model) and default_opset(model) <= onnx.defs.onnx_opset_version():
            raise InvalidModelError.at(STAGE, "", f"the model breaks ONNX's rules: {_one_line(error)}") from error
    except ValueError as error:
        # More than 2 GiB with its external data: the checker cannot take it; what matters is checked on the way.
        if model.ByteSize() < 2**31:
            raise InvalidModelError.at(STAGE, "", f"the model cannot be checked: {error}") from error


def _has_damaged_text(model: onnx.ModelProto) -> bool:
    """Whether any text of the model is no UTF-8: protobuf hands out such text as bytes, whatever the field says."""
    pending: list[Message] = [model]
    while pending:
        for field, value in pending.pop().ListFields():
            if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
                continue
            items = [value] if isinstance(value, Message | str | bytes) else list(value)
            if field.type == field.TYPE_MESSAGE:
                pending += items
            elif any(isinstance(item, bytes) for item in items):
                return True
    return False


def _with_output_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model, or a copy for the checker where outputs lack the shape that it insists on and that nobody reads."""
    if all(output.type.tensor_type.HasField("shape") for output in model.graph.output):
        return model
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for output in copy.graph.output:
        output.type.tensor_type.shape.SetInParent()
    return copy


def _has_unknown_operators(model: onnx.ModelProto) -> bool:
    opset = min(default_opset(model), onnx.defs.onnx_opset_version())
    return any(
        node.domain not in ("", "ai.onnx") or not onnx.defs.has(node.op_type, opset, "") for node in model.graph.node
    )


def _upgrade(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    try:
        return version_converter.convert_version(model, OLDEST_OPSET)
    except Exception as error:  # the converter raises RuntimeError and types of its own that it does not export
        raise UnsupportedError(
            STAGE,
            [
                Blocker(
                    f"opset {opset}",
                    f"onnx.version_converter cannot upgrade it: {_one_line(error)}",
                    "Export with opset >= 13",
                )
            ],
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
