"""Gives a graph the weights that another quantization of the same float graph has fitted.

Mixtures of precisions differ in their activations, which hardly change what the best codes of a layer's weights are:
one fit serves them all. Biases have to be corrected anew, since they make up for everything ahead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..ir.weighted import filter_of
from .apply import Layer, QuantizedGraph
from .layer_fit import keep_bias, scales_of, smallest_scales, store_codes


def adopt_weights(made: QuantizedGraph, fitted: Sequence[Layer]) -> QuantizedGraph:
    """Change weights in place to the codes and scales of `fitted`. Returns the graph with its layers' new units.

    Left as they are: weights that several layers share, and those whose scales these activations do not allow.
    """
    known = {layer.source: layer for layer in fitted}
    uses = Counter(filter_of(layer.quantized) for layer in made.layers)
    layers = []
    for layer in made.layers:
        other = known.get(layer.source)
        if other is not None and uses[filter_of(layer.quantized)] == 1:
            layer = _adopted(layer, other)
        layers.append(layer)
    return replace(made, layers=tuple(layers))


def _adopted(layer: Layer, other: Layer) -> Layer:
    codes, own, scales = filter_of(other.quantized).data, filter_of(layer.quantized).data, scales_of(other)
    if codes is None or own is None or (scales == scales_of(layer) and np.array_equal(codes, own)):
        return layer
    if np.any(np.asarray(scales) < smallest_scales(layer)):
        return layer
    adopted = store_codes(layer, codes, scales)
    keep_bias(adopted)
    return adopted
