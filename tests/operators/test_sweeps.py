"""Every operator, over its sweep in tests/cases: kernel sets against each other, and against LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sweeps import Case, OneOperator, build, cases_of, is_mixed

import liteinterp
from converter.gen.ops import OPS

Array = npt.NDArray[Any]
CASES = [case for op in OPS for case in cases_of(op)]


def name_of(case: Case) -> str:
    return f"{case.op}-{case.name}"


each_case = pytest.mark.parametrize("case", CASES, ids=name_of)
#: The kernel harness covers the kernels themselves: the fast tier takes every fourth case.
each_case_in_part = pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow if i % 4 else ()) for i, case in enumerate(CASES)], ids=name_of
)


def outputs(interpreter: Any, model: OneOperator) -> list[Array]:
    interpreter.allocate_tensors()
    for details, data in zip(interpreter.get_input_details(), model.inputs, strict=True):
        interpreter.set_tensor(details["index"], data)
    interpreter.invoke()
    return [np.asarray(interpreter.get_tensor(details["index"])) for details in interpreter.get_output_details()]


def ours(model: OneOperator) -> list[Array]:
    return outputs(liteinterp.Interpreter(model_content=model.content), model)


@each_case_in_part
def test_best_kernels_equal_ref(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITEINTERP_FLOAT", "exact")
    best = ours(build(case))
    monkeypatch.setenv("LITEINTERP_ISA", "ref")
    reference = ours(build(case))
    for left, right in zip(best, reference, strict=True):
        assert left.dtype == right.dtype and left.shape == right.shape
        assert left.tobytes() == right.tobytes()


@each_case
def test_litert_agrees(case: Case) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")
    if case.litert_lacks:
        pytest.skip(f"LiteRT {case.litert_lacks}")
    model = build(case)
    theirs = outputs(litert.Interpreter(model_content=model.content, num_threads=1), model)
    for found, expected in zip(ours(model), theirs, strict=True):
        assert found.dtype == expected.dtype and found.shape == expected.shape
        if found.dtype == np.float32:
            # Sums of at most a few hundred products in another order, on data of magnitude 2.
            # int4 under a pointwise convolution: LiteRT quantizes the image as a whole, we each pixel.
            coarse = case.op == "CONV_2D" and "int4" in case.types.inputs
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=0.01 * expected.max() if coarse else 1e-5)
        elif is_mixed(case.types):  # LiteRT's own kernels of int4 weights round twice
            np.testing.assert_allclose(found, expected, rtol=0, atol=1)
        else:
            np.testing.assert_array_equal(found, expected)
