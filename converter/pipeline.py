"""THE MAIN FLOW: load -> optimize -> calibrate -> quantize -> plan -> write."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import backend, frontends, passes
from .budget import Evaluation, weigh
from .errors import Blocker, InvalidModelError, UsageError
from .execute import CExecutor, check_targets, state_bytes, with_packed
from .files import check_writable, write_whole
from .ir.executor import Executor
from .ir.graph import Graph
from .ir.needs import InputNeed, Samples
from .ir.types import DType
from .options import EFFORTS, QUANTIZE_MODES, Options
from .plan import plan_memory
from .progress import Progress, silent
from .quantize import WEIGHT_TYPES
from .quantize_stage import Lowered, Task, lower, open_budget
from .report import History, Report, make_report

if TYPE_CHECKING:
    import onnx

__all__ = ["STAGES", "Conversion", "InputNeed", "Progress", "Samples", "convert", "is_quantized", "pack"]

#: Stages that leave a graph: `Options.dump_after` names one of them.
STAGES = ("load", "passes", "quantize")


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
    options, executor, say = options or Options(), executor or CExecutor(), progress or silent
    _check_options(options)
    if output is not None:
        check_writable(Path(output))
    dumps = _Dumps(options.dump_after)

    say("load", 0, None)
    source = Path(model) if isinstance(model, str) else model
    with _collecting_warnings() as warnings:
        graph = frontends.load(source, options)
    _refuse_nan(graph)
    dumps.offer("load", graph)
    history = History(source, options, Counter(node.op for node in graph.nodes), warnings=warnings)

    if is_quantized(graph):
        if evaluation is not None:
            raise UsageError.at(
                "convert", "max_drop", "the model is quantized already: there is no float model beside it"
            )
        history.warnings += ["the model is quantized already: its arithmetic stays, only its memory is planned anew"]
        budget = open_budget(graph, options, None, executor)
        lowered = Lowered(graph)
    else:
        say("passes", 0, None)
        history.passes = passes.optimize(graph, executor)
        dumps.offer("passes", graph)
        history.folded = None if options.fold_input is None else passes.fold_input(graph, *options.fold_input)
        budget = open_budget(graph, options, evaluation, executor, history.folded)
        lowered = lower(Task(graph, options, executor, samples, history.folded, budget, say))
        if lowered.graph is not graph:
            dumps.offer("quantize", lowered.graph)
        if samples is not None and lowered.calibration is None:
            history.warnings += [f"calibration data is not used: {options.quantize} has no use for it"]
    history.warnings += dumps.missing()

    say("plan", 0, None)
    plan = plan_memory(lowered.graph)
    say("write", 0, None)
    content = backend.write(lowered.graph, plan, _metadata(lowered, history.folded))
    state = state_bytes(content)
    with _collecting_warnings() as pack_warnings:
        content = with_packed(content, options.pack)
    history.warnings += pack_warnings
    outcome = lowered.outcome
    if budget is not None and outcome is None:
        outcome = weigh(budget, lowered.graph, len(content), plan.arena_bytes + state.total)
    report = make_report(history, lowered, outcome, plan, state, len(content))
    return Conversion(content, report, dumps.kept)


def pack(model: bytes, targets: Sequence[str]) -> bytes:
    """A finished .tflite with packed weights for targets beside the plain ones; all other bytes stay. Raises
    ConvertError."""
    return with_packed(model, targets)


def is_quantized(graph: Graph) -> bool:
    """Whether some activation or weight is held in integers that stand for real numbers."""
    integers = (DType.INT8, DType.UINT8, DType.INT16, DType.INT4)
    return any(v.quantization is not None and v.dtype in integers for v in graph.values())


def _metadata(lowered: Lowered, folded: passes.FoldedInput | None) -> dict[str, bytes]:
    """What the file tells of the samples that calibrated it, and of an input that takes bytes."""
    manifest = None if lowered.calibration is None else lowered.calibration.manifest
    found = {} if manifest is None else {backend.CALIBRATION: backend.calibration(manifest)}
    if folded is not None:
        entry = backend.folded_input(folded.name, folded.factors, folded.summands, folded.axis)
        found[backend.FOLDED_INPUT] = entry
    return found


def _check_options(options: Options) -> None:
    wrong = check_targets(options.pack)
    if options.quantize not in QUANTIZE_MODES:
        modes = f"{', '.join(QUANTIZE_MODES[:-1])} or {QUANTIZE_MODES[-1]}"
        wrong.append(Blocker("quantize", f"is {options.quantize!r}", f"It can be {modes}"))
    if options.io not in ("float32", "int8", "uint8", "int16"):
        wrong.append(Blocker("io", f"is {options.io!r}", "It can be float32, int8, uint8 or int16"))
    if options.quantize in (*WEIGHT_TYPES, "float32") and options.io != "float32":
        found = f"is {options.io!r} for a {options.quantize} model"
        wrong.append(Blocker("io", found, "Integer inputs need quantize='int8'"))
    if options.fold_input is not None and options.quantize != "int8":
        wrong.append(Blocker("fold_input", f"is given for {options.quantize}", "Integer inputs need quantize='int8'"))
    if options.quantize == "int16x8" and options.io not in ("float32", "int16"):
        wrong.append(Blocker("io", f"is {options.io!r} for an int16x8 model", "It can be float32 or int16"))
    if options.quantize == "int8" and options.io == "int16":
        wrong.append(Blocker("io", "is 'int16' for an int8 model", "It belongs to quantize='int16x8'"))
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


class _Dumps:
    """Keeps the graph after the stage that is asked for, as a file."""

    def __init__(self, wanted: str | None) -> None:
        self._wanted = wanted
        self.kept: tuple[str, bytes] | None = None

    def offer(self, stage: str, graph: Graph) -> None:
        if stage == self._wanted:
            self.kept = stage, backend.write(graph)

    def missing(self) -> list[str]:
        """A warning where a stage is asked for that this conversion did not have."""
        if self._wanted is None or self.kept is not None:
            return []
        return [f"there was no stage {self._wanted!r} in this conversion: nothing is dumped"]


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
