"""BatchNormalization, in inference: multiply and add per channel; a pass folds them into neighbours."""

from __future__ import annotations

import numpy as np

from .builder import Builder, options_for
from .errors import Refusal
from .graph import OnnxNode
from .registry import onnx_operator


@onnx_operator("BatchNormalization")
def batch_normalization(node: OnnxNode, build: Builder) -> None:
    """(x - mean) / sqrt(var + epsilon) * scale + bias, the constants combined in float64.

    Formula: ONNX operator specification, BatchNormalization with training_mode = 0.
    """
    if node.attributes.integer("training_mode", 0):
        raise Refusal("training mode", "Export in inference mode: model.eval(), training=TrainingMode.EVAL")
    if node.opset < 9 and not node.attributes.integer("spatial", 1):
        raise Refusal("statistics per element (spatial = 0)", "Export with opset >= 9")
    source, result = node.input(0), node.output
    with np.errstate(all="ignore"):  # the builder finds what is not finite
        scale, bias, mean, variance = (build.array(node.input(i)).astype(np.float64) for i in range(1, 5))
        factor = scale / np.sqrt(variance + node.attributes.number("epsilon", 1e-5))
        offset = bias - mean * factor
        narrow = [array.astype(np.float32) for array in (factor, offset)]
    shape = (1, -1, *[1] * (source.rank - 2)) if source.rank > 1 else (-1,)
    constants = [
        build.new_constant(f"{result.name}_{role}", array.reshape(shape))
        for role, array in zip(("factor", "offset"), narrow, strict=True)
    ]
    scaled = build.emit("MUL", [build.value(source), constants[0]], options_for(), name=f"{result.name}_scaled")
    build.emit("ADD", [scaled, constants[1]], options_for(), to=result)
