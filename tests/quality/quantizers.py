"""Post-training int8 quantizers behind one face: make a model from calibration samples, answer test samples with it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from draws import Draw, Network
from models_support import input_name, litert, ours, run_rows
from onnx_twin import write_twin

import liteinterp

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Made:
    """A quantized model's answers to the test samples, axis 0 is samples, and its size."""

    outputs: Array
    size_bytes: int


@dataclass(frozen=True)
class Method:
    """A quantizer: `module` is the package that it needs, if not ours."""

    title: str
    quantize: Callable[[Path, Network, Draw], Made]
    module: str | None = None
    package: str | None = None

    @property
    def installed(self) -> bool:
        return self.module is None or find_spec(self.module) is not None


def _effort(effort: int) -> Callable[[Path, Network, Draw], Made]:
    def quantize(zoo: Path, network: Network, draw: Draw) -> Made:
        path = zoo / "models" / network.file
        content = liteinterp.convert(path, calib={input_name(path): draw.calibration}, effort=effort).model
        return Made(run_rows(ours(content), draw.test), len(content))

    return quantize


def _ai_edge_quantizer(zoo: Path, network: Network, draw: Draw) -> Made:
    """Its static recipe, weights per channel, on our float `.tflite`, which has the SignatureDef that it asks for."""
    from ai_edge_quantizer import quantizer, recipe

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.tflite"
        path.write_bytes(liteinterp.convert(zoo / "models" / network.file, quantize="float32").model)
        made = quantizer.Quantizer(str(path), recipe.static_wi8_ai8())
        with liteinterp.Interpreter(model_path=path) as interpreter:
            key, signature = next(iter(interpreter.get_signature_list().items()))
            shape = tuple(interpreter.get_input_details()[0]["shape"])
        name = signature["inputs"][0]
        rows = _as_shape(draw.calibration, shape)
        measured = made.calibrate({key: [{name: row[None]} for row in rows]})
        content = bytes(made.quantize(measured).quantized_model)
    return Made(_run_quantized(litert(content), _as_shape(draw.test, shape)), len(content))


def _run_quantized(interpreter: Any, rows: Array) -> Array:
    """Real answers of a model whose input and output are int8."""
    interpreter.allocate_tensors()
    given, answered = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    if given["dtype"] is np.int8:
        scale, zero_point = given["quantization"]
        rows = np.clip(np.rint(rows / np.float32(scale)) + zero_point, -128, 127).astype(np.int8)
    outputs = run_rows(interpreter, rows)
    if answered["dtype"] is not np.int8:
        return outputs
    scale, zero_point = answered["quantization"]
    return (outputs.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def _onnx_runtime(zoo: Path, network: Network, draw: Draw) -> Made:
    """quantize_static after its own pre-processing: QDQ, min-max, weights per channel in 7 bits (reduce_range).

    Without reduce_range its kernels saturate on processors without VNNI.
    """
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        source = _onnx_file(zoo, network, Path(folder))
        prepared, target = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(source, prepared)
        name, shape = _onnx_input(prepared)
        rows = _as_shape(draw.calibration, shape)

        class Reader(CalibrationDataReader):  # type: ignore[misc]
            def __init__(self) -> None:
                self._samples: Iterator[Mapping[str, Array]] = iter({name: row[None]} for row in rows)

            def get_next(self) -> Mapping[str, Array] | None:
                return next(self._samples, None)

        quantize_static(prepared, target, Reader(), quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=True)
        session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
        outputs = [session.run(None, {name: row[None]})[0] for row in _as_shape(draw.test, shape)]
        return Made(np.concatenate(outputs), target.stat().st_size)


def _onnx_file(zoo: Path, network: Network, folder: Path) -> Path:
    """The network as ONNX: the source itself, the zoo's twin of it, or one that is made here."""
    source = zoo / "models" / network.file
    if source.suffix == ".onnx":
        return source
    if network.onnx is not None:
        return zoo / "bench" / f"{network.onnx}.onnx"
    write_twin(source, folder / "twin.onnx")
    return folder / "twin.onnx"


def _onnx_input(path: Path) -> tuple[str, tuple[int, ...]]:
    import onnxruntime

    found = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).get_inputs()[0]
    return found.name, tuple(size if isinstance(size, int) else 1 for size in found.shape)


def _as_shape(rows: Array, shape: tuple[int, ...]) -> Array:
    """Samples in the layout of an input [1, ...]: as they are, or images with their channels moved."""
    if rows.shape[1:] == shape[1:]:
        return rows
    for axes in ((0, 3, 1, 2), (0, 2, 3, 1)):
        if rows.ndim == 4 and tuple(rows.shape[i] for i in axes[1:]) == shape[1:]:
            return np.ascontiguousarray(rows.transpose(axes))
    raise ValueError(f"samples {rows.shape} do not fit an input {shape}")


METHODS: Mapping[str, Method] = {
    "ai-edge-quantizer": Method("ai-edge-quantizer", _ai_edge_quantizer, "ai_edge_quantizer", "ai-edge-quantizer"),
    "onnxruntime": Method("ONNX Runtime", _onnx_runtime, "onnxruntime", "onnxruntime"),
    **{f"effort{i}": Method(f"effort {i}", _effort(i)) for i in range(3)},
}
OURS = tuple(name for name, method in METHODS.items() if method.module is None)
PEERS = tuple(name for name, method in METHODS.items() if method.module is not None)
