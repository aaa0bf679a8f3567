"""Multiplies channels of activations by factors, and takes the factors back where the channels are read.

Neither the graph's outputs nor anything that it is judged by changes, but for float32 rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..ir.executor import Executor
from ..ir.graph import Graph, Node, Value
from ..ir.ranges import Range, Ranges
from ..ir.statistics import Calibration, ChannelRange, Histogram, TapMeans
from ..ir.types import gain_factors
from ..ir.weighted import WEIGHTED, bias_of, filter_of, position_of, source_of
from .channel_ties import SUMS

Factors = npt.NDArray[np.float64]
#: Factors as powers of 2^(1/8), [channels].
Gains = npt.NDArray[np.int64]
#: Bins of the histograms of tensors that changed.
BINS = 2048


def rescaled_graph(graph: Graph, gains: Mapping[Value, Gains]) -> Graph:
    """A new graph in which the channels of activations are larger by their gains. `ChannelTies` says which may be."""
    factors = {value: gain_factors(found) for value, found in gains.items()}
    copies: dict[Value, Value] = {}

    def copy(value: Value) -> Value:
        if value not in copies:
            copies[value] = replace(value)
            if value in gains and value.origin is not None:
                before = np.array(value.origin.gains or 0)
                copies[value].origin = replace(value.origin, gains=tuple((before + gains[value]).tolist()))
        return copies[value]

    nodes = []
    for node in graph.nodes:
        changed = _rescaled_constants(node, factors)
        operands = [changed.get(i, None if value is None else copy(value)) for i, value in enumerate(node.inputs)]
        nodes.append(Node(node.op, operands, [copy(value) for value in node.outputs], dict(node.options), node.name))
    inputs, outputs = [copy(value) for value in graph.inputs], [copy(value) for value in graph.outputs]
    return replace(graph, nodes=nodes, inputs=inputs, outputs=outputs)


def _rescaled_constants(node: Node, factors: Mapping[Value, Factors]) -> dict[int, Value]:
    """The constant operands of a node that take up the factors of its activations, by position."""
    after = factors.get(node.output) if len(node.outputs) == 1 else None
    if node.op in WEIGHTED:
        before = factors.get(source_of(node))
        if before is None and after is None:
            return {}
        found = {position_of(node.op, "filter"): _with_data(filter_of(node), rescaled_filter(node, before, after))}
        bias = bias_of(node)
        if bias is not None and bias.data is not None and after is not None:
            found[position_of(node.op, "bias")] = _with_data(bias, bias.data.reshape(-1) * after)
        return found
    if node.op in SUMS and after is not None:
        return {
            i: _with_data(operand, operand.data * after)
            for i, operand in enumerate(node.inputs)
            if operand is not None and operand.data is not None
        }
    return {}


def rescaled_filter(node: Node, before: Factors | None, after: Factors | None) -> Factors:
    """A layer's weights divided by what its input channels grew by, and multiplied with what its outputs grow by."""
    weights = np.asarray(filter_of(node).data).astype(np.float64)
    if node.op == "DEPTHWISE_CONV_2D":
        if before is not None:
            weights = weights / np.repeat(before, weights.shape[3] // len(before))
        return weights if after is None else weights * after
    if before is not None:
        groups = before.reshape(-1, weights.shape[-1])  # one row per group of a grouped convolution
        rows = np.repeat(groups, len(weights) // len(groups), axis=0)
        weights = weights / rows.reshape(len(weights), *[1] * (weights.ndim - 2), -1)
    return weights if after is None else weights * after.reshape(-1, *[1] * (weights.ndim - 1))


def _with_data(value: Value, data: Factors) -> Value:
    return replace(value, shape=data.shape, data=np.ascontiguousarray(data).astype(np.float32))


def rescaled_calibration(
    graph: Graph, calibration: Calibration, gains: Mapping[Value, Gains], executor: Executor
) -> Calibration:
    """The statistics of a rescaled graph. Histograms of what changed are taken anew, of the samples to fit on."""
    factors = {value.name: gain_factors(found) for value, found in gains.items()}
    channels, ranges = dict(calibration.channels), dict(calibration.ranges.by_name)
    for name, factor in factors.items():
        found = channels[name]
        low, high = (found.low * factor).astype(np.float32), (found.high * factor).astype(np.float32)
        channels[name] = ChannelRange(low, high)
        ranges[name] = Range(float(low.min()), float(high.max()))
    taps = dict(calibration.tap_means)
    for node in graph.nodes:
        if node.op in WEIGHTED and node.output.name in taps and source_of(node).name in factors:
            taps[node.output.name] = TapMeans(taps[node.output.name].means * factors[source_of(node).name])
    histograms = dict(calibration.histograms)
    changed = [value for value in graph.values() if value.name in factors]
    histograms.update(_histograms(changed, ranges, graph, calibration, executor))
    return replace(calibration, ranges=Ranges(ranges, calibration.ranges.samples), channels=channels,
                   tap_means=taps, histograms=histograms)  # fmt: skip


def _histograms(
    values: list[Value], ranges: Mapping[str, Range], graph: Graph, calibration: Calibration, executor: Executor
) -> dict[str, Histogram]:
    """With the smallest power of two as width for which the range and 0 lie within the bins."""
    made = {}
    for value in values:
        low, high = min(ranges[value.name].low, 0.0), max(ranges[value.name].high, 0.0)
        width = math.ldexp(1.0, math.frexp(max(high - low, 1e-30) / (BINS - 2))[1])
        first = math.floor(low / width)
        made[value.name] = Histogram(first, width, np.zeros(math.floor(high / width) - first + 1, np.int64), 0)
    with executor.open(graph) as session:
        for sample in calibration.fit:
            session.run(sample)
            for value in values:
                found, array = made[value.name], session.read(value)
                last = len(found.counts) - 1
                bins = np.floor(array.reshape(-1) / np.float32(found.width)).astype(np.int64) - found.first
                found.counts[:] += np.bincount(np.clip(bins, 0, last), minlength=last + 1)
                zeros = int(array.size - np.count_nonzero(array))
                made[value.name] = replace(found, zeros=found.zeros + zeros)
    return made
