"""What a conversion did, as numbers: for the terminal as text, for machines as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .gen.ops import OPS
from .ir.graph import Graph, Value
from .ir.memory import MemoryPlan, StateBytes
from .ir.statistics import Calibration
from .ops.registry import macs
from .options import Options
from .passes import PassRecord
from .quantize import KeptFloat, Quantized, Step

SCHEMA = "liteinterp.report/1"


@dataclass(frozen=True)
class Border:
    """An input or output of the graph, by its name in the source model."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class OperatorCount:
    """How often an operator occurs in the source, in wire-format terms, and in the written file."""

    op: str
    before: int
    after: int


@dataclass(frozen=True)
class TensorRow:
    """An int8 tensor: the float range seen in calibration, and the scale it got."""

    name: str
    low: float | None
    high: float | None
    scale: float
    zero_point: int
    #: Share of the range that holds all but 0.1 % of the elements on either side; small: few elements set the range.
    core_share: float | None


@dataclass(frozen=True)
class LayerRow:
    """A weighted layer of the int8 graph."""

    name: str
    op: str
    macs: int
    weight_scale_min: float
    weight_scale_max: float


@dataclass(frozen=True)
class FloatRow:
    """An operator that stays in float32, and why."""

    name: str
    op: str
    reason: str


@dataclass(frozen=True)
class Sizes:
    """Bytes, and multiply-accumulates of one inference."""

    source_bytes: int | None
    file_bytes: int
    constant_bytes: int
    arena_bytes: int
    arena_lower_bound_bytes: int
    macs: int


