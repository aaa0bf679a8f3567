"""Every operator with an int8 form, alone, on 200 random inputs: the bytes of LiteRT's default path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sweeps import QUANTIZED, Case, build, cases_of, input_data, is_mixed

import liteinterp
from converter.gen.ops import OPS
from converter.ir.types import DType

INPUTS = 200


def chosen(op: str) -> list[Case]:
    """The middle one of the sweep's cases for each combination of element types with a quantized one."""
    by_types: dict[Any, list[Case]] = {}
    for case in cases_of(op):
        names = (*case.types.inputs, *case.types.outputs)
        # Weights of another type than the activations: test_sweeps.py has bounds for them.
        if not case.litert_lacks and not is_mixed(case.types) and any(DType(name) in QUANTIZED for name in names):
            by_types.setdefault(case.types, []).append(case)
    return [cases[len(cases) // 2] for cases in by_types.values()]


CASES = [case for op in OPS for case in chosen(op)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.op}-{case.name}")
def test_litert_gives_the_same_bytes(case: Case) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")
    model = build(case)
    inputs = list(dict.fromkeys(value for value in model.node.inputs if value is not None and value.data is None))
    engines = [liteinterp.Interpreter(model_content=model.content)]
    engines.append(litert.Interpreter(model_content=model.content, num_threads=1))
    for engine in engines:
        engine.allocate_tensors()
    random = np.random.default_rng(17)
    for _ in range(INPUTS):
        data = input_data(random, case, inputs)
        ours, theirs = (answers(engine, data) for engine in engines)
        for found, expected in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(found, expected)


def answers(engine: Any, data: tuple[np.ndarray, ...]) -> list[np.ndarray]:  # type: ignore[type-arg]
    for details, array in zip(engine.get_input_details(), data, strict=True):
        engine.set_tensor(details["index"], array)
    engine.invoke()
    return [engine.get_tensor(details["index"]) for details in engine.get_output_details()]


def test_every_int8_operator_is_among_them() -> None:
    """But for those that LiteRT has no int8 form of, or one with another meaning (docs/NUMERICS.md)."""
    with_int8 = {name for name, spec in OPS.items() if any("int8" in (*row.inputs, *row.outputs) for row in spec.types)}
    assert with_int8 - {case.op for case in CASES} <= {"DIV", "NEG", "SQUARE"}
