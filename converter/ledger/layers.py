"""Measures every layer of a quantized graph on held-out samples: by itself, and with all that came before.

Alone: the layer gets the float graph's values as its inputs hold them, and so does the float layer that it is compared
with, so the error is its own; each channel's mean error is left out, since a corrected bias has one on purpose, for the
layers ahead. Cumulated: the quantized graph runs as it is, and is compared with the float graph. A float layer with the
weights that the codes stand for tells how much of its own error is the weights'; the rest is the output's rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np

from ..gen.ops import OPS
from ..ir.executor import Executor, Session
from ..ir.graph import Graph, Node, Value
from ..ir.held import codes, reach, reals
from ..ir.statistics import Calibration
from ..options import Options
from ..quantize import Quantized, with_rounded_weights
from ..quantize.evaluate import sqnr_db
from .advice import Advice, advice, title_of
from .causes import ErrorSum, Reals, cause_of
from .trials import output_gains_db

#: A layer whose own error is this far below the output's cannot be what limits it.
HARMLESS_DB = 15.0
#: Layers whose flags are tried: those of the largest errors of their own.
TRIED = 8
#: Less than that is nothing.
WORTHWHILE_DB = 0.05


@dataclass(frozen=True)
class LayerError:
    """A layer's error in dB of SQNR: by itself, and with everything ahead of it quantized."""

    name: str
    op: str
    alone_db: float
    cumulated_db: float
    #: clipping, rounding, bias or outlier channel; empty where there is no error.
    cause: str
    #: Of the squared error by itself, and of the cumulated one.
    clipped_share: float
    bias_share: float
    #: Of the squared error by itself: what the rounding of weights makes; the rest is that of activations.
    weights_share: float
    #: How far the widest channel reaches, in parts of the median channel, and which one it is.
    outlier_ratio: float
    widest_channel: int
    #: What would help; empty where the layer does no harm, or where the flag was tried and gained nothing.
    flag: str
    #: What the precision that the flag asks for gains at the output, in dB on held-out samples, with all else as it is;
    #: None where it was not tried.
    flag_gain_db: float | None = None


@dataclass(frozen=True)
class _Place:
    """A value that the quantized graph computes for one of the float graph, and the nodes that do in either graph."""

    nodes: tuple[int, ...]
    float_nodes: tuple[int, ...]
    given: tuple[Value, ...]
    result: Value
    has_weights: bool


def measure_layers(
    quantized: Quantized, calibration: Calibration, options: Options, executor: Executor
) -> tuple[LayerError, ...]:
    """One row for each quantized operator that computes, in order. Empty without held-out samples."""
    places = list(_places(quantized))
    alone = [ErrorSum(*reach(place.result)) for place in places]
    cumulated = [ErrorSum(*reach(place.result)) for place in places]
    weights = [ErrorSum(-np.inf, np.inf) for _ in places]
    samples = [held.inputs for held in calibration.held_out]
    if not samples:
        return ()
    rounded_graph, values = with_rounded_weights(quantized.floats, quantized.layers)
    with (
        executor.open(quantized.floats) as floats,
        executor.open(rounded_graph) as rounded,
        executor.open(quantized.graph) as session,
    ):
        for sample in samples:
            floats.run(sample)
            session.run({value.name: codes(value, sample[value.name]) for value in quantized.graph.inputs})
            wanted = [floats.read(quantized.sources[place.result]).astype(np.float64) for place in places]
            for place, total, exact in zip(places, cumulated, wanted, strict=True):
                total.add(exact, reals(place.result, session.read(place.result)))
            for place, total, of_weights in zip(places, alone, weights, strict=True):
                exact, found = _run_alone(place, quantized, floats, session)
                total.add(exact, found)
                if place.has_weights:
                    of_weights.add(exact, _run_rounded(place, quantized, rounded, values, session))
    sums = zip(places, alone, weights, cumulated, strict=True)
    made = [_row(quantized, place, own, of_weights, total, options) for place, own, of_weights, total in sums]
    return _tried(quantized, calibration, made, executor)


def _tried(
    quantized: Quantized, calibration: Calibration, made: Sequence[tuple[LayerError, Advice]], executor: Executor
) -> tuple[LayerError, ...]:
    """The rows, with what the flags of the worst layers gain; a flag that gains nothing is not given."""
    rows = [row for row, _ in made]
    worst = sorted((i for i, (_, said) in enumerate(made) if said.nodes), key=lambda i: rows[i].alone_db)[:TRIED]
    gains = output_gains_db(quantized, [made[i][1] for i in worst], calibration.held_out, executor)
    for i, gain in zip(worst, gains, strict=True):
        rows[i] = replace(rows[i], flag=rows[i].flag if gain >= WORTHWHILE_DB else "", flag_gain_db=gain)
    return tuple(rows)


