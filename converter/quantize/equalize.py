"""Makes channels that share a tensor's int8 range equally large: cross-layer equalization, by what it does to errors.

A channel that never leaves a tenth of the range has 25 steps, not 255. It is multiplied by a factor where it is made
and divided by it where it is read, which changes no output in float32 (`channel_ties.py` says where that is possible,
`rescale.py` does it). Weights have a scale per output channel, so the layer that makes the channel loses nothing. In
each layer that reads it, the error from rounding the channel falls with the factor's square, that from rounding the
weights, which now meet larger inputs, rises with it. With S the tensor's scale, d[o] the step of the weights of output
o, and both parts relative to the layer's power P, summed over the layers that read the channel c:

    falls:  A = S² · sum of w[o,k,c]² / P        rises:  B = taps · var(x[c]) · sum of d[o]² / P
    factor = clamp((A / B)^(1/4), 1, headroom)

where the headroom, range / extreme, is the least over all tensors that the set of channels is in. So no factor carries
a channel out of its tensor's range, ranges stay, and bounds like RELU6's as well. A depthwise layer has B = 0, since
its weights' steps shrink with the weights. Factors are rounded down to eighths of an octave: a file tells them to
`liteinterp compare` in a byte each.

Sources: Nagel and others, "Data-Free Quantization through Weight Equalization and Bias Correction", arXiv 1906.04721,
balances the ranges of weights, pair by pair; with a weight scale per channel it is the activations that gain.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ..ir.executor import Executor
from ..ir.graph import Graph, Node, Value
from ..ir.statistics import Calibration
from ..ir.types import gain_factors
from ..ir.weighted import WEIGHTED, filter_of, source_of
from .activations import representable
from .channel_ties import BOUNDED, ChannelTies
from .fixed_order import row_sums
from .rescale import Gains, rescaled_calibration, rescaled_graph
from .scheme import Scheme
from .weights import WEIGHT_LIMIT

Array = npt.NDArray[np.float64]

#: No channel grows by more: one that is so small matters little.
LARGEST_FACTOR = 64.0
#: A channel seen less often has no extreme to go by: the next sample goes beyond it in one of so many cases. Without
#: this limit the autoencoder, calibrated on 20 rows, lost 1 dB on rows that it had not seen.
FEWEST = 64
#: The weights' steps depend on the factors and the other way round; this often each follows the other.
ROUNDS = 3
#: Variances are counted in steps of so small a part of the largest element, as integers: their sums are exact.
STEPS = 4096.0


def equalize(
    graph: Graph, scheme: Scheme, calibration: Calibration, executor: Executor
) -> tuple[Graph, Calibration, int]:
    """A new graph with the same outputs, its statistics, and how many tensors changed; `graph` stays as it is."""
    gains = find_gains(graph, scheme, calibration, channel_variances(graph, calibration, executor))
    if not gains:
        return graph, calibration, 0
    made = rescaled_graph(graph, gains)
    return made, rescaled_calibration(made, calibration, gains, executor), len(gains)


def find_gains(
    graph: Graph, scheme: Scheme, calibration: Calibration, variances: Mapping[Value, Array]
) -> dict[Value, Gains]:
    """Factors as eighths of an octave, [channels], of the activations that change."""
    ties = ChannelTies(graph)
    headroom = _headroom(graph, ties, scheme, calibration)
    readers = [node for node in graph.nodes if node.op in WEIGHTED and node in scheme.int8_nodes]
    factors = headroom
    for _ in range(ROUNDS):
        falls, rises = np.zeros(ties.total()), np.zeros(ties.total())
        for node in readers:
            if source_of(node) in variances and node.output in variances:
                sets = ties.sets(source_of(node))
                scale = scheme.quantizations[source_of(node)].scale
                falling, rising = _error_parts(node, scale, factors[sets], variances)
                np.add.at(falls, sets, falling)
                np.add.at(rises, sets, rising)
        wanted = np.full(ties.total(), LARGEST_FACTOR)
        np.divide(falls, rises, out=wanted, where=rises > 0)
        factors = np.clip(np.where(falls > 0, np.sqrt(np.sqrt(wanted)), 1.0), 1.0, headroom)
    eighths = np.searchsorted(gain_factors(np.arange(49)), factors, side="right") - 1
    chosen = {value: eighths[ties.sets(value)] for value in ties.values()}
    return {value: found for value, found in chosen.items() if found.any()}


def _headroom(graph: Graph, ties: ChannelTies, scheme: Scheme, calibration: Calibration) -> Array:
    """By the number of a set of channels: the largest factor that carries none of them out of its tensor's range."""
    headroom = np.full(ties.total(), np.inf)
    bounds = _bounds(graph)
    for value in ties.values():
        found, quantization = calibration.channels.get(value.name), scheme.quantizations.get(value)
        if found is None or quantization is None:
            continue
        reach, bound = representable(quantization), bounds.get(value, np.inf)
        low, high = found.low.astype(np.float64), found.high.astype(np.float64)
        above, below = np.full(len(low), np.inf), np.full(len(low), np.inf)
        np.divide(min(reach.high, bound), high, out=above, where=high > 0)
        np.divide(max(reach.low, -bound), low, out=below, where=low < 0)
        room = np.maximum(np.minimum(above, below), 1.0)
        if calibration.ranges.samples * (value.elements // value.shape[-1]) < FEWEST:
            room = np.ones(len(low))
        np.minimum.at(headroom, ties.sets(value), room)
    headroom[np.isinf(headroom)] = 1.0  # nothing but zeros, or in float32
    headroom[ties.fixed()] = 1.0
    limited: Array = np.minimum(headroom, LARGEST_FACTOR)
    return limited


def _bounds(graph: Graph) -> dict[Value, float]:
    """By a value that a bounded activation makes or reads: the bound."""
    found: dict[Value, float] = {}
    for node in graph.nodes:
        fused = str(node.options.get("fused_activation_function", "NONE"))
        if fused in BOUNDED:
            found[node.output] = BOUNDED[fused]
        elif node.op in BOUNDED:
            found[node.output] = BOUNDED[node.op]
    return found


def _error_parts(
    node: Node, input_scale: float, factors: Array, variances: Mapping[Value, Array]
) -> tuple[Array, Array]:
    """A and B of each input channel of a layer, at the weights' steps that these factors give."""
    filters = np.asarray(filter_of(node).data).astype(np.float64)
    power = float(row_sums(variances[node.output]))
    channels = len(factors)
    if power <= 0:
        return np.zeros(channels), np.zeros(channels)
    if node.op == "DEPTHWISE_CONV_2D":
        by_channel = filters.reshape(-1, channels, filters.shape[3] // channels).transpose(1, 0, 2)
        return input_scale**2 * row_sums(by_channel.reshape(channels, -1) ** 2) / power, np.zeros(channels)
    per_group = filters.shape[-1]
    groups = channels // per_group
    by_group = filters.reshape(groups, len(filters) // groups, -1, per_group)
    squares = row_sums(by_group.transpose(0, 3, 1, 2).reshape(channels, -1) ** 2)
    steps = np.abs(by_group / factors.reshape(groups, 1, 1, per_group)).max(axis=(2, 3)) / WEIGHT_LIMIT
    rising = np.repeat(row_sums(steps**2), per_group) * by_group.shape[2] * variances[source_of(node)]
    return input_scale**2 * squares / power, rising / power


def channel_variances(graph: Graph, calibration: Calibration, executor: Executor) -> dict[Value, Array]:
    """Of each channel that a layer reads or writes, over the samples to fit on."""
    wanted = {value for node in graph.nodes if node.op in WEIGHTED for value in (source_of(node), node.output)}
    units = {}
    for value in graph.values():
        if value in wanted and value.name in calibration.channels:
            found = calibration.ranges.by_name[value.name]
            units[value] = max(-found.low, found.high) / STEPS or 1.0
    totals = {value: np.zeros(value.shape[-1]) for value in units}
    squares = {value: np.zeros(value.shape[-1]) for value in units}
    with executor.open(graph) as session:
        for sample in calibration.fit:
            session.run(sample)
            for value, unit in units.items():
                rows = np.rint(session.read(value).reshape(-1, value.shape[-1]).astype(np.float64) / unit)
                totals[value] += rows.sum(axis=0)
                squares[value] += np.square(rows, out=rows).sum(axis=0)
    result = {}
    for value, unit in units.items():
        count = max(len(calibration.fit) * (value.elements // value.shape[-1]), 1)
        mean = totals[value] / count
        result[value] = (squares[value] / count - mean * mean) * unit**2
    return result
