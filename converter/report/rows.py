"""A conversion's report as data: every row is one line for machines."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..budget import Outcome
from ..ledger import LayerError
from ..passes import PassRecord
from ..quantize import Step

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
    layer_errors: tuple[LayerError, ...]
    kept_float: tuple[FloatRow, ...]
    steps: tuple[Step, ...]
    #: What came of --max-drop, --max-size and --max-memory; None where none was given.
    budget: Outcome | None
    sizes: Sizes
    memory: Memory
    runtimes: tuple[RuntimeRow, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> str:
        """One JSON object; "schema" says which fields to expect."""
        return json.dumps({"schema": SCHEMA, **_plain(dataclasses.asdict(self))}, indent=2, ensure_ascii=False) + "\n"

    def to_text(self) -> str:
        """Some twenty lines for people."""
        from .text import lines

        return "\n".join(lines(self)) + "\n"


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
