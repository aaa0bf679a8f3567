"""What a `.tflite` file holds, what it costs, and which runtimes will load it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .element_types import NUMPY_TYPES
from .errors import InvalidFileError, LiteinterpError, UnsupportedError, UsageError
from .files import map_model
from .gen.ops import DOCS, IN_TFLM, LITERT_SINCE, SUPPORTED
from .gen.tflite import TensorType
from .memory_parts import NodeRow, StateParts, node_rows, state_parts
from .model_file import ModelFile, per_tensor_scale, shape_of
from .tables import Table, printable
from .work import macs

if TYPE_CHECKING:
    from .net import ModelBytes, Need, Net

SCHEMA = "liteinterp.inspection/1"


@dataclass(frozen=True)
class Border:
    """An input or output: source name, name of the tensor, and what it holds. -1 is a dimension left open."""

    name: str
    tensor: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None


@dataclass(frozen=True)
class OperatorRow:
    """How often one kind of operator occurs."""

    name: str
    versions: tuple[int, ...]
    count: int
    macs: int
    supported: bool


@dataclass(frozen=True)
class TensorRow:
    """One tensor of the file."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    constant_bytes: int


@dataclass(frozen=True)
class RuntimeRow:
    """Whether a runtime loads the file, None where that is not known; `detail` says since when, or why not."""

    runtime: str
    loads: bool | None
    detail: str


@dataclass(frozen=True)
class Inspection:
    """A file, described."""

    file: str
    file_bytes: int
    description: str
    subgraphs: int
    inputs: tuple[Border, ...]
    outputs: tuple[Border, ...]
    signatures: tuple[str, ...]
    operators: tuple[OperatorRow, ...]
    tensors: tuple[TensorRow, ...]
    constant_bytes: int
    macs: int
    #: Exact bytes per kernel set, or per target where targets were named; empty where the model does not run here.
    memory: dict[str, Need]
    #: How the state of the first kernel set comes about; None where the model does not run here.
    state: StateParts | None
    #: Every operator in order, with bytes of the first kernel set; empty where the model does not run here.
    nodes: tuple[NodeRow, ...]
    #: Of weights that the file holds packed: kernel set -> whether they are used and true.
    packed: dict[str, str]
    #: What was asked for; then the nodes are listed anyway.
    targets: tuple[str, ...]
    metadata: dict[str, int]
    #: What the metadata entry min_runtime_version says: a TensorFlow release; "" without one.
    min_runtime: str
    runtimes: tuple[RuntimeRow, ...]

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps({"schema": SCHEMA, **dataclasses.asdict(self)}, indent=2, ensure_ascii=False) + "\n"

    def tables(self, everything: bool = False) -> Iterator[Table]:
        """For people; `everything` lists the tensors too."""
        borders = [("input", row) for row in self.inputs] + [("output", row) for row in self.outputs]
        yield Table(
            "",
            ("", "name", "type", "shape", "scale", "zero point"),
            tuple((side, row.name, row.dtype, _dims(row.shape), *_quantization(row)) for side, row in borders),
            numeric_from=4,
        )
        yield Table(
            "",
            ("operator", "here", "version", "count", "MACs"),
            tuple(
                (row.name, "yes" if row.supported else "no", _versions(row), f"{row.count:,}", f"{row.macs:,}")
                for row in self.operators
            ),
            numeric_from=2,
        )
        if self.memory:
            yield Table(
                "memory in bytes, exact",
                (
                    "target" if self.targets else "kernels",
                    "arena",
                    "lower bound",
                    "gap",
                    "state",
                    "scratch",
                    "packed",
                    "plan",
                ),
                tuple(
                    (
                        name,
                        *(f"{n:,}" for n in (need.arena, need.arena_lower_bound)),
                        f"{100 * need.gap:.1f} %",
                        *(f"{n:,}" for n in (need.state, need.scratch)),
                        "in the file" if need.packed_from_file else f"{need.packed:,}",
                        "in the file" if need.plan_from_file else "made at open",
                    )
                    for name, need in self.memory.items()
                ),
            )
        if (everything or self.targets) and self.nodes:
            first = next(iter(self.memory))
            yield Table(
                f"operators in order, bytes {f'on {first}' if self.targets else f'with {first} kernels'}",
                ("", "computes", "operator", "MACs", "arena", "state", "packed", "scratch"),
                tuple(
                    (str(n.index), n.name, n.operator, *(f"{number:,}" for number in _numbers(n))) for n in self.nodes
                ),
                numeric_from=3,
            )
        if everything:
            yield Table(
                "tensors",
                ("index", "name", "type", "shape", "constant bytes"),
                tuple(
                    (str(row.index), row.name, row.dtype, _dims(row.shape), f"{row.constant_bytes:,}")
                    for row in self.tensors
                ),
                numeric_from=4,
            )

    def closing(self) -> Iterator[str]:
        """What the state is made of, and which runtimes load the file, a line each."""
        if self.state is not None:
            yield f"state: {self.state.sentence()}"
        for name, verdict in self.packed.items():
            yield printable(f"weights packed for {name} in the file: {verdict}")
        for row in self.runtimes:
            answer = "not known" if row.loads is None else "yes" if row.loads else "no"
            yield printable(f"loads in {row.runtime}: {answer}" + (f", {row.detail}" if row.detail else ""))

    def heading(self) -> str:
        parts = [
            f"{self.file}: {self.file_bytes:,} bytes, of which constants {self.constant_bytes:,}",
            f"{sum(row.count for row in self.operators)} operators, {len(self.tensors)} tensors, {self.macs:,} MACs",
        ]
        if self.min_runtime:
            parts.append(f"made for TensorFlow Lite runtimes from {self.min_runtime}")
        if self.signatures:
            parts.append(f"signatures: {', '.join(self.signatures)}")
        if self.metadata:
            parts.append("metadata: " + ", ".join(f"{name} ({size:,} bytes)" for name, size in self.metadata.items()))
        return "\n".join(map(printable, parts))


