"""CAST of float32 where C leaves the result open: outside the integer's range it saturates, and NaN becomes 0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from tiny_models import FLOAT32, INT8, INT16, INT32, INT64, TYPES, UINT8, ModelMaker

import liteinterp
from converter.gen import tflite

NUMBERS = np.array([np.inf, 1e30, 2.0**63, 2.0**31, 300.5, 0.99, -0.99, -300.5, -(2.0**63), -1e30, -np.inf], np.float32)


def cast(numbers: npt.NDArray[np.float32], type: int) -> npt.NDArray[np.generic]:
    m = ModelMaker()
    x, y = m.tensor(numbers.shape, FLOAT32), m.tensor(numbers.shape, type)
    m.op("CAST", [x], [y], tflite.CastOptions(FLOAT32, type))
    interpreter = liteinterp.Interpreter(model_content=m.ends([x], [y]).bytes())
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], numbers)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


@pytest.mark.parametrize("type", [INT8, UINT8, INT16, INT32, INT64])
def test_casts_saturate(type: int) -> None:
    limits = np.iinfo(TYPES[type])
    whole = [int(x) for x in NUMBERS[1:-1]]
    expected = [limits.max, *(min(max(x, limits.min), limits.max) for x in whole), limits.min]
    assert cast(NUMBERS, type).tolist() == expected


@pytest.mark.parametrize("type", [INT8, UINT8, INT16, INT32, INT64])
def test_no_number_becomes_zero(type: int) -> None:
    assert cast(np.array([np.nan, -0.0], np.float32), type).tolist() == [0, 0]
