"""What a budget asks for, and what came of it: the numbers for the report and the exit status."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from .. import backend
from ..execute import state_bytes
from ..ir.executor import Executor
from ..ir.graph import Graph, Node
from ..ir.statistics import Calibration
from ..ir.types import DType
from ..options import Options
from ..plan import plan_memory
from ..progress import Progress
from ..quantize import Quantized, quantize, why_not
from .evaluation import Evaluator, Judgement
from .ranking import Ranking
from .search import Candidate, Found, Workshop, search
from .units import PRECISIONS, Mixture, Raise, key_of, quantized_nodes

#: Steps of a mixture that is only tried. Ranges and weights, however they were rounded, are those of the first
#: conversion. Fitting weights again for each trial found MobileNetV1 the same mixture in half as much time again, and
#: BlazeFace one that is 496 bytes larger in twice the time.
DONE_ANEW = ("bias correction", "separate outputs")

EXIT = {"met": 0, "missed": 4, "undecided": 6}


@dataclass(frozen=True)
class Budget:
    """Limits of a conversion in bytes, and the judge of what is lost; None: no such limit."""

    max_file_bytes: int | None = None
    max_memory_bytes: int | None = None
    evaluator: Evaluator | None = None

    def excess(self, file_bytes: int, memory_bytes: int) -> str:
        """Which sizes are above their limits, in words; empty for none."""
        found = []
        if self.max_file_bytes is not None and file_bytes > self.max_file_bytes:
            found.append(f"the file takes {file_bytes:,} bytes, {self.max_file_bytes:,} allowed")
        if self.max_memory_bytes is not None and memory_bytes > self.max_memory_bytes:
            found.append(f"arena and state take {memory_bytes:,} bytes, {self.max_memory_bytes:,} allowed")
        return "; ".join(found)


@dataclass(frozen=True)
class TrialRow:
    """A mixture that was measured: operators in each precision, sizes, and the loss with its upper confidence bound."""

    int8: int
    int16: int
    float32: int
    file_bytes: int
    memory_bytes: int
    drop: float | None
    drop_high: float | None
    status: str


@dataclass(frozen=True)
class Raised:
    """An operator that the mixture holds in another precision than int8."""

    name: str
    op: str
    precision: str


@dataclass(frozen=True)
class Outcome:
    """ "met"; "missed", with the best that was found; or "undecided" with these samples."""

    status: str
    exit_status: int
    sentence: str
    #: Figures on the evaluation's samples in the metric's unit; None where nothing was evaluated.
    metric: str | None
    ref: float | None
    test: float | None
    drop: float | None
    drop_high: float | None
    allowed: float | None
    samples: int
    samples_needed: int | None
    raised: tuple[Raised, ...] = ()
    #: Every mixture in the order of trial; the first is int8 throughout.
    trials: tuple[TrialRow, ...] = ()


def keep_budget(
    graph: Graph,
    calibration: Calibration,
    options: Options,
    budget: Budget,
    executor: Executor,
    progress: Progress,
) -> tuple[Quantized, Outcome]:
    """The cheapest mixture within the budget, or the nearest to it, and how the search went."""
    shop = _Shop(graph, calibration, options, budget, executor, progress)
    found = search(Workshop(shop.full, shop.sketch, shop.gains, shop.precisions, showable=shop.showable))
    best = found.best
    excess = budget.excess(best.file_bytes, best.memory_bytes)
    status, sentence = _verdict(best.judgement, excess, best.file_bytes, best.memory_bytes)
    limited = budget.max_file_bytes is not None or budget.max_memory_bytes is not None
    if limited and status != "met" and not excess:
        sentence += "; higher precision would exceed the limits of size"
    sentence += _about_samples(found)
    kept = {row.node.outputs[0].name: row.node for row in best.quantized.kept_float}
    raised = [
        Raised(_title(node), node.op, precision)
        for name, precision in best.mixture.items()
        if (node := kept.get(name) or _node(best.quantized, name)) is not None
    ]
    trials = tuple(_row(candidate) for candidate in found.trials)
    return best.quantized, replace(_outcome(best.judgement, status, sentence), raised=tuple(raised), trials=trials)


def _outcome(judgement: Judgement | None, status: str, sentence: str) -> Outcome:
    return Outcome(
        status=status,
        exit_status=EXIT[status],
        sentence=sentence,
        metric=None if judgement is None else judgement.metric,
        ref=None if judgement is None else judgement.ref,
        test=None if judgement is None else judgement.test,
        drop=None if judgement is None else judgement.drop,
        drop_high=None if judgement is None else judgement.drop_high,
        allowed=None if judgement is None else judgement.allowed,
        samples=0 if judgement is None else judgement.samples,
        samples_needed=None if judgement is None else judgement.samples_needed,
    )


def weigh(budget: Budget, graph: Graph, file_bytes: int, memory_bytes: int) -> Outcome:
    """The outcome of a conversion that has nothing to choose."""
    excess = budget.excess(file_bytes, memory_bytes)
    judgement = budget.evaluator.judge(graph) if budget.evaluator is not None and not excess else None
    return _outcome(judgement, *_verdict(judgement, excess, file_bytes, memory_bytes))


def precisions(node: Node, least: str = "int8") -> tuple[str, ...]:
    """What an operator can compute in, from the cheapest that is allowed up, as the list of operators says."""
    able = {"int8": True, "int16": why_not(node, DType.INT16) is None, "float32": True}
    return tuple(precision for precision in PRECISIONS[PRECISIONS.index(least) :] if able[precision])


class _Shop:
    """Makes and measures mixtures for the search."""

    def __init__(
        self,
        graph: Graph,
        calibration: Calibration,
        options: Options,
        budget: Budget,
        executor: Executor,
        progress: Progress,
    ) -> None:
        self._graph, self._calibration, self._options = graph, calibration, options
        self._budget, self._executor, self._progress = budget, executor, progress
        self._ranking = None if budget.evaluator is None else Ranking(budget.evaluator, executor)
        self._judgements: dict[bytes, Judgement] = {}
        self._count = 0

    def full(self, mixture: Mixture) -> Candidate:
        """With the effort asked for; the ledger's steps say what the task's metric gains."""
        judge = self._budget.evaluator
        task = None if judge is None else judge.figure
        made = quantize(
            self._graph, self._calibration, self._options, self._executor, self._said(), mixture=mixture, task=task
        )
        return self._candidate(mixture, made)

    def sketch(self, mixture: Mixture, base: Candidate) -> Candidate:
        """With the float graph, the ranges and the weights of the first conversion, biases corrected anew.

        What int16 operators write keeps its whole range: others were narrowed because int8 has few steps.
        """
        before = base.quantized
        whole = before.calibration.ranges.by_name
        wide = {
            value.name: whole[value.name]
            for node in before.floats.nodes
            if node.outputs and mixture.get(key_of(node)) == "int16"
            for value in node.outputs
            if value.name in whole
        }
        ranges = replace(before.ranges, by_name={**before.ranges.by_name, **wide})
        statistics = replace(before.calibration, ranges=ranges)
        made = quantize(
            before.floats,
            statistics,
            self._options,
            self._executor,
            self._said(),
            mixture=mixture,
            only=DONE_ANEW,
            fitted=before.unmerged.layers,
        )
        return self._candidate(mixture, made, rough=True)

    def gains(self, quantized: Quantized, raises: Sequence[Raise]) -> list[float]:
        assert self._ranking is not None  # without a metric nothing is searched for
        self._progress("rank", 0, None)
        return self._ranking.gains(quantized, raises)

    def precisions(self, node: Node) -> tuple[str, ...]:
        return precisions(node, "int16" if self._options.quantize == "int16x8" else "int8")

    def showable(self) -> bool:
        """Whether the float graph itself could be shown to lose little enough."""
        judge = self._budget.evaluator
        return judge is None or judge.judge(self._graph).status == "met"

    def _said(self) -> Callable[[int, int | None], None]:
        self._count += 1
        title = f"mixture {self._count}"
        return lambda done, total: self._progress(title, done, total)

    def _candidate(self, mixture: Mixture, made: Quantized, rough: bool = False) -> Candidate:
        plan = plan_memory(made.graph)
        content = backend.write(made.graph, plan)
        memory = plan.arena_bytes + state_bytes(content).total
        fits = not self._budget.excess(len(content), memory)
        digest = hashlib.sha256(content).digest()
        judgement = self._judged(digest, made.graph, rough) if fits else None
        return Candidate(mixture, made, digest, len(content), memory, judgement, fits)

    def _judged(self, digest: bytes, graph: Graph, rough: bool) -> Judgement | None:
        """What is lost, measured once for each file; anew where its bound was left open."""
        judge, known = self._budget.evaluator, self._judgements.get(digest)
        if judge is not None and (known is None or not (rough or math.isfinite(known.drop_high))):
            known = self._judgements[digest] = judge.judge(graph, rough)
        return known


def _verdict(judgement: Judgement | None, excess: str, file_bytes: int, memory_bytes: int) -> tuple[str, str]:
    if excess:
        return "missed", excess
    if judgement is None:
        return "met", f"the file takes {file_bytes:,} bytes, arena and state {memory_bytes:,}"
    return judgement.status, judgement.sentence


def _about_samples(found: Found) -> str:
    """What more samples might have spared: precision that was bought because these could not show that less does."""
    open_ones = [
        (len(c.mixture), c.mixture, c.judgement)
        for c in found.trials
        if c.judgement is not None and c.judgement.status == "undecided" and c.within
    ]
    raised, mixture, judged = min(open_ones, key=lambda row: row[0], default=(0, {}, None))
    if judged is None or raised >= len(found.best.mixture):
        return ""
    wide = sum(precision == "int16" for precision in mixture.values())
    what = f"with {wide} operators in int16 and {raised - wide} in float32 it" if raised else "int8 throughout"
    count = "more" if judged.samples_needed is None else f"some {judged.samples_needed:,}"
    return f"; {what} loses {judged.drop:.3g}, which {count} samples might show to be enough"


def _row(candidate: Candidate) -> TrialRow:
    judgement = candidate.judgement
    status = "too large" if not candidate.fits else "met" if judgement is None else judgement.status
    return TrialRow(
        int8=len(quantized_nodes(candidate.quantized) - candidate.quantized.int16_nodes),
        int16=len(candidate.quantized.int16_nodes),
        float32=len(candidate.quantized.kept_float),
        file_bytes=candidate.file_bytes,
        memory_bytes=candidate.memory_bytes,
        drop=None if judgement is None else judgement.drop,
        drop_high=None if judgement is None else judgement.drop_high,
        status=status,
    )


def _node(quantized: Quantized, name: str) -> Node | None:
    return next((node for node in quantized.floats.nodes if node.outputs and node.outputs[0].name == name), None)


def _title(node: Node) -> str:
    origin = node.outputs[0].origin
    return origin.name if origin is not None else node.name or node.outputs[0].name
