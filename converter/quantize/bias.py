"""The int32 bias of a layer, and the limits that the accumulator sets.

    bias_q[c] = round(bias[c] / fl32(S_in·S_w[c]))

A channel of (nearly) zero weights would get a scale so small that its bias leaves int32, or that its requantization
factor S_in·S_w/S_out leaves what the runtimes accept. `smallest_weight_scales` says how far it must be raised, and
`smallest_output_scale` how coarse the output must be for the factor to stay below its upper end.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: The runtimes take requantization factors in (2^-32, 256); half of that range on either side is kept as margin.
SMALLEST_FACTOR = 2.0**-31
LARGEST_FACTOR = 128.0
#: A sum of `taps` products of a weight with an input less its zero point, for any input, plus the bias: below 2^31.
ACCUMULATOR_LIMIT = 2**31 - 1
LARGEST_PRODUCT = 255 * 128


def bias_limit(taps: int) -> int:
    """The largest |bias_q| of a layer with `taps` products per output. Not positive: no int8 form exists."""
    return ACCUMULATOR_LIMIT - taps * LARGEST_PRODUCT


def wide_bias_limit(taps: int) -> int:
    """The same under int16 activations, whose sums stay below 2^47: the bias is int64, half of that range is its."""
    return 2**46 - taps * 2**22


def smallest_weight_scales(
    bias: npt.NDArray[np.float32], limit: int, input_scale: float, output_scale: float
) -> npt.NDArray[np.float64]:
    """Smallest legal weight scale of each channel; half of the bias's `limit` is left as room for bias correction."""
    for_bias = np.abs(bias).astype(np.float64) / (limit / 2)
    smallest: npt.NDArray[np.float64] = np.maximum(for_bias, output_scale * SMALLEST_FACTOR) / input_scale
    return smallest


def smallest_output_scale(input_scale: float, weight_scales: npt.NDArray[np.float32]) -> float:
    """Below this an output step would be too small a part of an accumulator step."""
    return input_scale * float(weight_scales.max(initial=0.0)) / LARGEST_FACTOR


def accumulator_units(input_scale: float, weight_scales: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """What one step of the accumulator is worth per channel: fl32(S_in·S_w[c]), as the runtime computes it."""
    units: npt.NDArray[np.float32] = np.float32(input_scale) * np.asarray(weight_scales, np.float32)
    return units.astype(np.float64)


def quantize_bias(
    bias: npt.NDArray[np.float32], units: npt.NDArray[np.float64], limit: int
) -> npt.NDArray[np.int64]:
    """The nearest codes, ties to even, within `limit`."""
    return np.clip(np.rint(bias.astype(np.float64) / units), -limit, limit).astype(np.int64)
