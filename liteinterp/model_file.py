"""What Python reads from a model file itself: names, signatures, quantization, metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .element_types import INT4, NUMPY_TYPES, unpack_int4
from .gen import tflite
from .gen.ops import BUILTIN_NAMES, MAX_VERSIONS, SUPPORTED

PROVENANCE = "liteinterp.provenance"


@dataclass(frozen=True)
class Operator:
    """One node; `name` is the builtin's, or `CUSTOM <code>`."""

    index: int
    code: int
    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """Names for a subgraph's inputs and outputs: name -> tensor index."""

    key: str
    subgraph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True)
class Provenance:
    """A tensor of the file that equals a tensor of the source model: value = transpose(source, permutation) · factors.

    Factors are of channels, the value's last axis: 2^(gain / 8), written as the character 65 + gain.
    """

    tensor: int
    source: str
    permutation: tuple[int, ...] | None
    factors: tuple[float, ...] | None = None


class ModelFile:
    """Subgraph 0 of a file. Raises ValueError for bytes that are no well-formed file, or whose graph has inputs or
    outputs that are no tensors; other indices in a file may be anything and are checked where they are used."""

    def __init__(self, buffer: bytes | memoryview) -> None:
        self.model = tflite.read_model(buffer)
        if not self.model.subgraphs:
            raise ValueError("the model has no subgraph")
        self.graph = self.model.subgraphs[0]
        for index in (*self.inputs, *self.outputs):
            if not 0 <= index < len(self.graph.tensors):
                raise ValueError(f"the graph names tensor {index}, but has {len(self.graph.tensors)}")

    @property
    def tensors(self) -> list[tflite.Tensor]:
        return self.graph.tensors

    @property
    def inputs(self) -> tuple[int, ...]:
        return _indices(self.graph.inputs)

    @property
    def outputs(self) -> tuple[int, ...]:
        return _indices(self.graph.outputs)

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        return tuple(self._operator(i, node) for i, node in enumerate(self.graph.operators))

    def _operator(self, index: int, node: tflite.Operator) -> Operator:
        codes = self.model.operator_codes
        if node.opcode_index >= len(codes):
            return Operator(index, -1, f"operator code {node.opcode_index}", 0, (), ())
        entry = codes[node.opcode_index]
        code = max(entry.builtin_code, entry.deprecated_builtin_code)
        name = builtin_name(code)
        name = f"CUSTOM {entry.custom_code}" if name == "CUSTOM" else name
        return Operator(index, code, name, entry.version, _indices(node.inputs), _indices(node.outputs))

    @cached_property
    def signatures(self) -> tuple[Signature, ...]:
        return tuple(
            Signature(
                key=entry.signature_key or "",
                subgraph=entry.subgraph_index,
                inputs={item.name or "": item.tensor_index for item in entry.inputs},
                outputs={item.name or "": item.tensor_index for item in entry.outputs},
            )
            for entry in self.model.signature_defs
        )

    def input_names(self) -> dict[str, int]:
        """Name -> tensor: the source model's names from the signature where there is one, else the tensors' names."""
        return self._named(self.inputs, [signature.inputs for signature in self.signatures])

    def output_names(self) -> dict[str, int]:
        """As `input_names`."""
        return self._named(self.outputs, [signature.outputs for signature in self.signatures])

    def _named(self, indices: tuple[int, ...], signatures: list[Mapping[str, int]]) -> dict[str, int]:
        for names in signatures:
            if sorted(names.values()) == sorted(indices):
                return {name: index for index in indices for name, at in names.items() if at == index}
        return {self.tensor_name(index): index for index in indices}

    def open_input_dims(self) -> dict[int, tuple[int, ...]]:
        """Input position -> the file's placeholder shape, for inputs with more than the first dimension open (-1)."""
        found = {}
        for position, index in enumerate(self.inputs):
            signature = self.tensors[index].shape_signature
            if signature is not None and bool((signature[1:] < 0).any()):
                found[position] = shape_of(self.tensors[index])
        return found

    def tensor_name(self, index: int) -> str:
        if not 0 <= index < len(self.tensors):
            return f"#{index}"
        return self.tensors[index].name or f"#{index}"

    def tensor_words(self, index: int) -> str:
        """How a message speaks of a tensor."""
        return f"tensor {self.tensor_name(index)!r}"

    def operator_words(self, index: int) -> str:
        """How a message speaks of an operator: its kind, and what it writes, which is how tools show it."""
        if not 0 <= index < len(self.operators):
            return f"operator {index}"
        operator = self.operators[index]
        written = f" writing {self.tensor_name(operator.outputs[0])!r}" if operator.outputs else ""
        return f"operator {operator.name}{written} (number {index})"

    def missing_operators(self) -> tuple[str, ...]:
        """Each kind of operator in the file that this runtime lacks, with the reason, in the file's order."""
        missing: dict[str, None] = {}
        for operator in self.operators:
            if operator.name not in SUPPORTED:
                missing[operator.name] = None
            elif operator.version > MAX_VERSIONS[operator.name]:
                missing[f"{operator.name} version {operator.version}"] = None
        return tuple(missing)

    def buffer(self, index: int) -> npt.NDArray[np.uint8] | None:
        """The bytes of a tensor's buffer; None when it has none."""
        at = self.tensors[index].buffer
        if not 0 < at < len(self.model.buffers):
            return None
        data = self.model.buffers[at].data
        return data if data is not None and data.size else None

    def constant(self, index: int) -> npt.NDArray[Any] | None:
        """A constant's value; None for a tensor without data, or whose data does not fit its type and shape."""
        tensor, data = self.tensors[index], self.buffer(index)
        dtype = NUMPY_TYPES.get(tensor.type)
        if data is None or dtype is None or dtype.itemsize == 0:
            return None
        shape = shape_of(tensor)
        elements = int(np.prod(shape, dtype=np.int64))
        if tensor.type == INT4:
            return unpack_int4(data, shape) if data.size == (elements + 1) // 2 else None
        return data.view(dtype).reshape(shape) if data.size == elements * dtype.itemsize else None

    def metadata(self, name: str) -> bytes | None:
        """A metadata entry's bytes, by name."""
        for entry in self.model.metadata:
            if entry.name == name and entry.buffer < len(self.model.buffers):
                data = self.model.buffers[entry.buffer].data
                return b"" if data is None else data.tobytes()
        return None

    def metadata_sizes(self) -> dict[str, int]:
        """Bytes of every metadata entry, by name."""
        return {entry.name or "": len(self.metadata(entry.name or "") or b"") for entry in self.model.metadata}

    def provenance(self) -> tuple[Provenance, ...]:
        """Which source tensor each tensor equals; empty for files without that metadata, or with a malformed entry."""
        import json

        text = self.metadata(PROVENANCE)
        if text is None:
            return ()
        try:
            return tuple(
                Provenance(
                    tensor=int(row["tensor"]),
                    source=str(row["source"]),
                    permutation=tuple(map(int, row["permutation"])) if row.get("permutation") is not None else None,
                    factors=tuple(2 ** ((ord(c) - 65) / 8) for c in str(row["gains"])) if "gains" in row else None,
                )
                for row in json.loads(text)
                if 0 <= int(row["tensor"]) < len(self.tensors)
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return ()


def builtin_name(code: int) -> str:
    return BUILTIN_NAMES.get(code, f"builtin {code}")


def shape_of(tensor: tflite.Tensor) -> tuple[int, ...]:
    return () if tensor.shape is None else tuple(int(size) for size in tensor.shape)


def per_tensor_scale(tensor: tflite.Tensor) -> tuple[float, int] | None:
    """Scale and zero point of a tensor quantized as a whole; None for any other."""
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or quantization.scale.size != 1:
        return None
    points = quantization.zero_point
    return float(quantization.scale[0]), int(points[0]) if points is not None and points.size else 0


def _indices(vector: npt.NDArray[np.int32] | None) -> tuple[int, ...]:
    return () if vector is None else tuple(int(i) for i in vector)
