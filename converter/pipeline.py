"""THE MAIN FLOW: load -> optimize -> calibrate -> quantize -> plan -> write."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from . import backend, frontends, passes
from .budget import Budget, Evaluation, Evaluator, keep_budget, weigh
from .calibrate import Cache, Effort, collect, default_folder, suspicion
from .errors import Blocker, InvalidModelError, UsageError
from .execute import CExecutor, state_bytes
from .files import check_writable, write_whole
from .ir.executor import Executor
from .ir.graph import Graph
from .ir.statistics import pin_range
from .ir.types import DType
from .ledger import measure_layers
from .options import EFFORTS, QUANTIZE_MODES, Options
from .plan import plan_memory
from .quantize import WEIGHT_TYPES, WeightType, quantize, quantize_weights
from .report import History, Report, make_report

if TYPE_CHECKING:
    import onnx

#: Stages that leave a graph: `Options.dump_after` names one of them.
STAGES = ("load", "passes", "quantize")

Sample = Mapping[str, npt.ArrayLike]


@dataclass(frozen=True)
class InputNeed:
    """What calibration samples must hold for one input: its source name, exact shape and element type."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


#: Samples map input names to arrays with the batch dimension. A function is handed the model's inputs first.
Samples = Iterable[Sample] | Callable[[Sequence[InputNeed]], Iterable[Sample]]


class Progress(Protocol):
    """Told what is going on: the stage, and how many of its steps are done, of how many where that is known."""

    def __call__(self, stage: str, done: int, total: int | None) -> None: ...


@dataclass(frozen=True)
class Conversion:
    """The written model and how it came about."""

    model: bytes
    report: Report
    #: The stage that `Options.dump_after` names and the graph after it, as a file of its own.
    dump: tuple[str, bytes] | None = None

    def save(self, path: str | Path) -> None:
        """Write the model: completely, or not at all. A dump goes beside it, as NAME.STAGE.tflite.

        Raises UsageError for a path that cannot be written.
        """
        target = Path(path)
        if self.dump is not None:
            stage, content = self.dump
            write_whole(target.with_name(f"{target.stem}.{stage}.tflite"), content)
        write_whole(target, self.model)


def convert(
    model: Path | str | onnx.ModelProto,
    options: Options | None = None,
    samples: Samples | None = None,
    *,
    executor: Executor | None = None,
    output: Path | str | None = None,
    progress: Progress | None = None,
    evaluation: Evaluation | None = None,
) -> Conversion:
    """Turn a trained model into a .tflite.

    `evaluation` brings the samples, the metric and the limit of `--max-drop`; `Report.budget` says what came of it.

    `output` is only checked, so that a path that cannot be written is found before the work. Raises ConvertError, whose
    subclasses carry the exit status. Nothing is written before `Conversion.save`, so stopping leaves nothing behind.
    """
    options, executor, say = options or Options(), executor or CExecutor(), progress or _silent
    _check_options(options)
    if output is not None:
        check_writable(Path(output))

    say("load", 0, None)
    source = Path(model) if isinstance(model, str) else model
    with _collecting_warnings() as warnings:
        graph = frontends.load(source, options)
    _refuse_nan(graph)
    history = History(source, options, Counter(node.op for node in graph.nodes), warnings=warnings)
    dump = _dump_after("load", graph, options, None)
    budget: Budget | None = None
    if is_quantized(graph):
        budget = _budget(graph, options, None, executor)
        if evaluation is not None:
            raise UsageError.at(
                "convert", "max_drop", "the model is quantized already: there is no float model beside it"
            )
        history.warnings += ["the model is quantized already: its arithmetic stays, only its memory is planned anew"]
    else:
        say("passes", 0, None)
        history.passes = passes.optimize(graph, executor)
        dump = _dump_after("passes", graph, options, dump)
        folded = None if options.fold_input is None else passes.fold_input(graph, *options.fold_input)
        history.folded = folded
        budget = _budget(graph, options, evaluation, executor, folded)
        if options.quantize in ("int8", "int16x8"):
            rows = _open_samples(graph, samples)
            calibration = collect(
                graph,
                rows,
                executor,
                limit=options.calib_n,
                prepare={} if folded is None else {folded.name: folded.prepare},
                effort=Effort(options.workers, _cache(graph, options, folded)),
                progress=partial(say, "calibrate"),
            )
            if folded is None and (suspected := suspicion(graph, calibration, executor)) is not None:
                calibration = replace(calibration, warnings=(*calibration.warnings, suspected))
            if folded is not None:
                calibration = pin_range(calibration, folded.value, folded.range)
            history.calibration = calibration
            if budget is not None and budget.evaluator is not None and calibration.manifest is not None:
                budget.evaluator.refuse(calibration.manifest)
            if budget is None:
                history.quantized = quantize(graph, calibration, options, executor, partial(say, "quantize"))
            else:
                history.quantized, history.budget = keep_budget(graph, calibration, options, budget, executor, say)
            history.layer_errors = measure_layers(history.quantized, calibration, options, executor)
            graph = history.quantized.graph
            _check_folded(graph, folded)
            dump = _dump_after("quantize", graph, options, dump)
        elif options.quantize in WEIGHT_TYPES:
            kind: WeightType = options.quantize
            if samples is not None and kind != "float16":
                rows = _open_samples(graph, samples)
                history.calibration = collect(
                    graph, rows, executor, limit=options.calib_n, progress=partial(say, "calibrate")
                )
            say("quantize", 0, None)
            history.stored, history.storing = quantize_weights(graph, kind, history.calibration, options, executor)
            graph = history.stored.graph
            dump = _dump_after("quantize", graph, options, dump)
        if samples is not None and history.calibration is None:
            history.warnings += [f"calibration data is not used: {options.quantize} has no use for it"]
    if options.dump_after is not None and dump is None:
        history.warnings += [f"there was no stage {options.dump_after!r} in this conversion: nothing is dumped"]
    say("plan", 0, None)
    plan = plan_memory(graph)
    say("write", 0, None)
    content = backend.write(graph, plan, _metadata(history))
    state = state_bytes(content)
    if budget is not None and history.budget is None:
        history.budget = weigh(budget, graph, len(content), plan.arena_bytes + state.total)
    report = make_report(history, graph, plan, state, len(content))
    return Conversion(content, report, dump)


