"""Rounds stored weights by what they do to the outputs of their layers on samples, and corrects the biases for it.

As `layer_fit.py` does for int8 graphs: layer by layer in the order of computation, everything ahead final, codes by
second-order rounding (`second_order.py`), the better of plain and fitted ones per channel on samples apart. Activations
are float32 here: sums, which must not depend on the machine, are of their values in steps of 2^-11 of the largest.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ir.executor import Executor
from ..ir.graph import Graph, Node, Value
from ..ir.statistics import Calibration
from ..ir.taps import output_means, positions, tap_sums
from ..ir.types import DType
from ..ir.weighted import bias_of, filter_of, position_of, source_of
from .fixed_order import Matrices
from .layer_windows import channel_stack, unstack, weight_stack
from .roundings import Rounding, roundings
from .second_order import output_error
from .segments import SegmentRunner
from .stored_weights import StoredLayer, StoredWeights
from .weight_scales import LIMITS
from .window_moments import CHECK_EVERY, window_moments

#: Scales tried, as parts of the one at which the largest weight just fits.
SCALE_PARTS = tuple(1.0 - 0.02 * i for i in range(26))
_STEPS = 11


def fit_stored(
    floats: Graph, stored: StoredWeights, calibration: Calibration, executor: Executor, *, rounding: Rounding | None
) -> int:
    """Change codes, scales and biases of `stored` in place, or biases alone. How many layers got other codes.

    Without `rounding` codes stay. `floats` is the graph that `stored` was made of: it has the float weights, and the
    same values behind each layer.
    """
    runner = SegmentRunner(stored.graph, calibration.fit, executor)
    uses = Counter(id(layer.constant) for layer in stored.layers)
    sources, producers = floats.producers(), stored.graph.producers()
    changed = 0
    for layer in stored.layers:
        source, means = sources[layer.node.output], calibration.tap_means.get(layer.node.output.name)
        if means is None or layer.constant.dtype is DType.FLOAT16:
            continue
        # Codes are read where the piece that holds their DEQUANTIZE begins.
        runner.run_until(producers.get(filter_of(layer.node), layer.node))
        arrays, exponent = _in_steps(runner.held(source_of(layer.node)))
        if rounding is not None and uses[id(layer.constant)] == 1 and len(arrays) >= CHECK_EVERY:
            changed += _round(layer, source, arrays, rounding)
        _correct_bias(stored.graph, layer, source, means.means, arrays, exponent)
    return changed


def _in_steps(arrays: Sequence[npt.NDArray[Any]]) -> tuple[list[Matrices], int]:
    """Integers of at most 2^11 in size, and the exponent of their step."""
    largest = max(float(np.abs(array).max(initial=0.0)) for array in arrays)
    exponent = math.frexp(largest)[1] - _STEPS
    return [np.rint(np.ldexp(array.astype(np.float64), -exponent)) for array in arrays], exponent


def _round(layer: StoredLayer, source: Node, arrays: Sequence[Matrices], rounding: Rounding) -> bool:
    node, held = layer.node, layer.constant
    weights = filter_of(source).data
    assert weights is not None and held.data is not None and held.quantization is not None
    limit = LIMITS[4 if held.dtype is DType.INT4 else 8]
    fit, check = window_moments(node, arrays, len(arrays))
    stack = weight_stack(node, weights.astype(np.float64))
    best = weight_stack(node, held.data.astype(np.float64))
    best_scales = plain_scales = channel_stack(node, np.asarray(held.quantization.scales))
    scales = _search_scales(stack, plain_scales, limit, fit)
    least = first = _error(stack, best, plain_scales, check)
    for codes in roundings(stack / scales, fit, limit, rounding):
        error = _error(stack, codes, scales, check)
        better = (error < least)[:, :, np.newaxis]
        best, best_scales = np.where(better, codes, best), np.where(better, scales, best_scales)
        least = np.minimum(error, least)
    held.data = np.ascontiguousarray(unstack(node, best)).astype(np.int8)
    held.quantization = replace(held.quantization, scales=tuple(best_scales.reshape(-1).tolist()))
    return bool((least < first).any())


def _search_scales(stack: Matrices, plain: Matrices, limit: int, moments: Matrices) -> Matrices:
    """The scale per channel at which plain rounding leaves the smallest error of the layer's output."""
    widest = np.abs(stack).max(axis=2, keepdims=True) / limit
    best = plain
    least = _error(stack, np.clip(np.rint(stack / best), -limit, limit), best, moments)
    for part in SCALE_PARTS:
        scales = (widest * part).astype(np.float32).astype(np.float64)
        scales = np.where(scales < np.finfo(np.float32).tiny, plain, scales)
        error = _error(stack, np.clip(np.rint(stack / scales), -limit, limit), scales, moments)
        better = error < least
        best, least = np.where(better[:, :, np.newaxis], scales, best), np.where(better, error, least)
    return best


def _error(stack: Matrices, codes: Matrices, scales: Matrices, moments: Matrices) -> Matrices:
    """Per channel, in squares of real weights times the activations' steps."""
    return output_error(stack / scales, codes, moments) * scales[:, :, 0] ** 2


def _correct_bias(
    graph: Graph, layer: StoredLayer, source: Node, float_taps: Matrices, arrays: Sequence[Matrices], exponent: int
) -> None:
    """b + E[y] of the float graph - E[y] of this one: `bias_correction.py` in float32."""
    node, held = layer.node, layer.constant
    weights, bias = filter_of(source).data, bias_of(source)
    assert weights is not None and held.data is not None and held.quantization is not None
    shape = [1] * held.data.ndim
    shape[held.quantization.axis] = -1
    real = held.data.astype(np.float64) * np.asarray(held.quantization.scales).reshape(shape)
    seen = np.asarray(sum(tap_sums(node, array) for array in arrays)) / (len(arrays) * positions(node))
    shift = output_means(source, weights.astype(np.float64), float_taps)
    shift -= output_means(node, real, np.ldexp(seen, exponent))
    if bias is not None and bias.data is not None:
        shift += bias.data.reshape(-1)
    name = graph.unique_name(f"{node.output.name}_bias" if bias is None else f"{bias.name}_corrected")
    position = position_of(node.op, "bias")
    node.inputs += [None] * (position + 1 - len(node.inputs))
    node.inputs[position] = Value(name, shift.shape, data=shift.astype(np.float32))
