"""Random ONNX models through the whole converter: the interface stays, float outputs are ONNX Runtime's, int8 ones
LiteRT's to the bit, and every layer that the provenance names is the source's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper, numpy_helper
from random_onnx import RandomModel, session

import liteinterp
from converter.errors import UnsupportedError

Array = npt.NDArray[Any]
Sample = dict[str, Array]

#: Largest difference of a float output, relative to its largest element.
RELATIVE = 1e-4
#: Layers of a float conversion differ from the source's by rounding alone.
LAYER_DB = 90.0
#: Below this an int8 output has little to do with the float one. Quantization noise is relative to 1/256 in Softmax.
INT8_DB, INT8_STEP = 4.0, 1 / 256
#: What a MaxPool may be refused for, and a pool whose window is larger than its image.
KNOWN_LIMITS = ("smaller than a window",)


def run(interpreter: Any, sample: Sample) -> list[Array]:
    for details, array in zip(interpreter.get_input_details(), sample.values(), strict=True):
        interpreter.set_tensor(details["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()]


def opened(content: bytes) -> liteinterp.Interpreter:
    interpreter = liteinterp.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    return interpreter


def litert(content: bytes) -> Any:
    module = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")
    interpreter = module.Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def draw_samples(model: RandomModel, seed: int) -> list[Sample]:
    rng = np.random.default_rng(seed)
    return [
        {name: rng.standard_normal(array.shape).astype(np.float32) for name, array in model.inputs.items()}
        for _ in range(8)
    ]


def assert_interface(content: bytes, model: onnx.ModelProto, sample: Sample, outputs: list[Array]) -> None:
    """Names in the signature, order, shapes and types are the source's."""
    interpreter = opened(content)
    sides = interpreter._get_full_signature_list()["serving_default"]
    ends = (
        (sides["inputs"], interpreter.get_input_details(), [value.name for value in model.graph.input]),
        (sides["outputs"], interpreter.get_output_details(), [value.name for value in model.graph.output]),
    )
    for (named, found, names), arrays in zip(ends, (sample.values(), outputs), strict=True):
        assert named == dict(zip(names, (details["index"] for details in found), strict=True))
        for details, array in zip(found, arrays, strict=True):
            assert tuple(details["shape"]) == array.shape
            assert details["dtype"] == array.dtype.type


@pytest.mark.parametrize("seed", range(60))
def test_random_model(seed: int, tmp_path: Path) -> None:
    made = RandomModel(seed, steps=3 + seed % 12)
    source, samples = made.model, draw_samples(made, seed)
    reference = session(source)
    expected = [reference.run(None, sample) for sample in samples]
    onnx.save(source, tmp_path / "source.onnx")
    if seed % 4 == 0:  # names of nodes mean nothing: all the same are as good
        for node in source.graph.node:
            node.name = "node"
    try:
        converted = liteinterp.convert(source, quantize="float32")
    except UnsupportedError as error:
        assert any(limit in str(error) for limit in KNOWN_LIMITS)
        return

    assert_interface(converted.model, source, samples[0], expected[0])
    for engine in (opened(converted.model), litert(converted.model)):
        for found, wanted in zip(run(engine, samples[0]), expected[0], strict=True):
            assert np.abs(found - wanted).max() <= RELATIVE * max(float(np.abs(wanted).max()), 1e-6)
    converted.save(tmp_path / "float.tflite")
    drift = liteinterp.compare(tmp_path / "source.onnx", tmp_path / "float.tflite", samples[:2])
    assert not [row for row in drift.layers if row.error.sqnr_db < LAYER_DB and row.error.max_abs > 1e-5]

    quantized = liteinterp.convert(source, quantize="int8", calib=samples)
    assert_interface(quantized.model, source, samples[0], expected[0])
    ours, theirs = opened(quantized.model), litert(quantized.model)
    answers = [run(ours, sample) for sample in samples]
    if not quantized.report.kept_float:
        wide = [{name: 3 * array for name, array in sample.items()} for sample in samples]
        for sample in samples + wide:
            for mine, their in zip(run(ours, sample), run(theirs, sample), strict=True):
                assert np.array_equal(mine, their)
    for i in range(len(expected[0])):
        signal = np.array([wanted[i] for wanted in expected], np.float64)
        noise = np.array([answer[i] for answer in answers], np.float64) - signal
        rms = float(np.sqrt((noise**2).mean()))
        assert rms <= max(INT8_STEP, float(np.sqrt((signal**2).mean())) * 10 ** (-INT8_DB / 20))


def test_a_constant_output_beside_transposes() -> None:
    weights = np.random.default_rng(0).standard_normal((2, 3, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Transpose", ["c"], ["y"], perm=[0, 3, 2, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", 1, (1, 3, 4, 5))],
        [helper.make_tensor_value_info("y", 1, (1, 5, 4, 2)), helper.make_tensor_value_info("k", 1, (2, 3))],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.ones((2, 3), np.float32), "k")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    sample = {"x": np.random.default_rng(1).standard_normal((1, 3, 4, 5)).astype(np.float32)}
    answers = run(opened(liteinterp.convert(model, quantize="float32").model), sample)
    for found, wanted in zip(answers, session(model).run(None, sample), strict=True):
        assert np.abs(found - wanted).max() <= 1e-5
