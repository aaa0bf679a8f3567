"""Writes the seeds of the fuzzers: small models of every operator.

    python tests/fuzz/corpus.py FOLDER

``FOLDER/tflite`` gets the one-operator models, the sweeps of ``tests/cases`` and some nets, each with the four bytes
behind it that ``harness.h`` reads; ``FOLDER/onnx`` gets random ONNX models.
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from one_operator import one_operator_models
from onnx import numpy_helper
from random_onnx import RandomModel
from sweeps import build, cases_of
from tiny_models import chain, every_operator, int8_conv_net, shape_chains

from converter.frontends.onnx import supported_operators
from converter.gen import tflite
from converter.gen.ops import OPS

#: Bytes. Larger files take time and reach nothing new.
LARGEST = 6000


def emptied(content: bytes) -> Iterator[bytes]:
    """The model with no element along the first dimension of all that is computed, and along the last one."""
    for dimension in (0, -1):
        model = tflite.read_model(content)
        for tensor in (tensor for graph in model.subgraphs for tensor in graph.tensors):
            stored = model.buffers[tensor.buffer].data
            if tensor.shape is not None and len(tensor.shape) and (stored is None or len(stored) == 0):
                shape = list(tensor.shape)
                shape[dimension] = 0
                tensor.shape = shape
        yield bytes(tflite.write_model(model))


def tflite_models() -> Iterator[bytes]:
    """Every operator in every combination of element types, in each way through it, and with tensors of nothing."""
    for maker in one_operator_models().values():
        yield maker.bytes()
        yield from emptied(maker.bytes())
    for maker in (every_operator(True), every_operator(False), int8_conv_net(), shape_chains()):
        yield maker.bytes()
    yield chain("RELU", "RESHAPE", "LOGISTIC", "RELU6").plan([0, 64, 64, 128, 0]).bytes()
    for op in OPS:
        for case in cases_of(op):
            yield build(case).content


def onnx_models() -> Iterator[bytes]:
    """Random models of one to four operators, over all that ONNX Runtime and the frontend share."""
    for seed in range(400):
        yield RandomModel(seed, 1 + seed % 4).model.SerializeToString()
    yield from onnx_examples()


def onnx_examples() -> Iterator[bytes]:
    """ONNX's own examples of the operators that we lower; operands behind the first become constants."""
    from onnx.backend.test.case.node import collect_testcases

    lowered = set(supported_operators())
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    for case in cases:
        if case.model is None or any(node.op_type not in lowered for node in case.model.graph.node):
            continue
        graph = case.model.graph
        constants = [
            numpy_helper.from_array(array, value.name)
            for value, array in zip(list(graph.input)[1:], case.data_sets[0][0][1:], strict=False)
            if isinstance(array, np.ndarray) and array.size <= 64 and value.name
        ]
        named = {tensor.name for tensor in constants}
        inputs = [value for value in graph.input if value.name not in named]
        del graph.input[:]
        graph.input.extend(inputs)
        graph.initializer.extend(constants)
        yield case.model.SerializeToString()


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
