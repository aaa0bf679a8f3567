"""Chains of elementwise int8 operators become one table: docs/adr/0015-tables-by-gather.md.

A chain is a set of elementwise operators whose only operand besides single numbers is one int8 value, and whose values
nobody else reads: SiLU, Mish, hard swish, x * a + b, a clip, and what follows them. Its 256 results are those of the
float operators, rounded once, where the chain itself rounds after every operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..gen.ops import OPS
from ..ir.executor import Executor, evaluate
from ..ir.graph import Graph, Node, Value
from ..ir.judged import judged_values
from ..ir.types import DType, Quantization
from .activations import quantize_array
from .apply import QuantizedGraph

Array = npt.NDArray[np.int8]

#: Operators of two operands, one of which may be a single number.
PAIRS = frozenset({"ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "PRELU"})
LEAST_OPERATORS = 2


@dataclass(frozen=True)
class _Chain:
    source: Value
    result: Value
    nodes: tuple[Node, ...]


def merge_tables(floats: Graph, made: QuantizedGraph, executor: Executor) -> tuple[QuantizedGraph, list[int]]:
    """An int8 graph with look-ups instead of chains, and how many operators each of them had.

    `floats` is the float graph that `made` stands for; both stay as they are.
    """
    old = made.graph
    graph = Graph(list(old.nodes), list(old.inputs), list(old.outputs), old.name)
    graph.input_names, graph.output_names = list(old.input_names), list(old.output_names)
    graph.metadata = dict(old.metadata)
    merged = []
    judged = judged_values(floats)
    kept = {value for value, source in made.sources.items() if source in judged} | set(graph.outputs)
    for chain in _chains(graph, kept):
        codes = _table(chain, floats, made.sources, executor)
        if codes is not None:
            _replace(graph, chain, codes)
            merged.append(len(chain.nodes))
    left = set(graph.values())
    sources = {value: source for value, source in made.sources.items() if value in left}
    return replace(made, graph=graph, sources=sources), merged


def _is_elementwise(node: Node) -> bool:
    """An int8 operator of each element by itself, as far as its operands allow."""
    if len(node.outputs) != 1 or node.output.dtype is not DType.INT8:
        return False
    if node.op not in PAIRS and OPS[node.op].quantize != "table":
        return False
    operands = [value for value in node.inputs if value is not None]
    return all(value.dtype is DType.INT8 for value in operands) and all(
        value.elements == 1 if value.is_constant else value.shape == node.output.shape for value in operands
    )


def _chains(graph: Graph, kept: set[Value]) -> list[_Chain]:
    """The longest chains, from the end of the graph to its start, none sharing a node with another."""
    producers, readers = graph.producers(), graph.consumers()
    taken: set[Node] = set()
    found = []
    for last in reversed(graph.nodes):
        if last in taken or not _is_elementwise(last):
            continue
        chain = _grow(graph, last, kept, producers, readers)
        if chain is not None:
            taken.update(chain.nodes)
            found.append(chain)
    return found


def _grow(
    graph: Graph, last: Node, kept: set[Value], producers: Mapping[Value, Node], readers: Mapping[Value, list[Node]]
) -> _Chain | None:
    """Take in producers whose results only the chain reads; the largest set that ends in one value."""
    members = {last}
    best: _Chain | None = None
    while True:
        leaves = {v for node in members for v in node.inputs if v is not None and not v.is_constant}
        leaves -= {node.output for node in members}
        if len(leaves) == 1 and len(members) >= LEAST_OPERATORS:
            (source,) = leaves
            best = _Chain(source, last.output, tuple(node for node in graph.nodes if node in members))
        inner = [
            producers[leaf]
            for leaf in leaves
            if leaf in producers
            and _is_elementwise(producers[leaf])
            and leaf not in kept
            and all(reader in members for reader in readers[leaf])
        ]
        if not inner:
            return best
        members.update(inner)


def _table(chain: _Chain, floats: Graph, sources: Mapping[Value, Value], executor: Executor) -> Array | None:
    """The code of the result for each code of the source, by running the float operators on all 256 numbers."""
    source, result = sources.get(chain.source), sources.get(chain.result)
    before, after = chain.source.quantization, chain.result.quantization
    if source is None or result is None or before is None or after is None or source is result:
        return None
    nodes = _between(floats, source, result)
    if nodes is None:
        return None
    numbers = (np.arange(-128, 128) - before.zero_point).astype(np.float32) * np.float32(before.scale)
    copies: dict[Value, Value] = {source: Value("codes", (256,))}
    made = []
    for node in nodes:
        inputs = [value if value is None else _copied(copies, value) for value in node.inputs]
        copies[node.output] = Value(node.output.name, (256,))
        made.append(Node(node.op, inputs, [copies[node.output]], dict(node.options), node.name))
    (reals,) = evaluate(executor, Graph(made, [copies[source]], [copies[result]]), {"codes": numbers})
    return quantize_array(reals, after) if np.isfinite(reals).all() else None


def _copied(copies: dict[Value, Value], value: Value) -> Value:
    """A value of 256 elements, or a single number as it is."""
    if value not in copies:
        assert value.data is not None
        copies[value] = Value(f"{value.name}/number", (1,), value.dtype, data=value.data.reshape(1))
    return copies[value]


def _between(floats: Graph, source: Value, result: Value) -> list[Node] | None:
    """The float operators from `source` to `result`, in order; None where they read more than that and numbers."""
    producers = floats.producers()
    needed: set[Node] = set()
    pending = [result]
    while pending:
        value = pending.pop()
        if value is source or (value.data is not None and value.elements == 1):
            continue
        node = producers.get(value)
        if node is None or (node.op not in PAIRS and OPS[node.op].quantize != "table"):
            return None
        if node not in needed:
            needed.add(node)
            pending += [operand for operand in node.inputs if operand is not None]
    return [node for node in floats.nodes if node in needed]


def _replace(graph: Graph, chain: _Chain, codes: Array) -> None:
    """QUANTIZE to uint8, which adds 128 to the codes, CAST to int32 and GATHER from the table."""
    before = chain.source.quantization
    assert before is not None
    name, shape = chain.result.name, chain.source.shape
    shifted = Value(
        graph.unique_name(f"{name}/codes"),
        shape,
        DType.UINT8,
        Quantization.per_tensor(before.scale, before.zero_point + 128),
    )
    indices = Value(graph.unique_name(f"{name}/indices"), shape, DType.INT32)
    table = graph.constant(f"{name}/table", codes.astype(np.int8), chain.result.quantization)
    title = chain.nodes[-1].name
    lookup = [
        Node("QUANTIZE", [chain.source], [shifted], {}, title),
        Node("CAST", [shifted], [indices], {"in_data_type": "UINT8", "out_data_type": "INT32"}, title),
        Node("GATHER", [table, indices], [chain.result], {"axis": 0, "batch_dims": 0}, title),
    ]
    position = graph.nodes.index(chain.nodes[-1])
    graph.nodes[position : position + 1] = lookup
    graph.remove(chain.nodes[:-1])
