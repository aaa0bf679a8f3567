"""How far a model has drifted from its reference: the result of `compare`, as JSON and as a table."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from .gate import Verdict, decibels
from .metrics import Agreement, TensorError
from .tables import Table, printable, to_text

SCHEMA = "liteinterp.drift/1"

#: Layers shown in text; with more, the worst ones are.
_SHOWN = 24


@dataclass(frozen=True)
class TensorDrift:
    """One tensor, test against reference."""

    #: Name in the reference, and in the test model.
    name: str
    test_name: str
    #: The test model's operator that writes it.
    operator: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None
    error: TensorError
    #: For outputs that are score vectors.
    agreement: Agreement | None = None


@dataclass(frozen=True)
class Drift:
    """Outputs in the reference's order, layers in the test model's order of computation."""

    ref: str
    test: str
    ref_engine: str
    test_engine: str
    samples: int
    outputs: tuple[TensorDrift, ...]
    layers: tuple[TensorDrift, ...]
    #: Activations of the test model without a known counterpart.
    unmatched: int
    verdict: Verdict
    notes: tuple[str, ...] = ()

    @property
    def exit_status(self) -> int:
        """0, or 4 when the gate is not met."""
        return 4 if self.verdict.status == "fail" else 0

    def to_json(self) -> str:
        """One JSON object; numbers that JSON lacks (an infinite SQNR: nothing differs) are null."""
        return json.dumps({"schema": SCHEMA, **_plain(dataclasses.asdict(self))}, indent=2, ensure_ascii=False) + "\n"

    def tables(self, everything: bool = False) -> list[Table]:
        """Outputs and layers as tables; of many layers only the worst, unless `everything`."""
        tables = [_table("outputs", self.outputs)]
        layers = list(self.layers)
        if layers and (everything or len(layers) <= _SHOWN):
            tables.append(_table(f"layers ({len(layers)} matched)", layers))
        elif layers:
            worst = sorted(layers, key=lambda row: row.error.sqnr_db)[:_SHOWN]
            kept = [row for row in layers if any(row is bad for bad in worst)]
            tables.append(_table(f"layers: the worst {_SHOWN} of {len(layers)} matched", kept))
        return tables

    def heading(self) -> str:
        return f"{self.ref} ({self.ref_engine})  ->  {self.test} ({self.test_engine}), {self.samples} samples"

    def to_text(self, everything: bool = False) -> str:
        """For people."""
        parts = [self.heading(), *(to_text(table) for table in self.tables(everything))]
        return "\n\n".join([*parts, *self.closing()]) + "\n"

    def closing(self) -> list[str]:
        """What the tables do not say, ending with the verdict."""
        lines = [_classes(row) for row in self.outputs if row.agreement is not None]
        if self.unmatched > 0:
            lines.append(f"{self.unmatched} activations of {self.test} have no known counterpart in {self.ref}")
        return [printable(line) for line in (*lines, *self.notes, self.verdict.sentence)]


def _table(title: str, rows: Any) -> Table:
    columns = ("tensor", "operator", "SQNR", "cosine", "max error", "in LSB", "bias")
    return Table(title, columns, tuple(_cells(row) for row in rows), numeric_from=2)


def _cells(row: TensorDrift) -> tuple[str, ...]:
    error = row.error
    lsb = "" if error.max_lsb is None else f"{error.max_lsb:.1f}"
    cosine = f"{error.cosine:.6f}"
    return (row.name, row.operator, decibels(error.sqnr_db), cosine, f"{error.max_abs:.4g}", lsb, f"{error.bias:+.2g}")


def _classes(row: TensorDrift) -> str:
    agreement = row.agreement
    assert agreement is not None
    text = f"{row.name}: the first class is the same on {100 * agreement.top1:.2f} % of the samples"
    if agreement.classes > 5:
        text += f", among the first five on {100 * agreement.top5:.2f} %"
    if agreement.ref_accuracy is not None and agreement.test_accuracy is not None:
        text += (
            f"; right: {100 * agreement.ref_accuracy:.2f} % -> {100 * agreement.test_accuracy:.2f} % "
            f"({agreement.lost} lost, {agreement.won} won)"
        )
    return text


def _plain(value: Any) -> Any:
    """JSON has no infinity and no NaN."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