def inspect(path: str | os.PathLike[str], targets: Sequence[str] = ()) -> Inspection:
    """Describe a `.tflite` file; with `targets`, its memory on each of these instead of on this machine.

    Raises UsageError when it cannot be read or a target is not known, InvalidFileError when it is none,
    UnsupportedError when this build does not know the sizes of a target.
    """
    from .net import TARGETS, ModelBytes
    from .packed_entries import packed_entries

    unknown = [target for target in targets if target not in TARGETS]
    if unknown:
        raise UsageError(f"unknown target {', '.join(map(repr, unknown))}; there are {', '.join(TARGETS)}")

    content = map_model(path)
    if Path(path).suffix == ".onnx" and content[4:8] != b"TFL3":
        raise UsageError(f"{path} is an ONNX model; inspect reads .tflite files: convert it first")
    model = ModelBytes(content)
    try:
        file = ModelFile(model.buffer)
    except ValueError as error:
        raise InvalidFileError(f"The model is not a valid Flatbuffer buffer: {error}") from error
    memory, net, nodes, refusal = _memory(model, file, tuple(dict.fromkeys(targets)))
    tensors = tuple(_tensor(file, index) for index in range(len(file.tensors)))
    operators = tuple(_operators(file))
    return Inspection(
        file=Path(path).name,
        file_bytes=len(content),
        description=file.model.description or "",
        subgraphs=len(file.model.subgraphs),
        inputs=tuple(_border(file, name, index) for name, index in file.input_names().items()),
        outputs=tuple(_border(file, name, index) for name, index in file.output_names().items()),
        signatures=tuple(signature.key for signature in file.signatures),
        operators=operators,
        tensors=tensors,
        constant_bytes=sum(row.constant_bytes for row in tensors),
        macs=sum(row.macs for row in operators),
        memory=memory,
        state=None if net is None else state_parts(net),
        nodes=nodes,
        packed={} if net is None else packed_entries(model, file, file.open_input_dims()),
        targets=tuple(dict.fromkeys(targets)),
        metadata=file.metadata_sizes(),
        min_runtime=(file.metadata("min_runtime_version") or b"").rstrip(b"\0").decode("ascii", "replace"),
        runtimes=(RuntimeRow("liteinterp", not refusal, refusal), *_others(file)),
    )


def operators_table() -> Table:
    """The operators that run here."""
    rows = tuple((name, LITERT_SINCE[name], "yes" if name in IN_TFLM else "no", DOCS[name]) for name in SUPPORTED)
    return Table("operators of .tflite files", ("operator", "LiteRT since", "TFLite Micro", ""), rows, numeric_from=4)


