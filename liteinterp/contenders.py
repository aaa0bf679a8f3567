"""Engines that `bench` times: each holds a model with its inputs filled, so that `invoke` is all that is left to do.

Every engine gets the same numbers: an input is drawn once, as the `.tflite` stores it, and handed to the others as the
real numbers that it stands for, in their own layout.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from .element_types import dequantized
from .engines import tflite_inputs
from .errors import InvalidFileError, UsageError
from .files import read_model_bytes
from .fitting import InputSpec, reshape
from .model_file import ModelFile, per_tensor_scale

if TYPE_CHECKING:
    from .net import Net

Array = npt.NDArray[Any]

log = logging.getLogger("liteinterp")

#: Engine -> the package that brings it, and what `import` calls that.
PEERS = {
    "litert": ("ai-edge-litert", "ai_edge_litert"),
    "onnxruntime": ("onnxruntime", "onnxruntime"),
    "openvino": ("openvino", "openvino"),
}


class Contender(Protocol):
    """An engine with a model, warmed up or not, whose inputs are in place."""

    #: As on the command line, with the kernel set for this runtime.
    name: str
    version: str
    #: The model file's name.
    file: str

    #: Compute the outputs once: the engine's own call, which is all that is timed.
    invoke: Callable[[], object]

    def outputs(self) -> list[Array]:
        """Copies of the outputs as real numbers."""


@dataclass(frozen=True)
class Peer:
    """One entry of `--vs`: an engine and the file that it runs."""

    engine: str
    path: Path


@dataclass(frozen=True)
class Drawn:
    """Random data for the inputs of a `.tflite`, in their order."""

    specs: tuple[InputSpec, ...]
    stored: tuple[Array, ...]

    def for_peer(self, wanted: Sequence[InputSpec], engine: str, file: str) -> list[Array]:
        """The same data for the inputs of another file of the same network. Raises UsageError where they differ."""
        if len(wanted) != len(self.specs):
            raise UsageError(f"{engine}: {file} has {len(wanted)} inputs, the .tflite has {len(self.specs)}")
        return [_fitted(*row, engine, file) for row in zip(self.specs, self.stored, wanted, strict=True)]


def draw(net: Net, file: ModelFile, seed: int) -> Drawn:
    """For the inputs of an open model: bytes of the whole range where they are 8-bit, normal numbers for floats, 0 or 1
    for others (indices, flags)."""
    random = np.random.default_rng(seed)
    rows = zip(tflite_inputs(file), net.inputs, strict=True)
    specs = tuple(replace(spec, shape=net.tensors[index].shape) for spec, index in rows)
    return Drawn(specs, tuple(_draw(spec, random) for spec in specs))


def parse_peers(text: str, model: Path) -> list[Peer]:
    """`litert,onnxruntime=FILE.onnx`. Raises UsageError, also for packages that are not installed: it names all."""
    peers = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        engine, equals, path = part.partition("=")
        if engine not in PEERS:
            raise UsageError(f"--vs: unknown engine {engine!r}; there are {', '.join(PEERS)}")
        if engine == "onnxruntime" and not path:
            raise UsageError("--vs: onnxruntime runs .onnx files: give the same network as onnxruntime=FILE.onnx")
        if equals and not Path(path).is_file():
            raise UsageError(f"--vs {engine}: there is no file {path!r}")
        peers.append(Peer(engine, Path(path) if path else model))
    missing = [PEERS[peer.engine] for peer in peers if find_spec(PEERS[peer.engine][1]) is None]
    if missing:
        names = " and ".join(module for _, module in dict.fromkeys(missing))
        packages = " ".join(package for package, _ in dict.fromkeys(missing))
        raise UsageError(f"--vs: {names} cannot be timed, not being installed: pip install {packages}")
    return peers


def open_own(path: Path, isa: str | None, threads: int, drawn: Drawn, packed_limit: int | None = None) -> Contender:
    """This runtime. Raises what `Net` raises."""
    return _Own(path, isa, threads, drawn, packed_limit)


def open_peer(peer: Peer, threads: int, drawn: Drawn) -> Contender:
    """Another engine. Raises UsageError where it does not load its file or takes other inputs."""
    makers: dict[str, Callable[[Path, int, Drawn], Contender]] = {
        "litert": _LiteRT,
        "onnxruntime": _OnnxRuntime,
        "openvino": _OpenVino,
    }
    return makers[peer.engine](peer.path, threads, drawn)


class _Own:
    """This runtime, by the call that its users make."""

    def __init__(self, path: Path, isa: str | None, threads: int, drawn: Drawn, packed_limit: int | None) -> None:
        from .interpreter import Interpreter
        from .version import __version__

        self._interpreter = Interpreter(model_path=path, isa=isa, num_threads=threads, packed_limit=packed_limit)
        self._interpreter.allocate_tensors()
        for detail, array in zip(self._interpreter.get_input_details(), drawn.stored, strict=True):
            self._interpreter.set_tensor(detail["index"], array)
        self.name, self.version, self.file = f"liteinterp {self._interpreter.kernels}", __version__, path.name
        self.invoke: Callable[[], object] = self._interpreter.invoke
        self._indices = [detail["index"] for detail in self._interpreter.get_output_details()]
        self._scales = _output_scales(ModelFile(read_model_bytes(path)))

    def outputs(self) -> list[Array]:
        arrays = [self._interpreter.get_tensor(index) for index in self._indices]
        return [_real(array, scale) for array, scale in zip(arrays, self._scales, strict=True)]


class _LiteRT:
    """LiteRT's Interpreter with its default delegate."""

    def __init__(self, path: Path, threads: int, drawn: Drawn) -> None:
        from importlib.metadata import version

        from ai_edge_litert.interpreter import Interpreter

        content = read_model_bytes(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._interpreter = Interpreter(model_content=content, num_threads=threads)
                self._interpreter.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                reason = str(error).strip().partition(".Tensor")[0]
                hint = "litert=FILE gives it another file of the network"
                raise UsageError(f"LiteRT does not load {path.name}: {reason}; {hint}") from error
        file = ModelFile(content)
        arrays = drawn.for_peer(tflite_inputs(file), "litert", path.name)
        for detail, array in zip(self._interpreter.get_input_details(), arrays, strict=True):
            self._interpreter.set_tensor(detail["index"], array)
        self.name, self.version, self.file = "litert", version("ai-edge-litert"), path.name
        self.invoke: Callable[[], object] = self._interpreter.invoke
        self._indices = [detail["index"] for detail in self._interpreter.get_output_details()]
        self._scales = _output_scales(file)

    def outputs(self) -> list[Array]:
        arrays = [np.array(self._interpreter.get_tensor(index)) for index in self._indices]
        return [_real(array, scale) for array, scale in zip(arrays, self._scales, strict=True)]


class _OnnxRuntime:
    """ONNX Runtime on the CPU, every optimization on, inputs and outputs bound so that a run copies neither."""

    def __init__(self, path: Path, threads: int, drawn: Drawn) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise UsageError(f"ONNX Runtime does not load {path.name}: {error}") from error
        wanted = [
            InputSpec(item.name, _fixed(item.shape, drawn, i), _numpy_type(item.type))
            for i, item in enumerate(self._session.get_inputs())
        ]
        self._binding = self._session.io_binding()
        self._arrays = drawn.for_peer(wanted, "onnxruntime", path.name)
        for spec, array in zip(wanted, self._arrays, strict=True):
            self._binding.bind_ortvalue_input(spec.name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
        first = self._session.run(None, {s.name: a for s, a in zip(wanted, self._arrays, strict=True)})
        self._values = [onnxruntime.OrtValue.ortvalue_from_numpy(np.asarray(array)) for array in first]
        for item, value in zip(self._session.get_outputs(), self._values, strict=True):
            self._binding.bind_ortvalue_output(item.name, value)
        self.name, self.version, self.file = "onnxruntime", onnxruntime.__version__, path.name
        self.invoke: Callable[[], object] = partial(self._session.run_with_iobinding, self._binding)

    def outputs(self) -> list[Array]:
        return [np.array(value.numpy()) for value in self._values]


class _OpenVino:
    """OpenVINO on the CPU, compiled for latency, one stream."""

    def __init__(self, path: Path, threads: int, drawn: Drawn) -> None:
        import openvino

        options = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # the process is pinned
            "INFERENCE_PRECISION_HINT": "f32",  # its own choice is bfloat16 where the processor has it: other outputs
        }
        try:
            core = openvino.Core()
            model = core.read_model(str(path))
            if len(model.inputs) == len(drawn.specs) and any(port.partial_shape.is_dynamic for port in model.inputs):
                model.reshape({i: list(spec.shape) for i, spec in enumerate(drawn.specs)})
            compiled = core.compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise UsageError(f"OpenVINO does not load {path.name}: {error}") from error
        wanted = [
            InputSpec(port.any_name, tuple(port.shape), np.dtype(port.element_type.to_dtype()))
            for port in compiled.inputs
        ]
        self._request = compiled.create_infer_request()
        for i, array in enumerate(drawn.for_peer(wanted, "openvino", path.name)):
            self._request.set_input_tensor(i, openvino.Tensor(array))
        self._count = len(compiled.outputs)
        self.name, self.version, self.file = "openvino", openvino.__version__.partition("-")[0], path.name
        self.invoke: Callable[[], object] = partial(self._request.infer, share_outputs=True)

    def outputs(self) -> list[Array]:
        return [np.array(self._request.get_output_tensor(i).data) for i in range(self._count)]


# --- data ---


def _draw(spec: InputSpec, random: np.random.Generator) -> Array:
    if spec.dtype.kind == "f":
        return random.standard_normal(spec.shape).astype(spec.dtype)
    if spec.dtype.itemsize == 1 and spec.dtype.kind in "iu":
        limits = np.iinfo(spec.dtype)
        return random.integers(limits.min, limits.max + 1, spec.shape).astype(spec.dtype)
    return random.integers(0, 2, spec.shape).astype(spec.dtype)


def _fitted(own: InputSpec, stored: Array, wanted: InputSpec, engine: str, file: str) -> Array:
    """Stored numbers where the peer's input has their type, else what they stand for."""
    data = stored
    if wanted.dtype != own.dtype:
        if wanted.dtype.kind != "f":
            raise UsageError(
                f"{engine}: {wanted} of {file} does not take {own.dtype.name}, as {own} of the .tflite does"
            )
        data = stored if own.scale is None else dequantized(stored, own.scale, own.zero_point)
        data = data.astype(wanted.dtype)
    shaped = reshape(data, wanted.shape, wanted.name, log.debug)
    if shaped is None:
        raise UsageError(f"{engine}: {wanted} of {file} is not {own} of the .tflite: is it the same network?")
    return np.ascontiguousarray(shaped)


def _real(stored: Array, scale: tuple[float, int] | None) -> Array:
    return stored if scale is None or stored.dtype.kind not in "iu" else dequantized(stored, *scale)


def _output_scales(file: ModelFile) -> list[tuple[float, int] | None]:
    return [per_tensor_scale(file.tensors[index]) for index in file.outputs]


def _fixed(shape: Sequence[Any], drawn: Drawn, position: int) -> tuple[int, ...]:
    """Open dimensions are 1, or those of the .tflite's input where the ranks agree."""
    like = drawn.specs[position].shape if position < len(drawn.specs) else ()
    likely = like if len(like) == len(shape) else (1,) * len(shape)
    return tuple(size if isinstance(size, int) else likely[i] for i, size in enumerate(shape))


def _numpy_type(name: str) -> np.dtype[Any]:
    """ONNX Runtime's `tensor(float)` and so on. Raises InvalidFileError for types that numpy lacks."""
    word = name.removeprefix("tensor(").removesuffix(")")
    try:
        return np.dtype({"float": "float32", "double": "float64"}.get(word, word))
    except TypeError as error:
        raise InvalidFileError(f"an input of type {name} cannot be filled") from error
