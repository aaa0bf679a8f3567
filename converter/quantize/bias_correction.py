"""Removes the shift that rounding gives a layer's mean output, layer by layer in the order of computation.

    b[c] <- b[c] + E[y_float[c]] - E[y_int8[c]]

over samples and positions, before the activation, with everything ahead already quantized and corrected. The layers
are linear, so both means follow from the means of what their taps see (`ir/taps.py`): exact integers on the int8 side.
Method: Nagel et al., "Data-Free Quantization through Weight Equalization and Bias Correction", arXiv 1906.04721, in its
empirical form.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir.executor import Executor
from ..ir.statistics import Calibration
from ..ir.taps import output_means, positions, tap_products, tap_sums
from ..ir.weighted import bias_of, filter_of, source_of
from .apply import Layer, QuantizedGraph
from .scheme import limit_of
from .segments import SegmentRunner

#: Told after each layer: how many are done, and how many there are.
Progress = Callable[[int, int | None], None]


def correct_biases(
    quantized: QuantizedGraph, calibration: Calibration, executor: Executor, progress: Progress | None = None
) -> int:
    """Change the int32 biases of a graph in place. Returns how many layers changed."""
    runner = SegmentRunner(quantized.graph, calibration.fit, executor)
    changed = 0
    for i, layer in enumerate(quantized.layers):
        means = calibration.tap_means.get(layer.source.output.name)
        if means is not None:
            runner.run_until(layer.quantized)
            changed += correct_bias(layer, means.means, runner)
        if progress is not None:
            progress(i + 1, len(quantized.layers))
    return changed


def correct_bias(
    layer: Layer, float_taps: np.ndarray[tuple[int, ...], np.dtype[np.float64]], runner: SegmentRunner
) -> bool:
    """Give one layer the bias that its weights, and the graph ahead of it, ask for. Returns whether it changed."""
    node = layer.quantized
    quantization = source_of(node).quantization
    filter_int8, bias = filter_of(node).data, bias_of(node)
    source_filter, source_bias = filter_of(layer.source).data, bias_of(layer.source)
    assert quantization is not None and filter_int8 is not None and source_filter is not None
    assert bias is not None and bias.data is not None
    arrays = runner.held(source_of(node))
    total = np.zeros(source_of(node).shape, np.int64)  # taps see sums, so the samples are added up first
    for array in arrays:
        total += array
    seen = tap_sums(node, (total - len(arrays) * quantization.zero_point).astype(np.float64))
    windows = len(arrays) * positions(node)
    accumulated = tap_products(node, filter_int8.astype(np.int64), seen.astype(np.int64)).sum(axis=1)
    is_mean = accumulated.astype(np.float64) / windows
    wanted = output_means(layer.source, source_filter.astype(np.float64), float_taps)
    if source_bias is not None and source_bias.data is not None:
        wanted += source_bias.data.reshape(-1)
    limit = limit_of(node)
    corrected = np.clip(np.rint(wanted / layer.units - is_mean), -limit, limit).astype(bias.dtype.numpy)
    changed = not np.array_equal(corrected, bias.data)
    bias.data = corrected
    return changed
