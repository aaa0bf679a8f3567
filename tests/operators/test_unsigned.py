"""uint8 operands where the runtime turns bytes in place: shared, aliased, constant, and inputs that must stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from one_operator import one_operator_models

import liteinterp
from liteinterp.net import KEEP_TENSORS, ModelBytes, Net, Request

MODELS = {name: one_operator_models()[name].bytes() for name in ("unsigned aliases", "unsigned chain")}
each_model = pytest.mark.parametrize("content", MODELS.values(), ids=MODELS)


def draw_rows(content: bytes, count: int) -> list[npt.NDArray[np.uint8]]:
    shape = liteinterp.Interpreter(model_content=content).get_input_details()[0]["shape"]
    return list(np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8))


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


@each_model
def test_operands_that_share_bytes_give_litert_s_codes(content: bytes) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")
    rows = draw_rows(content, 20)
    expected = outputs(content, rows, litert.Interpreter)
    found = outputs(content, rows, liteinterp.Interpreter)
    assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


@each_model
def test_a_second_run_on_the_same_input_gives_the_same(content: bytes) -> None:
    (row,) = draw_rows(content, 1)
    first, second = (outputs(content, [row], liteinterp.Interpreter) for _ in range(2))
    interpreter = liteinterp.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], row)
    for _ in range(2):
        interpreter.invoke()
    third = [interpreter.get_tensor(target["index"]) for target in interpreter.get_output_details()]
    assert all(np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in zip(first, second, third, strict=True))


@each_model
def test_whoever_looks_between_operators_sees_uint8(content: bytes) -> None:
    """What stays turned between operators is seen as the file says: by hooks, and where all tensors are kept."""
    (row,) = draw_rows(content, 1)
    model = ModelBytes(content)
    kept, hooked, plain = Net(model, Request(flags=KEEP_TENSORS)), Net(model, Request()), Net(model, Request())
    seen: dict[int, npt.NDArray[Any]] = {}

    def look(operator: int, after: bool) -> int:
        if after:
            seen.update({target: hooked.view(target).copy() for target in hooked.operator(operator)[2]})
        return 0

    for net in (kept, hooked, plain):
        net.view(net.inputs[0])[...] = row
    with hooked.hooked(look):
        hooked.run()
    kept.run()
    plain.run()
    assert seen and all(np.array_equal(kept.view(target), data) for target, data in seen.items())
    for target in plain.outputs:
        assert np.array_equal(plain.view(target), kept.view(target))


def test_constants_read_from_the_net_are_those_of_the_file() -> None:
    interpreter = liteinterp.Interpreter(model_content=MODELS["unsigned aliases"])
    interpreter.allocate_tensors()
    (constant,) = [entry["index"] for entry in interpreter.get_tensor_details() if entry["name"] == "t9"]
    before = interpreter.get_tensor(constant)
    interpreter.invoke()
    assert before.dtype == np.uint8 and np.array_equal(interpreter.get_tensor(constant), before)
