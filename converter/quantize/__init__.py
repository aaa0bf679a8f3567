"""float32 to int8: the scheme (which nodes, which scales), the new graph, the corrections, the borders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..ir.executor import Executor
from ..ir.graph import Graph, Value
from ..ir.statistics import Calibration
from ..options import Options
from .apply import Layer, QuantizedGraph, apply
from .bias_correction import correct_biases
from .borders import set_border_types
from .evaluate import output_sqnr_db
from .scheme import KeptFloat, Scheme, decide

__all__ = ["KeptFloat", "Layer", "Quantized", "QuantizedGraph", "Scheme", "Step", "quantize"]

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Step:
    """A line of the ledger: what a step did to the output, on held-out samples."""

    name: str
    what: str
    #: Output SQNR in dB without and with the step; None where there is nothing to compare.
    before_db: float | None
    after_db: float | None
    accepted: bool


@dataclass(frozen=True)
class Quantized:
    """The int8 graph, and how it came about."""

    graph: Graph
    layers: tuple[Layer, ...]
    #: The float value that each int8 activation stands for.
    sources: Mapping[Value, Value]
    kept_float: tuple[KeptFloat, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...]


def quantize(
    graph: Graph, calibration: Calibration, options: Options, executor: Executor, progress: Progress | None = None
) -> Quantized:
    """An int8 graph from a float one, which stays as it is."""
    scheme = decide(graph, calibration.ranges, float_borders=options.io == "float32")
    plain = apply(graph, scheme)
    plain_db = output_sqnr_db(plain.graph, calibration.held_out, executor)
    steps = [
        Step("min-max ranges", f"{len(scheme.int8_nodes)} operators in int8, weights per channel", None, plain_db, True)
    ]
    best = plain
    if plain.layers and calibration.fit:
        corrected = apply(graph, scheme)
        changed = correct_biases(corrected, calibration, executor, progress)
        corrected_db = output_sqnr_db(corrected.graph, calibration.held_out, executor)
        accepted = plain_db is None or corrected_db is None or corrected_db >= plain_db
        steps.append(
            Step("bias correction", f"{changed} of {len(plain.layers)} layers", plain_db, corrected_db, accepted)
        )
        best = corrected if accepted else plain
    notes = set_border_types(best.graph, options.io)
    return Quantized(best.graph, best.layers, best.sources, scheme.kept_float, tuple(steps), notes)