def is_quantized(graph: Graph) -> bool:
    """Whether some activation or weight is held in integers that stand for real numbers."""
    integers = (DType.INT8, DType.UINT8, DType.INT16, DType.INT4)
    return any(v.quantization is not None and v.dtype in integers for v in graph.values())


def input_needs(graph: Graph) -> tuple[InputNeed, ...]:
    """What samples for a graph must hold."""
    names = graph.input_names or [value.name for value in graph.inputs]
    return tuple(
        InputNeed(name, value.shape, value.dtype.numpy) for name, value in zip(names, graph.inputs, strict=True)
    )


def _cache(graph: Graph, options: Options, folded: passes.FoldedInput | None) -> Cache | None:
    """Where statistics of this float graph are kept."""
    if options.cache is None:
        return None
    model = hashlib.sha256(backend.write(graph) + repr(folded).encode()).hexdigest()
    return Cache(Path(options.cache) if options.cache else default_folder(), model)


def _metadata(history: History) -> dict[str, bytes]:
    """What the file tells of the samples that calibrated it, and of an input that takes bytes."""
    manifest = None if history.calibration is None else history.calibration.manifest
    found = {} if manifest is None else {backend.CALIBRATION: backend.calibration(manifest)}
    if (folded := history.folded) is not None:
        entry = backend.folded_input(folded.name, folded.factors, folded.summands, folded.axis)
        found[backend.FOLDED_INPUT] = entry
    return found


def _check_folded(graph: Graph, folded: passes.FoldedInput | None) -> None:
    """An input that stayed float32 takes no bytes. Raises UsageError."""
    if folded is not None and any(v.name == folded.value and v.dtype is DType.FLOAT32 for v in graph.inputs):
        raise UsageError.at(
            "convert",
            "fold_input",
            f"input {folded.name!r} stays float32: operators that read it have no int8 form, or were kept in float32",
            "Convert without it, and normalise in front of the model",
        )


class _Folded:
    """Samples of the source model as the graph takes them. Re-iterable as they are."""

    def __init__(self, rows: Iterable[Sample], folded: passes.FoldedInput) -> None:
        self._rows, self._folded = rows, folded

    def __iter__(self) -> Iterator[Sample]:
        for row in self._rows:
            x = np.asarray(row[self._folded.name], np.float32)
            yield {**row, self._folded.name: self._folded.prepare(x)}


