"""The dicts in which the Interpreter describes tensors and operators: keys and types are the TFLite interpreter's."""

from __future__ import annotations

from typing import Any

import numpy as np

from .element_types import NUMPY_TYPES
from .gen import tflite
from .model_file import ModelFile, Operator


def tensor_details(index: int, tensor: tflite.Tensor, shape: tuple[int, ...]) -> dict[str, Any]:
    """`shape` is the current one; `shape_signature` has -1 where the file leaves a dimension open."""
    signature = tensor.shape_signature
    quantization = tensor.quantization
    scales = _floats(quantization.scale if quantization else None)
    points = _ints(quantization.zero_point if quantization else None)
    one = scales.size == 1
    return {
        "name": tensor.name or "",
        "index": index,
        "shape": np.array(shape, np.int32),
        "shape_signature": np.array(shape if signature is None or not signature.size else signature, np.int32),
        "dtype": NUMPY_TYPES[tensor.type].type,
        "quantization": (float(scales[0]), int(points[0]) if points.size else 0) if one else (0.0, 0),
        "quantization_parameters": {
            "scales": scales,
            "zero_points": points,
            "quantized_dimension": quantization.quantized_dimension if quantization else 0,
            "block_size": _block_size(quantization),
        },
        "sparsity_parameters": {},
    }


def operator_details(file: ModelFile, operator: Operator) -> dict[str, Any]:
    return {
        "index": operator.index,
        "op_name": operator.name.removeprefix("CUSTOM "),
        "inputs": np.array(operator.inputs, np.int32),
        "outputs": np.array(operator.outputs, np.int32),
        "operand_types": _types(file, operator.inputs),
        "result_types": _types(file, operator.outputs),
    }


def _types(file: ModelFile, indices: tuple[int, ...]) -> list[Any]:
    present = [file.tensors[i].type for i in indices if 0 <= i < len(file.tensors)]
    return [NUMPY_TYPES[code].type for code in present if code in NUMPY_TYPES]


def _floats(values: Any) -> Any:
    return np.array([] if values is None else values, np.float32)


def _ints(values: Any) -> Any:
    return np.array([] if values is None else values, np.int32)


def _block_size(quantization: tflite.QuantizationParameters | None) -> int:
    details = quantization.details if quantization else None
    return details.block_size if isinstance(details, tflite.BlockwiseQuantization) else 0
