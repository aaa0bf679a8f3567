"""The golden hashes, which every target must print, are those of LiteRT's outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from models_support import litert

HERE = Path(__file__).resolve().parent
#: NAME RUNS OUTPUTS RESULTS
GOLDEN = [line.split() for line in (HERE / "golden.txt").read_text().splitlines() if not line.startswith("#")]
#: LiteRT takes person_detect_int8 only with the unused quantized dimensions of 14 tensors repaired.
REPAIRED = {"person_detect_int8.tflite": "bench/person.litert.tflite"}


class Words:
    """The generator of hash_models.c: xorshift with 32 bits, started at 1 for each model."""

    def __init__(self) -> None:
        self.x = 1

    def bytes(self, count: int) -> bytes:
        """The highest 8 bits of the next ``count`` words."""
        x, made = self.x, bytearray(count)
        for i in range(count):
            x ^= (x << 13) & 0xFFFFFFFF
            x ^= x >> 17
            x ^= (x << 5) & 0xFFFFFFFF
            made[i] = x >> 24
        self.x = x
        return bytes(made)


def fnv1a(data: bytes, start: int) -> int:
    """64-bit FNV-1a, continued from ``start``."""
    for byte in data:
        start = ((start ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return start


def hash_of_outputs(interpreter: Any, runs: int) -> str:
    words, found = Words(), 0xCBF29CE484222325
    interpreter.allocate_tensors()
    for _ in range(runs):
        for given in interpreter.get_input_details():
            assert given["dtype"] in (np.int8, np.uint8)
            row: npt.NDArray[Any] = np.frombuffer(words.bytes(int(np.prod(given["shape"]))), given["dtype"])
            interpreter.set_tensor(given["index"], row.reshape(given["shape"]))
        interpreter.invoke()
        for got in interpreter.get_output_details():
            found = fnv1a(interpreter.get_tensor(got["index"]).tobytes(), found)
    return f"{found:016x}"


def test_digits_mlp_of_the_repository() -> None:
    (line,) = (line for line in GOLDEN if line[0] == "digits_mlp.tflite")
    assert hash_of_outputs(litert((HERE / line[0]).read_bytes()), int(line[1])) == line[2]


@pytest.mark.parametrize("line", [line for line in GOLDEN if line[0] != "digits_mlp.tflite"], ids=lambda line: line[0])
def test_model_of_the_zoo(line: list[str], zoo: Path) -> None:
    file = zoo / REPAIRED.get(line[0], f"models/{line[0]}")
    assert hash_of_outputs(litert(file.read_bytes()), int(line[1])) == line[2]
