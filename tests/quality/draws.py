"""The networks that vs_peers.py quantizes, and which of their samples calibrate and which test in each draw.

Arrays are in the source model's own input layout and preprocessing, axis 0 is samples.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import network_tasks
import numpy as np
import numpy.typing as npt
import zoo_tasks

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Draw:
    """Samples to calibrate with, others to test with, and the test samples' classes where they are known."""

    calibration: Array
    test: Array
    labels: Array | None


@dataclass(frozen=True)
class Pool:
    """Samples that may calibrate, their classes, and those that test; None: all that did not calibrate."""

    rows: Array
    labels: Array | None
    test: tuple[Array, Array] | None = None


@dataclass(frozen=True)
class Network:
    """A float model of the zoo. `onnx` is the same network for engines that read no `.tflite`; None: it is made."""

    name: str
    file: str
    load: Callable[[Path], Pool]
    calibrating: int
    onnx: str | None = None
    #: Whether the largest output is the answer.
    classifies: bool = True

    def draw(self, pool: Pool, seed: int) -> Draw:
        """`default_rng(seed)` shuffles the pool: the first samples calibrate."""
        order = np.random.default_rng(seed).permutation(len(pool.rows))
        chosen, rest = order[: self.calibrating], order[self.calibrating :]
        if pool.test is not None:
            return Draw(pool.rows[chosen], *pool.test)
        return Draw(pool.rows[chosen], pool.rows[rest], None if pool.labels is None else pool.labels[rest])


def _kws(zoo: Path) -> Pool:
    with np.load(zoo / "data/kws.npz") as data:
        rows = (data["x_int8"].astype(np.float32) - np.float32(83)) * np.float32(0.58470291)
        return Pool(rows, data["y"].astype(np.int64))


def _apart(name: str, scale: float, channel: bool) -> Callable[[Path], Pool]:
    """Images in `NAME_calib.npz` and `NAME_test.npz`."""

    def images(path: Path) -> tuple[Array, Array]:
        with np.load(path) as data:
            rows = data["x"].astype(np.float32) * np.float32(scale)
            return rows[..., None] if channel else rows, data["y"].astype(np.int64)

    def load(zoo: Path) -> Pool:
        rows, labels = images(zoo / f"data/{name}_calib.npz")
        return Pool(rows, labels, images(zoo / f"data/{name}_test.npz"))

    return load


def _dcase(zoo: Path) -> Pool:
    return Pool(np.fromfile(zoo / "data/dcase01.bin", dtype="<f4").reshape(40, 640), None)


def _imagenet(load: Callable[[Path], Any], first_class: int) -> Callable[[Path], Pool]:
    """All 500 images. `first_class` is the network's index of the data's class 0."""

    def pool(zoo: Path) -> Pool:
        split = load(zoo)
        parts: dict[str, list[int]] = {"test": [], "calib": []}
        with open(zoo / "data/imagenet256/labels.csv", newline="") as file:
            for row in csv.DictReader(file):
                parts[row["split"]].append(int(row["index"]) + first_class)
        return Pool(np.concatenate([split.test, split.calibration]), np.array(parts["test"] + parts["calib"]))

    return pool


_tflite = {task.name: task for task in zoo_tasks.TASKS}
_onnx = {task.name: task for task in network_tasks.NETWORK_TASKS}

NETWORKS = (
    Network("keyword spotting", "mlperf_kws_ds_cnn.onnx", _kws, 100),
    Network("ResNet8", "mlperf_ic_resnet8.tflite", _apart("cifar10", 1.0, False), 100, onnx="ic.float"),
    Network(
        "MobileNetV1-0.25",
        _tflite["mobilenet_v1"].file,
        _imagenet(_tflite["mobilenet_v1"].load, 1),
        100,
    ),
    Network("MNIST", "mnist_conv_fc.tflite", _apart("mnist", 1 / 255, True), 100),
    Network("autoencoder", "mlperf_ad01_fp32.tflite", _dcase, 20, onnx="ad.float", classifies=False),
    Network(
        "EfficientNet-Lite0",
        _onnx["efficientnet"].file,
        _imagenet(_onnx["efficientnet"].load, 0),
        100,
    ),
)
