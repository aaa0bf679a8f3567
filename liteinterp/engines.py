"""Whatever runs a model for `compare`: this runtime or LiteRT a `.tflite`, ONNX Runtime or onnx.reference an `.onnx`.

An engine names its tensors as its model file does, and gives what they hold after a run, as stored.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from .element_types import NUMPY_TYPES, dequantized
from .errors import InvalidFileError, MissingExtraError, UsageError
from .files import read_model_bytes
from .fitting import InputSpec
from .model_file import ModelFile, Provenance, per_tensor_scale, shape_of

if TYPE_CHECKING:
    from .net import Net

log = logging.getLogger("liteinterp")

Array = npt.NDArray[Any]
Shapes = Mapping[str, Sequence[int]]

ENGINES = ("auto", "liteinterp", "litert", "onnxruntime", "onnx-reference")


@dataclass(frozen=True)
class TensorInfo:
    """A tensor that an engine lets us read: its name in the file and how to understand its integers."""

    name: str
    operator: str
    scale: float | None
    zero_point: int
    dtype: np.dtype[Any]

    def real(self, stored: Array) -> Array:
        """The numbers that the stored elements stand for."""
        if self.scale is None or stored.dtype.kind not in "iu":
            return stored
        return dequantized(stored, self.scale, self.zero_point)


class Engine(Protocol):
    """A model that can be run and looked into."""

    title: str
    inputs: tuple[InputSpec, ...]
    #: Source-level input or output name -> tensor name.
    input_tensors: Mapping[str, str]
    outputs: Mapping[str, str]
    tensors: Mapping[str, TensorInfo]
    provenance: tuple[tuple[str, Provenance], ...]

    def watch(self, names: Iterable[str]) -> None:
        """Choose the tensors that `run` returns."""

    def run(self, sample: Mapping[str, Array]) -> Mapping[str, Array]:
        """What the watched tensors hold after a run, valid until the next one. Keys of `sample` are input names."""


def open_engine(path: str | os.PathLike[str], engine: str = "auto", shapes: Shapes | None = None) -> Engine:
    """An engine for a model file. `shapes` fill in dimensions that an ONNX model leaves open.

    Raises UsageError for an engine that cannot run this kind of file, MissingExtraError where a package is missing.
    """
    if engine not in ENGINES:
        raise UsageError(f"unknown engine {engine!r}; there are {', '.join(ENGINES)}")
    content = read_model_bytes(path)
    name = Path(path).name
    is_tflite = content[4:8] == b"TFL3" or Path(path).suffix == ".tflite"
    if is_tflite and engine in ("auto", "liteinterp"):
        return TfliteEngine(content)
    if is_tflite and engine == "litert":
        return LiteRTEngine(content)
    if is_tflite:
        raise UsageError(f"{engine} cannot run {name}, a .tflite file; liteinterp and litert can")
    if engine in ("liteinterp", "litert"):
        raise UsageError(f"{engine} cannot run {name}, which is no .tflite file; onnxruntime can run .onnx")
    from .onnx_engines import open_onnx

    return open_onnx(Path(path), engine, shapes or {})


class _FileTensors:
    """What engines for `.tflite` files share: names and quantization are in the file."""

    def __init__(self, content: bytes) -> None:
        try:
            self.file = ModelFile(content)
        except ValueError as error:
            raise InvalidFileError(f"The model is not a valid Flatbuffer buffer: {error}") from error
        file = self.file
        producers = {index: operator.name for operator in file.operators for index in operator.outputs}
        readable = [*file.inputs, *producers]
        self.index: dict[str, int] = {}
        for index in readable:
            if 0 <= index < len(file.tensors) and file.tensors[index].type in NUMPY_TYPES:
                self.index.setdefault(file.tensor_name(index), index)
        self.inputs = tuple(_input_spec(file, name, index) for name, index in file.input_names().items())
        self.input_index = dict(zip((spec.name for spec in self.inputs), file.inputs, strict=True))
        self.input_tensors: Mapping[str, str] = {name: file.tensor_name(i) for name, i in self.input_index.items()}
        self.outputs: Mapping[str, str] = {name: file.tensor_name(index) for name, index in file.output_names().items()}
        self.tensors: Mapping[str, TensorInfo] = {
            name: _tensor_info(file, name, index, producers.get(index, "input")) for name, index in self.index.items()
        }
        self.provenance = tuple(
            (file.tensor_name(row.tensor), row)
            for row in file.provenance()
            if self.index.get(file.tensor_name(row.tensor)) == row.tensor
        )
        self.watched: tuple[str, ...] = tuple(self.outputs.values())

    def watch(self, names: Iterable[str]) -> None:
        self.watched = tuple(dict.fromkeys(names))


class TfliteEngine(_FileTensors):
    """This runtime, every tensor readable."""

    def __init__(self, content: bytes) -> None:
        from .net import KEEP_TENSORS, ModelBytes, Net, Request

        model = ModelBytes(content)
        super().__init__(content)
        self._net: Net = Net(model, Request(KEEP_TENSORS, input_dims=said_open_dims(self.file)))
        self.title = f"liteinterp ({self._net.kernels})"

    def run(self, sample: Mapping[str, Array]) -> Mapping[str, Array]:
        for name, index in self.input_index.items():
            self._net.view(index)[...] = sample[name]
        self._net.run()
        return {name: self._net.view(self.index[name]) for name in self.watched}


class LiteRTEngine(_FileTensors):
    """LiteRT's default path, every tensor readable."""

    def __init__(self, content: bytes) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError("the engine litert", "ai-edge-litert", "compare") from error
        super().__init__(content)
        self.title = "LiteRT"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._interpreter = Interpreter(
                    model_content=content, num_threads=1, experimental_preserve_all_tensors=True
                )
                self._interpreter.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                raise UsageError(f"LiteRT does not load the model: {str(error).strip()}") from error

    def run(self, sample: Mapping[str, Array]) -> Mapping[str, Array]:
        for name, index in self.input_index.items():
            self._interpreter.set_tensor(index, sample[name])
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(self.index[name]) for name in self.watched}


def said_open_dims(file: ModelFile) -> dict[int, tuple[int, ...]]:
    """`ModelFile.open_input_dims`, and a message where the model's user might expect other sizes."""
    dims = file.open_input_dims()
    for position, shape in dims.items():
        name = file.tensor_name(file.inputs[position])
        log.warning("input %r leaves dimensions open; it runs at the file's %s", name, "×".join(map(str, shape)))
    return dims


def tflite_inputs(file: ModelFile) -> tuple[InputSpec, ...]:
    """What the inputs of a `.tflite` file take, by their source names."""
    return tuple(_input_spec(file, name, index) for name, index in file.input_names().items())


def _input_spec(file: ModelFile, name: str, index: int) -> InputSpec:
    tensor = file.tensors[index]
    if tensor.type not in NUMPY_TYPES:
        raise UsageError(f"input {name!r} has an element type that numpy cannot hold")
    scale, zero_point = per_tensor_scale(tensor) or (None, 0)
    return InputSpec(name, shape_of(tensor), NUMPY_TYPES[tensor.type], scale, zero_point)


def _tensor_info(file: ModelFile, name: str, index: int, operator: str) -> TensorInfo:
    tensor = file.tensors[index]
    dtype = NUMPY_TYPES[tensor.type]
    scale, zero_point = (per_tensor_scale(tensor) if dtype.kind in "iu" else None) or (None, 0)
    return TensorInfo(name, operator, scale, zero_point, dtype)
