"""Metadata entries that we write into every file."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

import numpy as np

from ..ir.graph import Node, Value
from ..ir.memory import MemoryPlan
from ..ir.statistics import Manifest
from .packed import PACKED
from .versions import min_runtime_version

MEMORY_PLAN = "OfflineMemoryAllocation"
PROVENANCE = "liteinterp.provenance"
MIN_RUNTIME = "min_runtime_version"
CALIBRATION = "liteinterp.calibration"
FOLDED_INPUT = "liteinterp.folded_input"


def memory_plan(values: Sequence[Value], plan: MemoryPlan) -> bytes:
    """Words of int32: format 1, one subgraph, number of tensors, then a byte offset in the arena for each tensor,
    -1 where the runtime shall decide (constants and variables need no place)."""
    words = [1, 1, len(values), *(plan.offsets.get(value.name, -1) for value in values)]
    return np.array(words, dtype="<i4").tobytes()


def provenance(values: Sequence[Value]) -> bytes:
    """JSON: the source model's tensor that each computed tensor equals, how its axes are permuted, and by how many
    eighths of an octave its channels are larger: a character each, "A" for none, "B" for one; left out where none is.
    """
    entries = [
        {
            "tensor": index,
            "name": value.name,
            "source": value.origin.name,
            "permutation": None if value.origin.permutation is None else list(value.origin.permutation),
            **({} if value.origin.gains is None else {"gains": "".join(chr(65 + g) for g in value.origin.gains)}),
        }
        for index, value in enumerate(values)
        if value.origin is not None and not value.is_constant
    ]
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()


def calibration(manifest: Manifest) -> bytes:
    """JSON: which samples calibrated, so that `liteinterp compare` can tell them from others."""
    entry = {
        "samples": manifest.samples,
        "random": manifest.random,
        "data": manifest.data,
        "digests": base64.b64encode(b"".join(manifest.digests)).decode(),
    }
    return json.dumps(entry, separators=(",", ":")).encode()


def folded_input(name: str, factors: Sequence[float], summands: Sequence[float], axis: int) -> bytes:
    """JSON: the source's input is factor * byte + summand, along an axis of it."""
    entry = {"input": name, "factors": list(factors), "summands": list(summands), "axis": axis}
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode()


def entries(
    values: Sequence[Value], nodes: Sequence[Node], plan: MemoryPlan | None, extra: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Every metadata entry of a file, in a fixed order: ours, then `extra` by name, without packed weights."""
    release = min_runtime_version(nodes).encode().ljust(16, b"\0")
    ours = {MIN_RUNTIME: release, PROVENANCE: provenance(values)}
    if plan is not None:
        ours[MEMORY_PLAN] = memory_plan(values, plan)
    kept = [name for name in sorted(extra) if name not in ours and not name.startswith(PACKED)]
    return {**ours, **{name: extra[name] for name in kept}}
