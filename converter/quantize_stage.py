"""THE QUANTIZE STAGE: from a float graph to one of fewer bits, as the options say.

int8, int16x8    calibrate -> quantize, or search the mixture that keeps the budget -> measure every layer
weights alone    calibrate where there are samples -> store the weights
float32          nothing
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from . import backend
from .budget import Budget, Evaluation, Evaluator, Outcome, keep_budget
from .calibrate import Cache, Effort, collect, default_folder, suspicion
from .errors import UsageError
from .ir.executor import Executor
from .ir.graph import Graph
from .ir.needs import Sample, Samples, input_needs
from .ir.statistics import Calibration, pin_range
from .ir.types import DType
from .ledger import LayerError, measure_layers
from .options import Options
from .passes import FoldedInput
from .progress import Progress
from .quantize import WEIGHT_TYPES, Quantized, Step, StoredWeights, WeightType, quantize, quantize_weights


@dataclass(frozen=True)
class Lowered:
    """The graph in the precision that the options ask for, and how it came about: one of the two ways, or neither."""

    graph: Graph
    calibration: Calibration | None = None
    #: Activations in integers: what every layer loses, and the outcome of a budget where one was searched for.
    quantized: Quantized | None = None
    layer_errors: tuple[LayerError, ...] = ()
    outcome: Outcome | None = None
    #: Weights alone.
    stored: StoredWeights | None = None
    storing: tuple[Step, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """Lines of the ledger."""
        return self.storing if self.quantized is None else self.quantized.steps


@dataclass(frozen=True)
class Task:
    """A float graph with what the caller wants of it."""

    graph: Graph
    options: Options
    executor: Executor
    samples: Samples | None
    #: An input that takes bytes, and what it does to samples.
    folded: FoldedInput | None
    budget: Budget | None
    say: Progress


def lower(task: Task) -> Lowered:
    """Raises UsageError where data is missing or does not fit."""
    if task.options.quantize in ("int8", "int16x8"):
        return _activations(task)
    if task.options.quantize in WEIGHT_TYPES:
        return _weights(task, task.options.quantize)
    return Lowered(task.graph)


def open_budget(
    graph: Graph,
    options: Options,
    evaluation: Evaluation | None,
    executor: Executor,
    folded: FoldedInput | None = None,
) -> Budget | None:
    """What the conversion has to keep within; None where nothing is asked."""
    if evaluation is None and options.max_size is None and options.max_memory is None:
        return None
    judge = None
    if evaluation is not None:
        rows = evaluation.open(input_needs(graph))
        judge = Evaluator(graph, rows if folded is None else _Folded(rows, folded), evaluation, executor)
    return Budget(options.max_size, options.max_memory, judge)


def _activations(task: Task) -> Lowered:
    graph, options, executor, budget = task.graph, task.options, task.executor, task.budget
    calibration = _calibrate(task)
    outcome = None
    if budget is None:
        quantized = quantize(graph, calibration, options, executor, partial(task.say, "quantize"))
    else:
        if budget.evaluator is not None and calibration.manifest is not None:
            budget.evaluator.refuse(calibration.manifest)
        quantized, outcome = keep_budget(graph, calibration, options, budget, executor, task.say)
    errors = measure_layers(quantized, calibration, options, executor)
    _check_folded(quantized.graph, task.folded)
    return Lowered(quantized.graph, calibration, quantized, errors, outcome)


def _weights(task: Task, kind: WeightType) -> Lowered:
    """Samples are welcome, but needed for nothing."""
    calibration = None
    if task.samples is not None and kind != "float16":
        rows, limit = _opened(task), task.options.calib_n
        calibration = collect(task.graph, rows, task.executor, limit=limit, progress=partial(task.say, "calibrate"))
    task.say("quantize", 0, None)
    stored, steps = quantize_weights(task.graph, kind, calibration, task.options, task.executor)
    return Lowered(stored.graph, calibration, stored=stored, storing=steps)


def _calibrate(task: Task) -> Calibration:
    """Statistics of the float graph; an input that takes bytes has the range of its bytes."""
    folded = task.folded
    calibration = collect(
        task.graph,
        _opened(task),
        task.executor,
        limit=task.options.calib_n,
        prepare={} if folded is None else {folded.name: folded.prepare},
        effort=Effort(task.options.workers, _cache(task)),
        progress=partial(task.say, "calibrate"),
    )
    if folded is not None:
        return pin_range(calibration, folded.value, folded.range)
    if (suspected := suspicion(task.graph, calibration, task.executor)) is not None:
        return replace(calibration, warnings=(*calibration.warnings, suspected))
    return calibration


def _opened(task: Task) -> Iterable[Sample]:
    if task.samples is None:
        raise UsageError.at(
            "convert", "quantize='int8'", "needs calibration data", "Give 100 or so typical inputs, or choose float32"
        )
    return task.samples(input_needs(task.graph)) if callable(task.samples) else task.samples


def _cache(task: Task) -> Cache | None:
    """Where statistics of this float graph are kept."""
    folder = task.options.cache
    if folder is None:
        return None
    model = hashlib.sha256(backend.write(task.graph) + repr(task.folded).encode()).hexdigest()
    return Cache(Path(folder) if folder else default_folder(), model)


class _Folded:
    """Samples of the source model as the graph takes them. Re-iterable as they are."""

    def __init__(self, rows: Iterable[Sample], folded: FoldedInput) -> None:
        self._rows, self._folded = rows, folded

    def __iter__(self) -> Iterator[Sample]:
        for row in self._rows:
            x = np.asarray(row[self._folded.name], np.float32)
            yield {**row, self._folded.name: self._folded.prepare(x)}


def _check_folded(graph: Graph, folded: FoldedInput | None) -> None:
    """An input that stayed float32 takes no bytes. Raises UsageError."""
    if folded is not None and any(v.name == folded.value and v.dtype is DType.FLOAT32 for v in graph.inputs):
        raise UsageError.at(
            "convert",
            "fold_input",
            f"input {folded.name!r} stays float32: operators that read it have no int8 form, or were kept in float32",
            "Convert without it, and normalise in front of the model",
        )