def _memory(
    model: ModelBytes, file: ModelFile, targets: tuple[str, ...]
) -> tuple[dict[str, Need], Net | None, tuple[NodeRow, ...], str]:
    """Bytes on the targets, else with the best and with the portable kernels of this machine; a net of this machine;
    what each operator takes on the first of the targets; or why the model does not run."""
    from .net import PLAN_ONLY, TARGETS, Net, Request, plan, plan_operators

    try:
        dims = file.open_input_dims()
        net = Net(model, Request(input_dims=dims))
        if not targets:
            kernels = dict.fromkeys((net.kernels, "ref"))
            memory = {name: plan(model, Request(isa=name, input_dims=dims)) for name in kernels}
            return memory, net, node_rows(net, file), ""
    except LiteinterpError as error:
        return {}, None, (), str(error)
    memory, shares = {}, []
    for target in targets:
        try:
            need, own = plan_operators(model, net.operations, Request(PLAN_ONLY, TARGETS[target], input_dims=dims))
        except UnsupportedError as error:
            raise UnsupportedError(
                f"target {target}: this build of the library has no such kernels, so it cannot say their "
                "sizes; a build for that processor can"
            ) from error
        memory[target] = need
        shares.append(own)
    return memory, net, node_rows(net, file, shares[0]), ""


def _numbers(row: NodeRow) -> tuple[int, ...]:
    return row.macs, row.arena_bytes, row.state_bytes, row.packed_bytes, row.scratch_bytes


def _others(file: ModelFile) -> Iterator[RuntimeRow]:
    names = {operator.name for operator in file.operators}
    unknown = sorted(names - set(SUPPORTED))
    if unknown:
        custom = [name for name in unknown if name.startswith("CUSTOM")]
        for runtime in ("LiteRT", "TFLite Micro"):
            if custom:
                yield RuntimeRow(runtime, False, f"unless its custom operators are registered: {', '.join(custom)}")
            else:
                yield RuntimeRow(runtime, None, f"liteinterp's list lacks {', '.join(unknown)}")
        return
    since = max((LITERT_SINCE[name] for name in names), key=_release, default="1.0")
    yield RuntimeRow("LiteRT", True, f"it has every operator since release {since}")
    missing = sorted({*(names - set(IN_TFLM)), *_beyond_micro(file)})
    yield RuntimeRow("TFLite Micro", not missing, f"lacks {', '.join(missing)}" if missing else "it has every operator")


def _beyond_micro(file: ModelFile) -> Iterator[str]:
    """What TFLite Micro lacks of operators that it has: hybrid layers, and most forms of stored weights."""
    for operator in file.operators:
        tensors = [file.tensors[i] for i in operator.inputs if 0 <= i < len(file.tensors)]
        types = {tensor.type for tensor in tensors}
        if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"):
            if TensorType.FLOAT32 in types and types & {TensorType.INT8, TensorType.INT4}:
                yield f"hybrid {operator.name}"
        elif operator.name == "DEQUANTIZE" and tensors:
            if types & {TensorType.FLOAT16, TensorType.INT4}:
                yield f"DEQUANTIZE of {_type(tensors[0].type)}"
            elif per_tensor_scale(tensors[0]) is None:
                yield "DEQUANTIZE with a scale per channel"


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _operators(file: ModelFile) -> Iterator[OperatorRow]:
    missing = file.missing_operators()
    work = Counter[str]()
    versions: dict[str, set[int]] = {}
    for operator in file.operators:
        work[operator.name] += macs(file, operator)
        versions.setdefault(operator.name, set()).add(operator.version)
    for name, count in Counter(operator.name for operator in file.operators).most_common():
        lacks = any(text == name or text.startswith(f"{name} version") for text in missing)
        yield OperatorRow(name, tuple(sorted(versions[name])), count, work[name], not lacks)


def _tensor(file: ModelFile, index: int) -> TensorRow:
    tensor, data = file.tensors[index], file.buffer(index)
    return TensorRow(
        index, file.tensor_name(index), shape_of(tensor), _type(tensor.type), 0 if data is None else int(data.size)
    )


def _border(file: ModelFile, name: str, index: int) -> Border:
    tensor = file.tensors[index]
    signature = tensor.shape_signature
    shape = shape_of(tensor) if signature is None or not signature.size else tuple(int(size) for size in signature)
    scale, zero_point = per_tensor_scale(tensor) or (None, None)
    return Border(name, file.tensor_name(index), shape, _type(tensor.type), scale, zero_point)


def _type(code: int) -> str:
    known = {int(member) for member in TensorType}
    if code in NUMPY_TYPES and code in known:
        return TensorType(code).name.lower()
    return TensorType(code).name.lower() if code in known else f"type {code}"


def _quantization(row: Border) -> tuple[str, str]:
    return ("", "") if row.scale is None else (f"{row.scale:.9g}", str(row.zero_point))


def _versions(row: OperatorRow) -> str:
    return ", ".join(map(str, row.versions))


def _dims(shape: tuple[int, ...]) -> str:
    return "×".join("?" if size < 0 else str(size) for size in shape) if shape else "scalar"
