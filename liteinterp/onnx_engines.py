"""ONNX models, run by engines that we did not write, with every intermediate result exposed as a graph output."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .errors import InvalidFileError, MissingExtraError, UsageError
from .fitting import InputSpec

if TYPE_CHECKING:
    import onnx

    from .engines import Engine, TensorInfo
    from .model_file import Provenance

log = logging.getLogger("liteinterp")

Array = npt.NDArray[Any]


def open_onnx(path: Path, engine: str, shapes: Mapping[str, Sequence[int]]) -> Engine:
    """ONNX Runtime; without it, or for `onnx-reference`, the slow reference implementation of the onnx package.

    Raises InvalidFileError, MissingExtraError.
    """
    model = load_onnx(path)
    if engine == "onnx-reference":
        return ReferenceEngine(model, shapes)
    try:
        import onnxruntime  # noqa: F401
    except ImportError as error:
        if engine == "onnxruntime":
            raise MissingExtraError("the engine onnxruntime", "onnxruntime", "compare") from error
        log.warning("onnxruntime is not installed: %s runs in onnx.reference, which is slow", path.name)
        return ReferenceEngine(model, shapes)
    return OnnxRuntimeEngine(model, shapes)


def load_onnx(path: Path) -> onnx.ModelProto:
    """The model in a file, external data included. Raises InvalidFileError, MissingExtraError."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise MissingExtraError("reading an ONNX model", "onnx", "convert") from error
    try:
        model = onnx.load(path)
    except (DecodeError, OSError, ValueError, onnx.checker.ValidationError) as error:
        raise InvalidFileError(f"{path} is no ONNX model: {error}") from error
    if not model.graph.node:
        raise InvalidFileError(f"{path} is no ONNX model: its graph has no nodes")
    return model


def onnx_inputs(model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> tuple[InputSpec, ...]:
    """What the graph's inputs take. An open first dimension is 1; other open ones come from `shapes`.

    Raises UsageError where one stays open.
    """
    import onnx

    constants = {tensor.name for tensor in model.graph.initializer}
    specs = []
    for value in model.graph.input:
        if value.name in constants:
            continue
        tensor = value.type.tensor_type
        dims: list[int] = [dim.dim_value if dim.HasField("dim_value") else 0 for dim in tensor.shape.dim]
        hint = shapes.get(value.name)
        if hint is not None and len(hint) == len(dims):
            dims = [size or int(given) for size, given in zip(dims, hint, strict=True)]
        if dims and dims[0] < 1:
            dims[0] = 1
        if any(size < 1 for size in dims):
            raise UsageError(f"input {value.name!r} has unknown dimensions: give its shape (--input-shape)")
        specs.append(
            InputSpec(value.name, tuple(dims), np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)))
        )
    return tuple(specs)


class _OnnxEngine:
    """What both engines share: tensors are the outputs of the top graph's nodes."""

    def __init__(self, model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> None:
        self.model = model
        self.inputs = onnx_inputs(model, shapes)
        self.input_tensors: Mapping[str, str] = {spec.name: spec.name for spec in self.inputs}
        self.outputs: Mapping[str, str] = {value.name: value.name for value in model.graph.output}
        self.provenance: tuple[tuple[str, Provenance], ...] = ()
        self.tensors: Mapping[str, TensorInfo] = _infos(model, self.inputs)
        self.watched = tuple(self.outputs)

    def watch(self, names: Iterable[str]) -> None:
        self.watched = tuple(dict.fromkeys(names))
        self._open()

    def _open(self) -> None:
        """Make the session anew for the watched tensors."""

    def exposed(self) -> bytes:
        """The model with the watched tensors as its outputs."""
        import onnx

        copy = onnx.ModelProto()
        copy.CopyFrom(self.model)
        present = {value.name for value in copy.graph.output}
        inputs = {spec.name for spec in self.inputs}
        copy.graph.output.extend(
            onnx.ValueInfoProto(name=name) for name in self.watched if name not in present and name not in inputs
        )
        return bytes(copy.SerializeToString())


class OnnxRuntimeEngine(_OnnxEngine):
    """ONNX Runtime on the CPU, one thread, without the optimizations that would remove intermediate results."""

    def __init__(self, model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> None:
        super().__init__(model, shapes)
        import onnxruntime

        self.title = f"ONNX Runtime {onnxruntime.__version__}"
        self._open()

    def _open(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        try:
            self._session = onnxruntime.InferenceSession(self.exposed(), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise InvalidFileError(f"ONNX Runtime does not load the model: {error}") from error
        self._names = [value.name for value in self._session.get_outputs()]

    def run(self, sample: Mapping[str, Array]) -> Mapping[str, Array]:
        asked = [name for name in self.watched if name in self._names]
        found = dict(zip(asked, self._session.run(asked, dict(sample)), strict=True))
        return {name: found[name] if name in found else sample[name] for name in self.watched}


class ReferenceEngine(_OnnxEngine):
    """onnx.reference: numpy, slow, and the definition of ONNX."""

    title = "onnx.reference"

    def __init__(self, model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> None:
        super().__init__(model, shapes)
        self._open()

    def _open(self) -> None:
        import onnx
        from onnx.reference import ReferenceEvaluator

        self._evaluator = ReferenceEvaluator(onnx.load_from_string(self.exposed()), new_ops=[_batch_normalization()])

    def run(self, sample: Mapping[str, Array]) -> Mapping[str, Array]:
        asked = [name for name in self.watched if name not in sample]
        results: Any = self._evaluator.run(asked, dict(sample))
        found = {name: np.asarray(result) for name, result in zip(asked, results, strict=True)}
        return {name: found[name] if name in found else sample[name] for name in self.watched}


def _batch_normalization() -> Any:
    """BatchNormalization in inference mode: onnx.reference takes the batch's own statistics for opsets 9 to 13."""
    from onnx.reference.op_run import OpRun

    class BatchNormalization(OpRun):  # type: ignore[misc,unused-ignore]
        op_domain = ""

        def _run(
            self, x: Array, scale: Array, bias: Array, mean: Array, var: Array, epsilon: float = 1e-5, **_: object
        ) -> tuple[Array]:
            column = (-1, *(1,) * (x.ndim - 2))
            factor = scale.reshape(column) / np.sqrt(var.reshape(column) + np.float32(epsilon))
            return (((x - mean.reshape(column)) * factor + bias.reshape(column)).astype(x.dtype),)

    return BatchNormalization


def _infos(model: onnx.ModelProto, inputs: tuple[InputSpec, ...]) -> dict[str, TensorInfo]:
    from .engines import TensorInfo

    infos = {spec.name: TensorInfo(spec.name, "input", None, 0, spec.dtype) for spec in inputs}
    for node in model.graph.node:
        for name in filter(None, node.output):
            infos[name] = TensorInfo(name, node.op_type, None, 0, np.dtype(np.float32))
    for value in model.graph.output:  # a constant may be one as well
        infos.setdefault(value.name, TensorInfo(value.name, "constant", None, 0, np.dtype(np.float32)))
    return infos
