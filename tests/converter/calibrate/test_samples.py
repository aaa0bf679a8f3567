"""Calibration data that cannot calibrate is refused before any work, each kind with its reason."""

from __future__ import annotations

import numpy as np
import pytest

from converter.calibrate.samples import CheckedSamples
from converter.errors import UsageError
from converter.ir.graph import Graph, Node, Value

GOOD = np.linspace(-1, 1, 4, dtype=np.float32)[None]


def graph() -> Graph:
    x, y = Value("x", (1, 4)), Value("y", (1, 4))
    return Graph([Node("RELU", [x], [y])], [x], [y], input_names=["input"], output_names=["output"])


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        pytest.param([], "holds no sample", id="none"),
        pytest.param([{"image": GOOD}], "'image', which is no input", id="wrong name"),
        pytest.param([{"input": GOOD[:, :3]}], r"shape \[1, 3\]", id="wrong shape"),
        pytest.param([{"input": GOOD.astype("U8")}], "the model takes float32", id="wrong type"),
        pytest.param([{"input": GOOD}, {"input": GOOD * np.nan}], "sample 1.*NaN", id="NaN"),
        pytest.param([{"input": GOOD * 1e30}], "no measurement", id="implausible numbers"),
        pytest.param([{"input": GOOD * 0}] * 3, "0 everywhere in all 3 samples", id="constant"),
    ],
)
def test_refuses(samples: list[dict[str, np.ndarray]], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        list(CheckedSamples(graph(), samples))


def test_takes_what_fits() -> None:
    (arrays,) = CheckedSamples(graph(), [{"input": GOOD}])
    assert np.array_equal(arrays["x"], GOOD)


def test_scalar_input_stays_one() -> None:
    x, y = Value("x", ()), Value("y", ())
    scalar = Graph([Node("RELU", [x], [y])], [x], [y], input_names=["input"], output_names=["output"])
    arrays = [arrays["x"] for arrays in CheckedSamples(scalar, [{"input": 1.0}, {"input": np.float32(2)}])]
    assert [(array.shape, float(array)) for array in arrays] == [((), 1.0), ((), 2.0)]
