"""Converts the demo's float network to int8 with float inputs and outputs: convert_digits.py OUT.tflite."""

import sys
from pathlib import Path

import numpy as np

import liteinterp

demo = Path(liteinterp.__file__).parent / "demo"
with np.load(demo / "digits.npz") as data:
    conversion = liteinterp.convert(demo / "digits.onnx", calib={"image": data["calibration"]})
conversion.save(Path(sys.argv[1]))
