"""Gathers a report from what the pipeline noted and from the final graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..budget import Outcome
from ..gen.ops import OPS
from ..ir.graph import Graph, Node, Value
from ..ir.memory import MemoryPlan, StateBytes
from ..ir.statistics import Calibration
from ..ir.types import DType
from ..ir.weighted import WEIGHTED, filter_of, source_of
from ..ops.registry import macs
from ..options import Options
from ..passes import FoldedInput, PassRecord
from ..quantize import KeptFloat, Quantized, StoredWeights
from ..quantize_stage import Lowered
from .rows import (
    Border,
    BytesRow,
    FloatRow,
    LayerRow,
    Memory,
    OperatorCount,
    Report,
    RuntimeRow,
    Sizes,
    TensorRow,
)


@dataclass
class History:
    """What the pipeline notes on its way; `make_report` turns it into a Report."""

    #: A path, or a model in memory.
    source: object
    options: Options
    #: Operators of the loaded graph.
    source_operators: Counter[str]
    passes: tuple[PassRecord, ...] = ()
    folded: FoldedInput | None = None
    warnings: list[str] = field(default_factory=list)


def make_report(
    history: History, lowered: Lowered, outcome: Outcome | None, plan: MemoryPlan, state: StateBytes, file_bytes: int
) -> Report:
    """The report of a conversion whose final graph, outcome of a budget, memory plan, state and file size are these."""
    graph, calibration, quantized, options = lowered.graph, lowered.calibration, lowered.quantized, history.options
    path = history.source if isinstance(history.source, Path) else None
    return Report(
        source=str(path) if path is not None else "model in memory",
        quantize=options.quantize,
        io=options.io if quantized is not None else _border_type(graph),
        calibration_samples=calibration.ranges.samples if calibration is not None else 0,
        inputs=_borders(graph.input_names, graph.inputs),
        outputs=_borders(graph.output_names, graph.outputs),
        operators=_operator_counts(history.source_operators, graph),
        passes=history.passes,
        tensors=() if quantized is None or calibration is None else _tensor_rows(quantized, calibration),
        layers=_layer_rows(quantized) if quantized is not None else _stored_rows(lowered.stored),
        kept_float=_float_rows(quantized.kept_float) if quantized is not None else _kept_rows(lowered.stored),
        layer_errors=lowered.layer_errors,
        steps=lowered.steps,
        budget=outcome,
        sizes=_sizes(path.stat().st_size if path is not None else None, file_bytes, graph, plan),
        memory=_memory(graph, plan, state),
        runtimes=_runtimes(graph),
        warnings=_warnings(history, lowered),
    )


def _border_type(graph: Graph) -> str:
    return "/".join(sorted({value.dtype.value for value in graph.inputs + graph.outputs}))


def _warnings(history: History, lowered: Lowered) -> tuple[str, ...]:
    found = list(history.warnings)
    if lowered.calibration is not None:
        found += lowered.calibration.warnings
    if lowered.quantized is not None:
        found += lowered.quantized.notes
    if history.folded is not None:
        found += [f"input {history.folded.name!r} takes bytes: {history.folded.how}"]
    transposes = [node for node in lowered.graph.nodes if node.op == "TRANSPOSE"]
    if transposes:
        moved = sum(node.output.size_bytes for node in transposes)
        names = ", ".join(node.name or node.output.name for node in transposes[:3])
        more = ", …" if len(transposes) > 3 else ""
        found.append(f"{len(transposes)} TRANSPOSE left, moving {moved:,} bytes a run: {names}{more}")
    return tuple(found)


def _borders(names: Sequence[str], values: Sequence[Value]) -> tuple[Border, ...]:
    """Inputs or outputs under their source names."""
    return tuple(
        Border(names[i] if i < len(names) else value.name, value.shape, value.dtype.value)
        for i, value in enumerate(values)
    )


def _operator_counts(before: Counter[str], after: Graph) -> tuple[OperatorCount, ...]:
    """Every operator of either graph, the most frequent first."""
    now = Counter(node.op for node in after.nodes)
    names = sorted(before | now, key=lambda op: (-max(before[op], now[op]), op))
    return tuple(OperatorCount(op, before[op], now[op]) for op in names)


def _tensor_rows(quantized: Quantized, calibration: Calibration) -> tuple[TensorRow, ...]:
    """Int8 activations in order of computation, each under its source name and with what calibration saw of it."""
    rows = []
    for value in quantized.graph.values():
        source = quantized.sources.get(value)
        if source is None or value.quantization is None:
            continue
        found = calibration.ranges.by_name.get(source.name)
        histogram = calibration.histograms.get(source.name)
        share = None
        if histogram is not None and found is not None and found.high > found.low:
            low, high = histogram.quantile_bounds(0.001)
            share = min(1.0, (high - low) / (found.high - found.low))
        rows.append(
            TensorRow(
                name=source.origin.name if source.origin is not None else source.name,
                low=None if found is None else found.low,
                high=None if found is None else found.high,
                scale=value.quantization.scale,
                zero_point=value.quantization.zero_point,
                core_share=share,
            )
        )
    return tuple(rows)


def _layer_rows(quantized: Quantized) -> tuple[LayerRow, ...]:
    """Weighted layers in order."""
    rows = []
    for layer in quantized.layers:
        node, scales = layer.quantized, layer.quantized.input(1).quantization
        assert scales is not None
        name = node.name or node.output.name
        rows.append(LayerRow(name, node.op, macs(node), min(scales.scales), max(scales.scales)))
    return tuple(rows)


def _stored_rows(stored: StoredWeights | None) -> tuple[LayerRow, ...]:
    """Operators whose weights have scales while their activations are float32."""
    rows = []
    for layer in stored.layers if stored is not None else ():
        node, scales = layer.node, layer.constant.quantization
        if scales is not None:
            name = node.name or node.output.name
            rows.append(LayerRow(name, node.op, macs(node), min(scales.scales), max(scales.scales)))
    return tuple(rows)


def _kept_rows(stored: StoredWeights | None) -> tuple[FloatRow, ...]:
    """Operators whose constants stay float32."""
    kept = stored.kept if stored is not None else ()
    return tuple(FloatRow(row.node.name or row.node.outputs[0].name, row.node.op, row.reason) for row in kept)


def _float_rows(kept: Sequence[KeptFloat]) -> tuple[FloatRow, ...]:
    """Operators left in float32."""
    return tuple(FloatRow(row.node.name or row.node.outputs[0].name, row.node.op, row.reason) for row in kept)


def _sizes(source_bytes: int | None, file_bytes: int, graph: Graph, plan: MemoryPlan) -> Sizes:
    """Sizes of the written model."""
    held = {value.data.tobytes(): value.size_bytes for value in graph.values() if value.data is not None}
    constants = sum(held.values())  # the file holds equal constants once
    work = sum(macs(node) for node in graph.nodes)
    return Sizes(source_bytes, file_bytes, constants, plan.arena_bytes, plan.lower_bound_bytes, work)


def _memory(graph: Graph, plan: MemoryPlan, state: StateBytes) -> Memory:
    """The planner's search and the runtime's own bytes."""
    search = plan.search
    own = zip(graph.nodes, state.operators, strict=True)
    return Memory(
        gap=plan.gap,
        any_order_bound_bytes=plan.any_order_bound_bytes,
        given_order_bytes=search.given_order_bytes,
        orders=search.orders,
        placements=search.placements,
        aliased=search.aliased,
        in_place=search.in_place,
        stacked=search.stacked,
        peak_operator=plan.peak.operator,
        peak=tuple(BytesRow(name, size) for name, size in plan.peak.alive),
        state_bytes=state.total,
        operator_state=tuple(BytesRow(f"{n.op} {n.name or n.outputs[0].name}", size) for n, size in own if size),
    )


def _runtimes(graph: Graph) -> tuple[RuntimeRow, ...]:
    """Which runtimes have all operators."""
    used = sorted({node.op for node in graph.nodes})
    without_litert = tuple(op for op in used if op not in OPS or not OPS[op].litert)
    since = max((OPS[op].litert for op in used if op not in without_litert), key=_version, default="")
    without_tflm = tuple(op for op in used if op not in OPS or OPS[op].tflm != "yes")
    without_tflm += tuple(sorted({name for node in graph.nodes if (name := _beyond_micro(node))}))
    return (
        RuntimeRow("LiteRT", not without_litert, "" if without_litert else since, without_litert),
        RuntimeRow("TFLite Micro", not without_tflm, "", without_tflm),
    )


def _beyond_micro(node: Node) -> str:
    """What TFLite Micro lacks of an operator that it has: hybrid layers, and most forms of stored weights."""
    if node.op in WEIGHTED and source_of(node).dtype.is_float and not filter_of(node).dtype.is_float:
        return f"hybrid {node.op}"
    if node.op == "DEQUANTIZE":
        source = node.input(0)
        if source.dtype in (DType.FLOAT16, DType.INT4):
            return f"DEQUANTIZE of {source.dtype.value}"
        if source.quantization is not None and not source.quantization.is_per_tensor:
            return "DEQUANTIZE with a scale per channel"
    return ""


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
