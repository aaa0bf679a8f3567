"""uint8 operands where the runtime turns bytes in place: shared, aliased, constant, and inputs that must stay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from one_operator import one_operator_models

import liteinterp

CONTENT = one_operator_models()["unsigned aliases"].bytes()


def outputs(content: bytes, rows: Sequence[npt.NDArray[np.uint8]], engine: type) -> list[npt.NDArray[np.uint8]]:
    """Every output for every row, one after the other; the input must hold the row afterwards."""
    interpreter = engine(model_content=content)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    results = []
    for row in rows:
        interpreter.set_tensor(source, row)
        interpreter.invoke()
        assert np.array_equal(interpreter.get_tensor(source), row)
        results += [interpreter.get_tensor(target["index"]) for target in interpreter.get_output_details()]
    return results


def test_shared_and_aliased_operands_give_litert_s_codes() -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")
    generator = np.random.default_rng(0)
    rows = [generator.integers(0, 256, (2, 12), dtype=np.uint8) for _ in range(20)]
    expected = outputs(CONTENT, rows, litert.Interpreter)
    found = outputs(CONTENT, rows, liteinterp.Interpreter)
    assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


def test_a_second_run_on_the_same_input_gives_the_same() -> None:
    row = np.arange(24, dtype=np.uint8).reshape(2, 12) * 10
    first, second = (outputs(CONTENT, [row], liteinterp.Interpreter) for _ in range(2))
    interpreter = liteinterp.Interpreter(model_content=CONTENT)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], row)
    for _ in range(2):
        interpreter.invoke()
    third = [interpreter.get_tensor(target["index"]) for target in interpreter.get_output_details()]
    assert all(np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in zip(first, second, third, strict=True))


def test_constants_read_from_the_net_are_those_of_the_file() -> None:
    interpreter = liteinterp.Interpreter(model_content=CONTENT)
    interpreter.allocate_tensors()
    (constant,) = [entry["index"] for entry in interpreter.get_tensor_details() if entry["name"] == "t9"]
    before = interpreter.get_tensor(constant)
    interpreter.invoke()
    assert before.dtype == np.uint8 and np.array_equal(interpreter.get_tensor(constant), before)
