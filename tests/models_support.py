"""Running zoo models in our runtime, in LiteRT and in ONNX Runtime."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import liteinterp

Array = npt.NDArray[Any]


@cache
def input_name(path: Path) -> str:
    """The name of a source model's only input."""
    if path.suffix == ".onnx":
        import onnx

        return onnx.load(path, load_external_data=False).graph.input[0].name
    with liteinterp.Interpreter(model_path=path) as interpreter:
        signatures = interpreter.get_signature_list()
        if signatures:
            return next(iter(signatures.values()))["inputs"][0]
        return str(interpreter.get_input_details()[0]["name"])


def run_rows(interpreter: Any, rows: Array) -> Array:
    """First output of an Interpreter (ours or LiteRT's) for each row, stacked."""
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for row in rows:
        interpreter.set_tensor(source["index"], row.reshape(source["shape"]))
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target["index"])[0])
    return np.stack(outputs)


def all_outputs(interpreter: Any, rows: Array) -> list[Array]:
    """Every output of an Interpreter (ours or LiteRT's), the rows' results stacked on axis 0."""
    interpreter.allocate_tensors()
    source, targets = interpreter.get_input_details()[0], interpreter.get_output_details()
    outputs: list[list[Array]] = [[] for _ in targets]
    for row in rows:
        interpreter.set_tensor(source["index"], row.reshape(source["shape"]))
        interpreter.invoke()
        for found, target in zip(outputs, targets, strict=True):
            found.append(interpreter.get_tensor(target["index"])[0])
    return [np.stack(found) for found in outputs]


def litert(content: bytes) -> Any:
    """LiteRT's interpreter on its default path, one thread."""
    module = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")
    return module.Interpreter(model_content=content, num_threads=1)


def ours(content: bytes) -> liteinterp.Interpreter:
    return liteinterp.Interpreter(model_content=content)


def float_outputs(path: Path, rows: Array) -> Array:
    """What the source's own engine answers: ONNX Runtime for .onnx, LiteRT for .tflite."""
    if path.suffix != ".onnx":
        return run_rows(litert(path.read_bytes()), rows)
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime as oracle")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: row[None]})[0] for row in rows])


def source_outputs(path: Path, rows: Array) -> list[Array]:
    """Every output of the source's own engine: ONNX Runtime for .onnx, LiteRT for .tflite."""
    if path.suffix != ".onnx":
        return all_outputs(litert(path.read_bytes()), rows)
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime as oracle")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # old files list their weights as inputs, which it reports one by one
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    results = [session.run(None, {name: row[None]}) for row in rows]
    return [np.concatenate(outputs) for outputs in zip(*results, strict=True)]
