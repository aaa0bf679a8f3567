"""Removes operators whose results nobody reads."""

from __future__ import annotations

from ..ir.graph import Graph, Node
from .manager import Context, Pass


class EliminateDead(Pass):
    """Removes operators whose results nobody reads.

    1. An operator with outputs, none of which is a graph output or read by an operator that stays, is removed.
    2. Operators without outputs (they act on variables) and operators that read variables stay.

    Graph inputs stay even when nothing reads them: they are the interface. Constants go with their last reader.
    """

    name = "eliminate_dead"

    def run(self, graph: Graph, context: Context) -> None:
        needed = {id(value) for value in graph.outputs}
        dead: list[Node] = []
        for node in reversed(graph.nodes):
            acts = not node.outputs or any(value is not None and value.is_variable for value in node.inputs)  # 2
            if acts or any(id(value) in needed for value in node.outputs):
                needed.update(id(value) for value in node.inputs if value is not None)
            else:  # 1
                dead.append(node)
                context.applied(node)
        graph.remove(dead)