def _budget(
    graph: Graph,
    options: Options,
    evaluation: Evaluation | None,
    executor: Executor,
    folded: passes.FoldedInput | None = None,
) -> Budget | None:
    """What the conversion has to keep within; None where nothing is asked."""
    if evaluation is None and options.max_size is None and options.max_memory is None:
        return None
    judge = None
    if evaluation is not None:
        rows = evaluation.open(input_needs(graph))
        judge = Evaluator(graph, rows if folded is None else _Folded(rows, folded), evaluation, executor)
    return Budget(options.max_size, options.max_memory, judge)


def _open_samples(graph: Graph, samples: Samples | None) -> Iterable[Sample]:
    if samples is None:
        raise UsageError.at(
            "convert", "quantize='int8'", "needs calibration data", "Give 100 or so typical inputs, or choose float32"
        )
    return samples(input_needs(graph)) if callable(samples) else samples


def _check_options(options: Options) -> None:
    wrong = []
    if options.quantize not in QUANTIZE_MODES:
        modes = f"{', '.join(QUANTIZE_MODES[:-1])} or {QUANTIZE_MODES[-1]}"
        wrong.append(Blocker("quantize", f"is {options.quantize!r}", f"It can be {modes}"))
    if options.io not in ("float32", "int8", "uint8"):
        wrong.append(Blocker("io", f"is {options.io!r}", "It can be float32, int8 or uint8"))
    if options.quantize in (*WEIGHT_TYPES, "float32") and options.io != "float32":
        found = f"is {options.io!r} for a {options.quantize} model"
        wrong.append(Blocker("io", found, "Integer inputs need quantize='int8'"))
    if options.fold_input is not None and options.quantize != "int8":
        wrong.append(Blocker("fold_input", f"is given for {options.quantize}", "Integer inputs need quantize='int8'"))
    if options.quantize == "int16x8" and options.io != "float32":
        wrong.append(Blocker("io", f"is {options.io!r} for an int16x8 model", "Its inputs and outputs are float32"))
    if options.quantize != "int8" and options.keep_int16:
        wrong.append(Blocker("keep_int16", f"is given for {options.quantize}", "It belongs to quantize='int8'"))
    if options.effort not in EFFORTS:
        wrong.append(Blocker("effort", f"is {options.effort!r}", "It can be 0, 1 or 2"))
    if options.calib_n is not None and options.calib_n < 1:
        wrong.append(Blocker("calib_n", f"is {options.calib_n}", "It must be at least 1"))
    if options.workers == 0 or options.workers < -1:
        wrong.append(Blocker("workers", f"is {options.workers}", "It can be 1 or more, or -1 for every core"))
    for name, limit in (("max_size", options.max_size), ("max_memory", options.max_memory)):
        if limit is not None and limit < 1:
            wrong.append(Blocker(name, f"is {limit}", "It must be at least 1 byte"))
    if options.dump_after is not None and options.dump_after not in STAGES:
        wrong.append(Blocker("dump_after", f"is {options.dump_after!r}", f"It can be {', '.join(STAGES)}"))
    if wrong:
        raise UsageError("options", wrong)


class _Collector(logging.Handler):
    """Keeps what is logged at level WARNING and above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def _collecting_warnings() -> Iterator[list[str]]:
    """What this package's loggers warn of inside the block, an unknown batch size taken as 1 say."""
    logger, collector = logging.getLogger(__package__), _Collector()
    logger.addHandler(collector)
    try:
        yield collector.messages
    finally:
        logger.removeHandler(collector)


def _refuse_nan(graph: Graph) -> None:
    """NaN in a constant poisons whatever it meets: better said here than found in the outputs."""
    poisoned = [
        Blocker(
            f"tensor {value.origin.name if value.origin else value.name!r}",
            f"holds {count} NaN of {value.elements} values",
        )
        for value in graph.values()
        if value.data is not None and value.dtype.is_float and (count := int(np.isnan(value.data).sum()))
    ]
    if poisoned:
        raise InvalidModelError("load", poisoned)


def _dump_after(
    stage: str, graph: Graph, options: Options, before: tuple[str, bytes] | None
) -> tuple[str, bytes] | None:
    return (stage, backend.write(graph)) if options.dump_after == stage else before


def _silent(stage: str, done: int, total: int | None) -> None:
    """Progress that nobody wants to see."""
