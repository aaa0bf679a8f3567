"""Metadata entries that we write into every file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from ..gen import tflite
from ..ir.graph import Value
from ..ir.memory import MemoryPlan

MEMORY_PLAN = "OfflineMemoryAllocation"
PROVENANCE = "liteinterp.provenance"
MIN_RUNTIME = "min_runtime_version"

#: The first TensorFlow release whose interpreter runs every operator version that we write, but for those listed below.
_MIN_RUNTIME_VERSION = "2.3.0"
#: FULLY_CONNECTED with one scale per output came with version 12 (tflite/tools/versioning/runtime_version.cc of LiteRT).
_PER_CHANNEL_DENSE = (tflite.BuiltinOperator.FULLY_CONNECTED, 12)
_PER_CHANNEL_DENSE_RUNTIME = "2.17.0"


def memory_plan(values: Sequence[Value], plan: MemoryPlan) -> bytes:
    """Words of int32: format 1, one subgraph, number of tensors, then a byte offset in the arena for each tensor,
    -1 where the runtime shall decide (constants and variables need no place)."""
    words = [1, 1, len(values), *(plan.offsets.get(value.name, -1) for value in values)]
    return np.array(words, dtype="<i4").tobytes()


def provenance(values: Sequence[Value]) -> bytes:
    """JSON: for the source model's tensor that each computed tensor equals, and how its axes are permuted."""
    entries = [
        {
            "tensor": index,
            "name": value.name,
            "source": value.origin.name,
            "permutation": None if value.origin.permutation is None else list(value.origin.permutation),
        }
        for index, value in enumerate(values)
        if value.origin is not None and not value.is_constant
    ]
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()


def min_runtime(codes: Sequence[tflite.OperatorCode]) -> bytes:
    """The first TensorFlow release that has these operator versions, padded with zero bytes to 16."""
    per_channel_dense = any((code.builtin_code, code.version) == _PER_CHANNEL_DENSE for code in codes)
    version = _PER_CHANNEL_DENSE_RUNTIME if per_channel_dense else _MIN_RUNTIME_VERSION
    return version.encode().ljust(16, b"\0")


def entries(
    values: Sequence[Value],
    codes: Sequence[tflite.OperatorCode],
    plan: MemoryPlan | None,
    extra: Mapping[str, bytes],
) -> dict[str, bytes]:
    """Every metadata entry of a file, in a fixed order: ours, then `extra` by name."""
    ours = {MIN_RUNTIME: min_runtime(codes), PROVENANCE: provenance(values)}
    if plan is not None:
        ours[MEMORY_PLAN] = memory_plan(values, plan)
    return {**ours, **{name: extra[name] for name in sorted(extra) if name not in ours}}
