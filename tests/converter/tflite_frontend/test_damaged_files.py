"""Damaged files end in an error of ours or in a graph that can be written: never in another exception."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from small_graphs import GraphMaker

from converter import backend
from converter.errors import ConvertError
from converter.frontends.tflite import load
from converter.options import Options

#: Values that break counts, offsets and indices.
WORDS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(content)
    kind = rng.integers(3)
    if kind == 0:
        return bytes(data[: rng.integers(len(data))])
    if kind == 1:
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    else:
        at = int(rng.integers(len(data) // 4)) * 4
        data[at : at + 4] = WORDS[rng.integers(len(WORDS))].to_bytes(4, "little")
    return bytes(data)


def survive(content: bytes, mutants: int) -> None:
    rng = np.random.default_rng(7)
    outcomes = {"graph": 0, "error": 0}
    for _ in range(mutants):
        try:
            backend.write(load(damage(content, rng), Options()))
            outcomes["graph"] += 1
        except ConvertError:
            outcomes["error"] += 1
    assert min(outcomes.values()) > mutants // 10, outcomes


def test_damaged_file_of_ours() -> None:
    make = GraphMaker((1, 8, 8, 3))
    hidden = make.depthwise(make.conv(make.x, 4), multiplier=2)
    pooled = make.op("MEAN", [hidden, make.constant(np.array([1, 2], np.int32))], {"keep_dims": False})
    survive(backend.write(make.graph(make.op("SOFTMAX", [make.dense(pooled, 5)], {"beta": 1.0}))), 3000)


def test_damaged_file_of_the_zoo(zoo: Path) -> None:
    survive((zoo / "models" / "keypoint_classifier.tflite").read_bytes(), 1500)