@dataclass(frozen=True)
class BytesRow:
    """Bytes of a tensor, or of what an operator keeps."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Memory:
    """How the arena came about, and what the runtime keeps beside it."""

    #: How far the arena is above its lower bound, in parts of that; and what no order of the operators can go below.
    gap: float
    any_order_bound_bytes: int
    #: Arena of the operators' order as it was, orders tried, arrangements of the arena tried.
    given_order_bytes: int
    orders: int
    placements: int
    #: Results that are their operand's bytes renamed, in place of an operand, and begun inside a larger one.
    aliased: int
    in_place: int
    stacked: int
    #: The operator at which most is alive, and what that is.
    peak_operator: str
    peak: tuple[BytesRow, ...]
    state_bytes: int
    #: Operators that keep multipliers or tables, in order.
    operator_state: tuple[BytesRow, ...]


@dataclass(frozen=True)
class RuntimeRow:
    """Whether a runtime has all operators of the file, by the columns of ops.toml."""

    runtime: str
    loads: bool
    #: First release that does; empty where it does not.
    since: str
    missing: tuple[str, ...]


@dataclass
class History:
    """What the pipeline notes on its way; `make_report` turns it into a Report."""

    #: A path, or a model in memory.
    source: object
    options: Options
    #: Operators of the loaded graph.
    source_operators: Counter[str]
    passes: tuple[PassRecord, ...] = ()
    calibration: Calibration | None = None
    quantized: Quantized | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """A conversion. `passes`, `steps`, `kept_float` are in the order in which things happened."""

    source: str
    quantize: str
    io: str
    calibration_samples: int
    inputs: tuple[Border, ...]
    outputs: tuple[Border, ...]
    operators: tuple[OperatorCount, ...]
    passes: tuple[PassRecord, ...]
    tensors: tuple[TensorRow, ...]
    layers: tuple[LayerRow, ...]
    kept_float: tuple[FloatRow, ...]
    steps: tuple[Step, ...]
    sizes: Sizes
    memory: Memory
    runtimes: tuple[RuntimeRow, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> str:
        """One JSON object; "schema" says which fields to expect."""
        return json.dumps({"schema": SCHEMA, **_plain(dataclasses.asdict(self))}, indent=2, ensure_ascii=False) + "\n"

    def to_text(self) -> str:
        """Some twenty lines for people."""
        return "\n".join(_lines(self)) + "\n"


def make_report(history: History, graph: Graph, plan: MemoryPlan, state: StateBytes, file_bytes: int) -> Report:
    """The report of a conversion whose final graph, memory plan, state and file size are these."""
    calibration, quantized, options = history.calibration, history.quantized, history.options
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
        layers=_layer_rows(quantized) if quantized is not None else (),
        kept_float=_float_rows(quantized.kept_float) if quantized is not None else (),
        steps=quantized.steps if quantized is not None else (),
        sizes=_sizes(path.stat().st_size if path is not None else None, file_bytes, graph, plan),
        memory=_memory(graph, plan, state),
        runtimes=_runtimes(graph),
        warnings=_warnings(history, graph),
    )


# --- the rows ---


def _border_type(graph: Graph) -> str:
    return "/".join(sorted({value.dtype.value for value in graph.inputs + graph.outputs}))


def _warnings(history: History, graph: Graph) -> tuple[str, ...]:
    found = list(history.warnings)
    if history.calibration is not None:
        found += history.calibration.warnings
    if history.quantized is not None:
        found += history.quantized.notes
    transposes = [node for node in graph.nodes if node.op == "TRANSPOSE"]
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
    return (
        RuntimeRow("LiteRT", not without_litert, "" if without_litert else since, without_litert),
        RuntimeRow("TFLite Micro", not without_tflm, "", without_tflm),
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


# --- printing ---


def _lines(report: Report) -> Iterator[str]:
    s = report.sizes
    yield f"{report.source}: {report.quantize}, {report.io} inputs and outputs"
    before, after = sum(row.before for row in report.operators), sum(row.after for row in report.operators)
    yield f"  operators     {before} -> {after}: " + ", ".join(
        f"{row.op} {row.after}" for row in report.operators if row.after
    )
    for record in report.passes:
        yield f"    {record.name}: {record.applied} applied, {record.rejected} left ({_pruned(record)})"
    origin = f"{s.source_bytes:,} -> " if s.source_bytes is not None else ""
    yield f"  file          {origin}{s.file_bytes:,} bytes, of which constants {s.constant_bytes:,}"
    yield from _memory_lines(report)
    yield f"  work          {s.macs:,} multiply-accumulates"
    if report.calibration_samples:
        yield f"  calibration   {report.calibration_samples} samples"
    for step in report.steps:
        yield f"  {step.name:<20} {_decibels(step)}  {step.what}{'' if step.accepted else ': rolled back'}"
    for row in report.kept_float:
        yield f"  float32       {row.op} {row.name!r}: {row.reason}"
    for runtime in report.runtimes:
        state = "yes" if runtime.loads else "no: it lacks " + ", ".join(runtime.missing)
        yield f"  {runtime.runtime:<13} {state}{f', since {runtime.since}' if runtime.since else ''}"
    for warning in report.warnings:
        yield f"  warning       {warning}"


def _memory_lines(report: Report) -> Iterator[str]:
    s, m = report.sizes, report.memory
    bound = "the lower bound" if not m.gap else f"{100 * m.gap:.1f} % above the bound of {s.arena_lower_bound_bytes:,}"
    ordered = f"; {m.given_order_bytes:,} in the order given" if m.given_order_bytes > s.arena_bytes else ""
    yield f"  arena         {s.arena_bytes:,} bytes, {bound}{ordered}"
    alive = " + ".join(f"{row.name} {row.bytes:,}" for row in m.peak[:4]) + (" + …" if len(m.peak) > 4 else "")
    yield f"    most at {m.peak_operator or 'the inputs'}: {alive}"
    own = sum(row.bytes for row in m.operator_state)
    yield f"  state         {m.state_bytes:,} bytes, of which the operators' multipliers and tables {own:,}"


def _pruned(record: PassRecord) -> str:
    return ", ".join(f"{count} {op} fewer" for op, count in record.pruned) or "no operator fewer"


def _decibels(step: Step) -> str:
    if step.after_db is None:
        return "not measured"
    gain = "" if step.before_db is None else f" ({step.after_db - step.before_db:+.2f})"
    return f"{step.after_db:.2f} dB{gain}"


def _plain(value: object) -> Mapping[str, object]:
    """JSON has no infinity: such figures become null."""
    cleaned = _clean(value)
    assert isinstance(cleaned, dict)
    return cleaned


def _clean(value: object) -> object:
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
