"""float32 to int8: the scheme (which nodes, which scales), the new graph, the corrections, the borders."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ..ir.executor import Executor
from ..ir.graph import Graph, Node, Value
from ..ir.ranges import Ranges
from ..ir.statistics import Calibration
from ..options import IoType, Options
from .adopted import adopt_weights
from .apply import Layer, QuantizedGraph, apply
from .bias_correction import correct_biases
from .borders import set_border_types
from .copied import copied
from .equalize import equalize
from .evaluate import output_sqnr_db
from .global_pooling import means_of_images
from .kept import kept_outputs
from .layer_fit import fit_layers
from .mask_constants import clamp_mask_constants
from .precisions import precisions_of
from .range_search import search_ranges
from .rounded import with_rounded_weights
from .roundings import Rounding
from .scheme import KeptFloat, Scheme, decide, why_not
from .seen import without_held_out
from .stored_fit import fit_stored
from .stored_weights import WEIGHT_TYPES, KeptConstant, StoredWeights, WeightType, store_weights
from .tables import merge_tables
from .unlike_outputs import unlike_outputs

__all__ = [
    "EFFORT_STEPS",
    "WEIGHT_TYPES",
    "KeptFloat",
    "Layer",
    "Quantized",
    "QuantizedGraph",
    "Scheme",
    "Step",
    "StoredWeights",
    "WeightType",
    "quantize",
    "quantize_weights",
    "store_weights",
    "why_not",
    "with_rounded_weights",
]

Progress = Callable[[int, int | None], None]
#: What the task's metric says of a graph.
Task = Callable[[Graph], float]

#: A table is closer to the float operators at every code, but errors of other layers may have cancelled the chain's.
WORSE_DB = 0.5
#: Fitted layers have to gain this: less is chance on 20 samples, and cost keyword spotting 0.1 points over ten draws.
WORTHWHILE_DB = 0.3
#: What equalization has to gain on held-out samples with the ranges of the others (`seen.py`).
EQUALIZATION_DB = 1.5

#: The steps behind min-max ranges, in order, by the effort from which on they are tried.
EFFORT_STEPS: tuple[tuple[str, ...], ...] = (
    ("mask constants", "bias correction"),
    ("means of images", "separate outputs", "equalization", "searched ranges", "weight scales"),
    ("second-order rounding",),
)
#: Tried at any effort where it is asked for, or at effort 2 under four bits.
ADAPTIVE = "adaptive rounding"
ALL_STEPS = (*(step for steps in EFFORT_STEPS for step in steps), ADAPTIVE)
#: The steps that choose codes of weights.
_ROUNDINGS: dict[str, Rounding] = {
    "weight scales": "nearest",
    "second-order rounding": "second-order",
    ADAPTIVE: "adaptive",
}


@dataclass(frozen=True)
class Step:
    """A line of the ledger: what a step did to the output, on held-out samples."""

    name: str
    what: str
    #: Output SQNR in dB without and with the step; None where there is nothing to compare.
    before_db: float | None
    after_db: float | None
    accepted: bool
    #: What the task's metric says of the graph with the step, where there is one to evaluate.
    task: float | None = None


def input_type(options: Options) -> IoType:
    """Element type of inputs: those that take bytes are never float32."""
    return "uint8" if options.fold_input is not None and options.io == "float32" else options.io


@dataclass(frozen=True)
class Quantized:
    """The int8 graph, and how it came about."""

    graph: Graph
    layers: tuple[Layer, ...]
    #: The float graph that it was made from, and the value there that each int8 activation stands for.
    floats: Graph
    sources: Mapping[Value, Value]
    kept_float: tuple[KeptFloat, ...]
    #: The float graph's operators with int16 activations.
    int16_nodes: frozenset[Node]
    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    #: The same graph before chains became tables, with float32 borders: every operator has its float operator.
    unmerged: QuantizedGraph
    #: The statistics of `floats`, and the ranges that were chosen from them.
    calibration: Calibration
    ranges: Ranges

    @property
    def output_db(self) -> float | None:
        """Output SQNR on held-out samples, None without any."""
        taken = [step.after_db for step in self.steps if step.accepted]
        return taken[-1] if taken else None


def quantize(
    graph: Graph,
    calibration: Calibration,
    options: Options,
    executor: Executor,
    progress: Progress | None = None,
    *,
    mixture: Mapping[str, str] | None = None,
    task: Task | None = None,
    only: Collection[str] = ALL_STEPS,
    fitted: Sequence[Layer] = (),
) -> Quantized:
    """An int8 graph from a float one, which stays as it is. `options.effort` says which steps are tried.

    Those that `only` leaves out are not, to see what they are worth. `mixture` gives operators, by the name of their
    first output, another precision than int8; `task` measures steps. `fitted` layers of the same graph lend their
    weights.
    """
    ledger = _Ledger(calibration, executor, task)
    precisions = precisions_of(graph, options, mixture or {})
    chosen = partial(decide, precisions=precisions, float_borders=options.io == "float32")
    scheme, ranges = chosen(graph, calibration.ranges), calibration.ranges
    plain = adopt_weights(apply(graph, scheme), fitted)
    ledger.offer("min-max ranges", _counted(scheme), plain)
    steps = {step for steps in EFFORT_STEPS[: options.effort + 1] for step in steps if step in only}
    if options.adaround and ADAPTIVE in only:
        steps.add(ADAPTIVE)
    corrected = "bias correction" in steps
    if not plain.layers or not calibration.fit:
        steps &= {"searched ranges"} if calibration.fit else set()

    def applied(graph: Graph, scheme: Scheme, calibration: Calibration) -> tuple[QuantizedGraph, int]:
        made = adopt_weights(apply(graph, scheme), fitted)
        return made, correct_biases(made, calibration, executor, progress) if corrected else 0

    def unseen_gain(graph: Graph, calibration: Calibration) -> float:
        """Of equalization, in dB on held-out samples, had they been no part of the calibration."""
        seen = without_held_out(graph, calibration, executor)
        scheme = chosen(graph, seen.ranges)
        before, _ = applied(graph, scheme, seen)
        equal, seen, _ = equalize(graph, scheme, seen, executor)
        after, _ = applied(equal, chosen(equal, seen.ranges), seen)
        return ledger.gain_db(before, after)

    if "mask constants" in steps:
        clamped, statistics, changed = clamp_mask_constants(graph, calibration)
        if changed:
            tried = chosen(clamped, statistics.ranges)
            made = apply(clamped, tried)
            if ledger.offer("mask constants", f"{changed} clamped to what the softmax or pooling can tell", made):
                graph, calibration, scheme, ranges = clamped, statistics, tried, statistics.ranges
    if "bias correction" in steps:
        made, changed = applied(graph, scheme, calibration)
        ledger.offer("bias correction", f"{changed} of {len(made.layers)} layers", made)
    if "means of images" in steps:
        averaged, changed = means_of_images(graph, scheme, ranges)
        if changed:
            tried = chosen(averaged, ranges)
            made, _ = applied(averaged, tried, calibration)
            what = f"{changed} poolings became MEAN, with a scale of its own"
            if ledger.offer("means of images", what, made, -WORTHWHILE_DB):
                graph, scheme = averaged, tried
    if "separate outputs" in steps and options.io == "float32" and (unlike := unlike_outputs(graph, scheme, ranges)):
        separated = partial(chosen, precisions=precisions.with_floats(unlike))
        tried = separated(graph, ranges)
        made, _ = applied(graph, tried, calibration)
        if ledger.offer("separate outputs", f"{len(unlike)} operators join parts of unlike ranges in float32", made):
            chosen, scheme = separated, tried
    if "equalization" in steps:
        equal, statistics, changed = equalize(graph, scheme, calibration, executor)
        if changed:
            rescaled = chosen(equal, statistics.ranges)
            made, _ = applied(equal, rescaled, statistics)
            gain = unseen_gain(graph, calibration)
            what = f"channels of {changed} tensors rescaled; {gain:+.1f} dB where ranges have not seen these samples"
            if ledger.offer("equalization", what, made, 0.0 if gain >= EQUALIZATION_DB else -math.inf):
                graph, calibration, scheme, ranges = equal, statistics, rescaled, statistics.ranges
    if "searched ranges" in steps:
        narrowed, changed = search_ranges(graph, scheme, calibration, executor, progress)
        searched = chosen(graph, narrowed)
        made, _ = applied(graph, searched, calibration)
        if changed and ledger.offer("searched ranges", f"{changed} tensors narrowed", made):
            scheme, ranges = searched, narrowed
    for name, rounding in _ROUNDINGS.items():
        if name in steps:
            made, changed = fit_layers(
                apply(graph, scheme),
                calibration,
                executor,
                rounding=rounding,
                correct=corrected,
                progress=progress,
            )
            ledger.offer(name, f"{changed} of {len(made.layers)} layers", made, -WORTHWHILE_DB)
    unmerged = ledger.best
    merged, sizes = merge_tables(graph, unmerged, executor)
    if sizes:
        ledger.offer("tables", f"{sum(sizes)} elementwise operators became {len(sizes)} look-ups", merged, WORSE_DB)
    best = ledger.best if options.io == "float32" else copied(ledger.best)
    notes = set_border_types(best.graph, options.io, input_type(options))
    return Quantized(
        graph=best.graph,
        layers=best.layers,
        floats=graph,
        sources=best.sources,
        kept_float=scheme.kept_float,
        int16_nodes=scheme.int16_nodes,
        steps=tuple(ledger.steps),
        notes=notes,
        unmerged=unmerged,
        calibration=calibration,
        ranges=ranges,
    )


def quantize_weights(
    graph: Graph,
    kind: WeightType,
    calibration: Calibration | None,
    options: Options,
    executor: Executor,
) -> tuple[StoredWeights, tuple[Step, ...]]:
    """Weights in a type that needs no ranges. Samples, where there are any, choose their rounding and correct biases.

    Operators that `options.keep_float` names stay as they are.
    """
    kept = kept_outputs(graph, options.keep_float)

    def type_of(node: Node) -> WeightType | None:
        return None if node.outputs and node.outputs[0].name in kept else kind

    asked = tuple(KeptConstant(node, kept[node.outputs[0].name]) for node in graph.nodes if type_of(node) is None)
    plain = store_weights(graph, type_of)
    count = len({id(layer.constant) for layer in plain.layers})
    what = f"{count} constants, {plain.before_bytes:,} -> {plain.after_bytes:,} bytes"
    held = () if calibration is None else calibration.held_out
    before = output_sqnr_db(QuantizedGraph(plain.graph, (), {}), held, executor)
    steps = [Step(options.quantize, what, None, before, True)]
    best = plain
    if calibration is not None and calibration.fit and any(layer.constant.quantization for layer in plain.layers):
        tried: list[tuple[str, Rounding | None]] = [("bias correction", None)]
        if options.effort > 0:
            tried.append(("second-order rounding", "second-order"))
        if options.adaround or (options.effort == 2 and kind == "int4-weights"):
            tried.append((ADAPTIVE, "adaptive"))
        for name, rounding in tried:
            made = store_weights(graph, type_of)
            changed = fit_stored(graph, made, calibration, executor, rounding=rounding)
            after = output_sqnr_db(QuantizedGraph(made.graph, (), {}), held, executor)
            accepted = before is None or after is None or after >= before
            of = f"{changed} of {len(made.layers)} layers" if rounding is not None else f"{len(made.layers)} layers"
            steps.append(Step(name, of, before, after, accepted))
            if accepted:
                best, before = made, after
    return replace(best, kept=asked + best.kept), tuple(steps)


def _counted(scheme: Scheme) -> str:
    counts = ((len(scheme.int8_nodes), "int8"), (len(scheme.int16_nodes), "int16"))
    text = " and ".join(f"{count} operators in {name}" for count, name in counts if count)
    return f"{text or 'no operators in int8'}, weights per channel"


class _Ledger:
    """Keeps the best graph so far, by its answers to held-out samples, and what was tried.

    A step that follows bias correction is offered with biases corrected for it: their shift would drown its effect.
    """

    def __init__(self, calibration: Calibration, executor: Executor, task: Task | None) -> None:
        self._calibration, self._executor, self._task = calibration, executor, task
        self._best: QuantizedGraph | None = None
        self._best_db: float | None = None
        self.steps: list[Step] = []

    @property
    def best(self) -> QuantizedGraph:
        assert self._best is not None
        return self._best

    def offer(self, name: str, what: str, made: QuantizedGraph, tolerated_db: float = 0.0) -> bool:
        """Take a graph if it is worse than the best one by no more than is tolerated, or cannot be measured.

        Tolerating less than 0 asks for a gain.
        """
        before = self._best_db
        after = output_sqnr_db(made, self._calibration.held_out, self._executor)
        accepted = before is None or after is None or after >= before - tolerated_db
        task = None if self._task is None else self._task(made.graph)
        self.steps.append(Step(name, what, before, after, accepted, task))
        if accepted:
            self._best, self._best_db = made, after
        return accepted

    def gain_db(self, before: QuantizedGraph, after: QuantizedGraph) -> float:
        """Of one graph over another, on held-out samples; 0 without any."""
        found = [output_sqnr_db(made, self._calibration.held_out, self._executor) for made in (before, after)]
        return 0.0 if found[0] is None or found[1] is None else found[1] - found[0]
