"""Chooses weight scales and codes layer by layer, by what they do to the layer's output on samples.

Everything ahead of a layer is final when its turn comes, so each layer also makes up for what the ones before it did.
Whatever is fitted is then compared with plain rounding on samples that it was not fitted on, channel by channel, and
the better one stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..ir.executor import Executor
from ..ir.statistics import Calibration
from ..ir.types import Quantization
from ..ir.weighted import bias_of, filter_of, source_of
from .apply import Layer, QuantizedGraph
from .bias import accumulator_units, quantize_bias, smallest_weight_scales
from .bias_correction import Progress, correct_bias
from .fixed_order import Matrices
from .layer_windows import channel_stack, unstack, weight_stack
from .roundings import Rounding, roundings
from .scheme import limit_of
from .second_order import output_error
from .segments import SegmentRunner
from .weights import WEIGHT_LIMIT
from .window_moments import CHECK_EVERY, window_moments

#: Scales tried, as parts of the one at which the largest weight just fits.
SCALE_PARTS = tuple(1.0 - 0.02 * i for i in range(11))


@dataclass(frozen=True)
class _Choice:
    """Codes [groups, m, taps], their scales [groups, m, 1], and the error that they leave [groups, m]."""

    codes: Matrices
    scales: Matrices
    error: Matrices

    def where(self, better: npt.NDArray[np.bool_], other: _Choice) -> _Choice:
        """`other` for the outputs where it is better."""
        mask = better[:, :, np.newaxis]
        return _Choice(
            np.where(mask, other.codes, self.codes),
            np.where(mask, other.scales, self.scales),
            np.where(better, other.error, self.error),
        )


def fit_layers(
    quantized: QuantizedGraph,
    calibration: Calibration,
    executor: Executor,
    *,
    rounding: Rounding,
    correct: bool = True,
    progress: Progress | None = None,
) -> tuple[QuantizedGraph, int]:
    """Change weights and biases of an int8 graph in place. Returns it with its layers' new units; how many changed.

    Without `correct`, biases stay those of the float graph, in the new units.
    """
    runner = SegmentRunner(quantized.graph, calibration.fit, executor)
    uses = Counter(filter_of(layer.quantized) for layer in quantized.layers)
    layers, changed = [], 0
    for i, layer in enumerate(quantized.layers):
        means = calibration.tap_means.get(layer.source.output.name)
        if means is not None:
            runner.run_until(layer.quantized)
            if uses[filter_of(layer.quantized)] == 1:
                layer, differs = _fit(layer, runner.held(source_of(layer.quantized)), rounding)
                changed += differs
            if correct:
                correct_bias(layer, means.means, runner)
            else:
                keep_bias(layer)
        layers.append(layer)
        if progress is not None:
            progress(i + 1, len(quantized.layers))
    return replace(quantized, layers=tuple(layers)), changed


def keep_bias(layer: Layer) -> None:
    """Give a layer the bias of the float graph, in its units."""
    source, bias = bias_of(layer.source), bias_of(layer.quantized)
    if bias is not None and source is not None and source.data is not None:
        codes = quantize_bias(source.data.reshape(-1), layer.units, limit_of(layer.quantized))
        bias.data = codes.astype(bias.dtype.numpy)


def _fit(layer: Layer, inputs: Sequence[npt.NDArray[np.generic]], rounding: Rounding) -> tuple[Layer, bool]:
    node, weights = layer.quantized, filter_of(layer.source).data
    assert weights is not None
    if len(inputs) < CHECK_EVERY:
        return layer, False
    fit, check = _moments(layer, inputs)
    stack = weight_stack(node, weights.astype(np.float64))
    limits = channel_stack(node, smallest_scales(layer))
    widest = channel_stack(node, np.asarray(scales_of(layer)))
    plain = _rounded(stack, widest, check)
    fitted = _search_scales(stack, widest, limits, fit)
    best = plain
    for codes in roundings(stack / fitted.scales, fit, WEIGHT_LIMIT, rounding):
        tried = _judged(stack, replace(fitted, codes=codes), check)
        best = best.where(tried.error < best.error, tried)
    changed = bool((best.codes != plain.codes).any() or (best.scales != plain.scales).any())
    return (_store(layer, best) if changed else layer), changed


def _search_scales(weights: Matrices, widest: Matrices, limits: Matrices, moments: Matrices) -> _Choice:
    best = _rounded(weights, widest, moments)
    for part in SCALE_PARTS[1:]:
        scales = (widest * part).astype(np.float32).astype(np.float64)
        tried = _rounded(weights, np.where(scales < limits, widest, scales), moments)
        best = best.where(tried.error < best.error, tried)
    return best


def _rounded(weights: Matrices, scales: Matrices, moments: Matrices) -> _Choice:
    codes = np.clip(np.rint(weights / scales), -WEIGHT_LIMIT, WEIGHT_LIMIT)
    return _judged(weights, _Choice(codes, scales, np.zeros(codes.shape[:2])), moments)


def _judged(weights: Matrices, choice: _Choice, moments: Matrices) -> _Choice:
    """The same codes with the error that they leave, in real units but for the input's scale."""
    error = output_error(weights / choice.scales, choice.codes, moments) * choice.scales[:, :, 0] ** 2
    return replace(choice, error=error)


def _moments(layer: Layer, inputs: Sequence[npt.NDArray[np.generic]]) -> tuple[Matrices, Matrices]:
    """Those of the layer's input in steps from its zero point."""
    quantization = source_of(layer.quantized).quantization
    assert quantization is not None
    zero_point = quantization.zero_point

    def steps(codes: npt.NDArray[np.generic]) -> Matrices:
        centred = codes.astype(np.float64) - zero_point
        # Of 16 bits the upper ones: sums of squares stay exact.
        return np.rint(centred / 256.0) if codes.dtype == np.int16 else centred

    return window_moments(layer.quantized, map(steps, inputs), len(inputs))


def smallest_scales(layer: Layer) -> npt.NDArray[np.float64]:
    """The least weight scale of each output channel that keeps sums and requantization within their limits."""
    before, after = source_of(layer.quantized).quantization, layer.quantized.output.quantization
    assert before is not None and after is not None
    bias = bias_of(layer.source)
    values = np.zeros(len(scales_of(layer)), np.float32) if bias is None or bias.data is None else bias.data.reshape(-1)
    return smallest_weight_scales(values, limit_of(layer.quantized), before.scale, after.scale)


def scales_of(layer: Layer) -> tuple[float, ...]:
    """The weight scale of each output channel."""
    quantization = filter_of(layer.quantized).quantization
    assert quantization is not None
    return quantization.scales


def _store(layer: Layer, choice: _Choice) -> Layer:
    return store_codes(layer, unstack(layer.quantized, choice.codes), tuple(choice.scales.reshape(-1).tolist()))


def store_codes(layer: Layer, codes: npt.NDArray[np.generic], scales: tuple[float, ...]) -> Layer:
    """Write codes, in the filter's shape, scales and the bias's units into the graph; the bias itself is left to its
    correction. Returns the layer in its new units."""
    node = layer.quantized
    filter_int8, bias, before = filter_of(node), bias_of(node), source_of(node).quantization
    assert bias is not None and before is not None and filter_int8.quantization is not None
    units = accumulator_units(before.scale, scales)
    filter_int8.data = np.ascontiguousarray(codes).astype(np.int8)
    filter_int8.quantization = replace(filter_int8.quantization, scales=scales)
    bias.quantization = Quantization(tuple(units.tolist()), (0,) * len(scales), 0)
    return replace(layer, units=units)
