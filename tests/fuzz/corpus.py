"""Writes the seeds of the fuzzers: small models of every operator.

    python tests/fuzz/corpus.py FOLDER

``FOLDER/tflite`` gets the one-operator models, the sweeps of ``tests/cases`` and some nets, each with the four bytes
behind it that ``harness.h`` reads; ``FOLDER/onnx`` gets random ONNX models.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from one_operator import one_operator_models
from random_onnx import RandomModel
from sweeps import build, cases_of
from tiny_models import chain, every_operator, int8_conv_net

from converter.gen.ops import OPS

#: Bytes. Larger files take time and reach nothing new.
LARGEST = 6000


def tflite_models() -> Iterator[bytes]:
    """Every operator in every combination of element types, in each way through it."""
    for maker in (*one_operator_models().values(), every_operator(True), every_operator(False), int8_conv_net()):
        yield maker.bytes()
    yield chain("RELU", "RESHAPE", "LOGISTIC", "RELU6").plan([0, 64, 64, 128, 0]).bytes()
    for op in OPS:
        for case in cases_of(op):
            yield build(case).content


def onnx_models() -> Iterator[bytes]:
    """Random models of one to four operators, over all that ONNX Runtime and the frontend share."""
    for seed in range(400):
        yield RandomModel(seed, 1 + seed % 4).model.SerializeToString()


def write(folder: Path, contents: Iterator[bytes]) -> int:
    """One file per different content, named by its hash; answers how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    names = set()
    for content in contents:
        name = hashlib.sha256(content).hexdigest()[:16]
        if len(content) <= LARGEST and name not in names:
            names.add(name)
            (folder / name).write_bytes(content)
    return len(names)


def trailed(contents: Iterator[bytes]) -> Iterator[bytes]:
    """With varied choices behind each file."""
    for i, content in enumerate(contents):
        yield content + bytes((i * 37 % 256, i * 91 % 256, i % 9, i % 251))


def main(folder: Path, formats: Sequence[str] = ("tflite", "onnx")) -> None:
    contents = {"tflite": lambda: trailed(tflite_models()), "onnx": onnx_models}
    for format in formats:
        print(f"{write(folder / format, contents[format]())} {format} seeds", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
