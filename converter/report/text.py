"""The report in words."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..ledger import ROUNDED
from ..passes import PassRecord
from ..quantize import Step
from .rows import Report

#: Layers in the text; the JSON report has all.
WORST_LAYERS = 5
NAME_LENGTH = 72
#: Operators of a mixture in the text.
MOST_RAISED = 12


def lines(report: Report) -> Iterator[str]:
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
        task = "" if step.task is None else f", task {step.task:.4g}"
        yield f"  {step.name:<20} {_decibels(step)}{task}  {step.what}{'' if step.accepted else ': rolled back'}"
    yield from _layer_lines(report)
    yield from _budget_lines(report)
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


def _layer_lines(report: Report) -> Iterator[str]:
    """The layers that make the most error by themselves: those that limit the output."""
    worst = sorted(report.layer_errors, key=lambda row: row.alone_db)[:WORST_LAYERS]
    if worst:
        yield "  worst layers  SQNR by itself, and with all before it in int8; the JSON report has every layer"
    for row in worst:
        gain = "" if row.flag_gain_db is None else f" ({row.flag_gain_db:+.1f} dB)"
        remedy = f"; {_short(row.flag)}{gain}" if row.flag else ""
        figures = f"{row.alone_db:.1f} dB, {row.cumulated_db:.1f} dB"
        of = f", {row.weights_share:.0%} of it of weights" if row.cause in ROUNDED and row.weights_share else ""
        yield f"    {row.op} {_short(row.name)!r}: {figures}: {row.cause}{of}{remedy}"


def _budget_lines(report: Report) -> Iterator[str]:
    """The verdict, and every mixture that was tried with what it costs."""
    if report.budget is None:
        return
    yield f"  budget        {report.budget.status}: {report.budget.sentence}"
    for row in report.budget.trials:
        counts = ", ".join(f"{n} {name}" for name, n in (("int8", row.int8), ("int16", row.int16)) if n)
        bound = f", at most {row.drop_high:.3g}" if row.drop_high is not None and math.isfinite(row.drop_high) else ""
        drop = "" if row.drop is None else f": drop {row.drop:.3g}{bound}"
        sizes = f"{row.file_bytes:,} bytes, {row.memory_bytes:,} of RAM"
        yield f"    {counts or 'nothing quantized'}, {row.float32} float32: {sizes}{drop}: {row.status}"
    for kept in report.budget.raised[:MOST_RAISED]:
        yield f"    {kept.precision:<8} {kept.op} {_short(kept.name)!r}"
    if len(report.budget.raised) > MOST_RAISED:
        yield f"    and {len(report.budget.raised) - MOST_RAISED} more, in the JSON report"


def _short(text: str) -> str:
    """Names of fused layers can fill lines: the start is enough to find them in the JSON report."""
    return text if len(text) <= NAME_LENGTH else f"{text[:NAME_LENGTH]}…"


def _pruned(record: PassRecord) -> str:
    return ", ".join(f"{count} {op} fewer" for op, count in record.pruned) or "no operator fewer"


def _decibels(step: Step) -> str:
    if step.after_db is None:
        return "not measured"
    gain = "" if step.before_db is None else f" ({step.after_db - step.before_db:+.2f})"
    return f"{step.after_db:.2f} dB{gain}"
