"""The zoo's trained models as tasks: which samples calibrate, which ones test, and what may be lost.

Arrays are in the source model's own input layout and preprocessing, axis 0 is samples.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Split:
    """Calibration samples, test samples and the test samples' labels, or None where there are none."""

    calibration: Array
    test: Array
    labels: Array | None


@dataclass(frozen=True)
class ZooTask:
    """A float model of the zoo and the limits that the int8 model must keep on the test samples."""

    name: str
    file: str
    load: Callable[[Path], Split]
    #: Largest loss of top-1 accuracy in points; None: not judged by labels.
    max_drop_points: float | None = None
    #: Smallest output SQNR in dB; None: not judged.
    min_sqnr_db: float | None = None


def _kws(zoo: Path) -> Split:
    with np.load(zoo / "data/kws.npz") as data:
        rows = (data["x_int8"].astype(np.float32) - np.float32(83)) * np.float32(0.58470291)
        return Split(rows[:100], rows[100:], data["y"][100:].astype(np.int64))


def _cifar10(zoo: Path) -> Split:
    with np.load(zoo / "data/cifar10_calib.npz") as calib, np.load(zoo / "data/cifar10_test.npz") as test:
        return Split(calib["x"][:100].astype(np.float32), test["x"].astype(np.float32), test["y"].astype(np.int64))


def _mnist(zoo: Path) -> Split:
    with np.load(zoo / "data/mnist_calib.npz") as calib, np.load(zoo / "data/mnist_test.npz") as test:
        scale = np.float32(1 / 255)
        return Split(
            calib["x"][:100, :, :, None].astype(np.float32) * scale,
            test["x"][..., None].astype(np.float32) * scale,
            test["y"].astype(np.int64),
        )


def _dcase(zoo: Path) -> Split:
    rows = np.fromfile(zoo / "data/dcase01.bin", dtype="<f4").reshape(40, 640)
    return Split(rows[:20], rows[20:], None)


def _keypoint(zoo: Path) -> Split:
    with open(zoo / "data/keypoint.csv", newline="") as file:
        table = np.array([[float(cell) for cell in row[:43]] for row in csv.reader(file)], np.float32)
    labels = table[:, 0].astype(np.int64)
    return Split(table[:200, 1:], table[200:, 1:], labels[200:])


def _image(path: Path, size: int) -> Array:
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))


def _vww(zoo: Path) -> Split:
    images = np.stack([_image(path, 96) for path in sorted((zoo / "data/coco50/images").iterdir())])
    rows = images.astype(np.float32) * np.float32(1 / 255)
    return Split(rows[:25], rows[25:], None)


def _imagenet(zoo: Path) -> Split:
    from PIL import Image

    parts: dict[str, list[Array]] = {"calib": [], "test": []}
    labels: list[int] = []
    with open(zoo / "data/imagenet256/labels.csv", newline="") as file:
        for row in csv.DictReader(file):
            with Image.open(zoo / "data/imagenet256" / row["file"]) as image:
                crop = np.asarray(image.convert("RGB"))[16:240, 16:240]
            parts[row["split"]].append(crop.astype(np.float32) / np.float32(127.5) - np.float32(1))
            if row["split"] == "test":
                labels.append(int(row["index"]) + 1)
    return Split(np.stack(parts["calib"]), np.stack(parts["test"]), np.array(labels))


TASKS = (
    ZooTask("kws", "mlperf_kws_ds_cnn.onnx", _kws, max_drop_points=0.5),
    ZooTask("resnet8", "mlperf_ic_resnet8.tflite", _cifar10, max_drop_points=0.5),
    ZooTask("mnist", "mnist_conv_fc.tflite", _mnist, max_drop_points=0.5),
    ZooTask("vww", "mlperf_vww_96.tflite", _vww),
    ZooTask("ad", "mlperf_ad01_fp32.tflite", _dcase, min_sqnr_db=39.0),
    ZooTask("keypoint", "keypoint_classifier.tflite", _keypoint),
    ZooTask("mobilenet_v1", "mobilenet_v1_0.25_224.tflite", _imagenet, max_drop_points=2.0),
)

#: Official int8 files on which we equal LiteRT's default path; person_detect in the form that LiteRT accepts.
INT8_REFERENCES = (
    "models/mlperf_kws_int8_ref.tflite",
    "models/mlperf_ic_resnet8_int8_ref.tflite",
    "models/mlperf_vww_96_int8_ref.tflite",
    "models/mlperf_ad01_int8_ref.tflite",
    "models/mnist_conv_fc_int8_ref.tflite",
    "models/mlperf_streaming_wakeword_int8.tflite",
    "bench/person.litert.tflite",
    "models/speed_mobilenet_v2_int8.tflite",
)
