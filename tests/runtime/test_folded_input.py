"""Files whose input takes bytes: converted, run on bytes, and compared with the source on normalised numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import liteinterp
from liteinterp import Interpreter
from liteinterp.errors import UsageError


@pytest.mark.parametrize("io,dtype", [("float32", np.uint8), ("int8", np.int8)])
def test_bytes_give_what_numbers_gave(io: str, dtype: type, digits: Path, tmp_path: Path) -> None:
    with np.load(digits / "digits.npz") as data:
        pixels = {key: np.rint(data[key] * 15).astype(np.uint8) for key in ("calibration", "test")}
    how = {"mean": 0.5 / 15, "scale": 1 / 15}  # 0 lies between two bytes
    model = tmp_path / "digits.tflite"
    source = digits / "digits.onnx"
    liteinterp.convert(source, calib=pixels["calibration"], preprocess=how, fold_input=True, io=io, effort=0).save(
        model
    )
    drift = liteinterp.compare(source, model, pixels["test"][:50], preprocess=how)
    assert drift.outputs[0].error.sqnr_db > 25
    with Interpreter(model_path=model) as interpreter:
        (details,) = interpreter.get_input_details()
        assert details["dtype"] is dtype
        interpreter.allocate_tensors()
        image = pixels["test"][:1].reshape(details["shape"]).astype(np.int16) + np.iinfo(dtype).min
        interpreter.set_tensor(details["index"], image.astype(dtype))
        interpreter.invoke()
        answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    with np.load(digits / "digits.npz") as data:
        assert answer.argmax() == data["labels"][0]


def test_what_is_folded_must_be_said(digits: Path) -> None:
    with pytest.raises(UsageError, match="say which, by preset"):
        liteinterp.convert(digits / "digits.onnx", calib="random:8", fold_input=True)
