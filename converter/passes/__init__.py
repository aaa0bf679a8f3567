"""Rewrites of the graph that keep its meaning."""

from __future__ import annotations

from ..ir.executor import Executor
from ..ir.graph import Graph
from .manager import AfterPass, Pass, PassRecord, run_steps
from .pipelines import OPTIMIZE

__all__ = ["AfterPass", "Pass", "PassRecord", "optimize"]


def optimize(
    graph: Graph, executor: Executor | None = None, *, after_pass: AfterPass | None = None
) -> tuple[PassRecord, ...]:
    """Run the ordered list of passes on a graph, in place; the records say what each did."""
    return run_steps(OPTIMIZE, graph, executor, after_pass)