def _run_alone(place: _Place, quantized: Quantized, floats: Session, session: Session) -> tuple[Reals, Reals]:
    """What the float layer and the quantized one make of the same numbers. The float graph's values are put back."""
    touched = [quantized.sources[value] for value in place.given]
    touched += [value for i in place.float_nodes for value in quantized.floats.nodes[i].outputs]
    before = [floats.read(value) for value in touched]
    for value in place.given:
        source = quantized.sources[value]
        held = codes(value, floats.read(source))
        session.write(value, held)
        floats.write(source, reals(value, held).astype(source.dtype.numpy))
    for i in place.float_nodes:
        floats.run_nodes(i, i + 1)
    for i in place.nodes:
        session.run_nodes(i, i + 1)
    wanted = floats.read(quantized.sources[place.result]).astype(np.float64)
    for value, array in zip(touched, before, strict=True):
        floats.write(value, array)
    return wanted, reals(place.result, session.read(place.result))


def _run_rounded(
    place: _Place, quantized: Quantized, rounded: Session, values: Mapping[Value, Value], session: Session
) -> Reals:
    """What the float layer with rounded weights makes of what the quantized one has just read."""
    for value in place.given:
        source = quantized.sources[value]
        rounded.write(values[source], reals(value, session.read(value)).astype(source.dtype.numpy))
    for i in place.float_nodes:
        rounded.run_nodes(i, i + 1)
    return rounded.read(values[quantized.sources[place.result]]).astype(np.float64)


def _places(quantized: Quantized) -> Iterator[_Place]:
    """Every node that computes a value of the float graph, with those behind it that only prepare its operands."""
    graph, sources = quantized.graph, quantized.sources
    for node in graph.nodes:
        if node.outputs and node.outputs[0] in sources and _computes(node):
            nodes, given = _back_to(graph, node.outputs[0], set(sources))
            starts = {sources[value] for value in given}
            float_nodes, _ = _back_to(quantized.floats, sources[node.outputs[0]], starts)
            yield _Place(nodes, float_nodes, given, node.outputs[0], OPS[node.op].quantize == "weights")


def _back_to(graph: Graph, result: Value, known: AbstractSet[Value]) -> tuple[tuple[int, ...], tuple[Value, ...]]:
    """The nodes that compute `result` from `known` values, in order, and those of them that are read."""
    producers = graph.producers()
    nodes: set[Node] = set()
    read: dict[Value, None] = {}
    pending = list(producers[result].inputs)
    nodes.add(producers[result])
    while pending:
        value = pending.pop()
        if value is None or value.is_constant:
            continue
        if value in known:
            read[value] = None
        elif value in producers and producers[value] not in nodes:
            nodes.add(producers[value])
            pending += producers[value].inputs
    return tuple(i for i, node in enumerate(graph.nodes) if node in nodes), tuple(read)


def _computes(node: Node) -> bool:
    """Whether a node makes new values rather than moving them or changing their type; a table look-up does."""
    return node.op == "GATHER" or OPS[node.op].quantize not in ("same", "none")


def _row(
    quantized: Quantized,
    place: _Place,
    alone: ErrorSum,
    weights: ErrorSum,
    cumulated: ErrorSum,
    options: Options,
) -> tuple[LayerError, Advice]:
    node = quantized.graph.nodes[place.nodes[-1]]
    alone_db, cause = sqnr_db(alone.signal, alone.spread), cause_of(alone, cumulated)
    share = min(1.0, weights.spread / alone.spread) if alone.spread else 0.0
    limit = quantized.output_db
    harmless = limit is None or alone_db > limit + HARMLESS_DB
    source = quantized.sources[place.result]
    ops = [quantized.floats.nodes[i] for i in place.float_nodes]
    said = Advice("") if harmless or not cause else advice(cause, share, source, ops, quantized.floats, options)
    row = LayerError(
        name=title_of(source, node),
        op=node.op,
        alone_db=alone_db,
        cumulated_db=sqnr_db(cumulated.signal, cumulated.noise),
        cause=cause,
        clipped_share=alone.clipped_share,
        bias_share=cumulated.bias_share,
        weights_share=share,
        outlier_ratio=alone.outlier_ratio,
        widest_channel=alone.widest_channel,
        flag=said.flag,
    )
    return row, said
