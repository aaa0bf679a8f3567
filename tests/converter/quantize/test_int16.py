"""int16 activations, throughout and by operator."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from small_graphs import small_cnn

from converter import backend
from converter.calibrate import collect
from converter.execute import CExecutor
from converter.ir.executor import evaluate
from converter.ir.graph import Graph
from converter.ir.statistics import Arrays
from converter.ir.types import DType
from converter.ir.verify import verify
from converter.options import Options
from converter.plan import plan_memory
from converter.quantize import Quantized, quantize
from converter.quantize.evaluate import sqnr_db


def samples_of(graph: Graph, count: int, seed: int) -> list[Arrays]:
    random = np.random.default_rng(seed)
    return [{v.name: random.normal(0, 1, v.shape).astype(np.float32) for v in graph.inputs} for _ in range(count)]


def quantized_of(graph: Graph, options: Options) -> Quantized:
    return quantize(graph, collect(graph, samples_of(graph, 60, seed=0), CExecutor()), options, CExecutor())


def answers(graph: Graph) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.concatenate([evaluate(CExecutor(), graph, sample)[0] for sample in samples_of(graph, 40, seed=9)])


def litert_answers(graph: Graph) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    litert = Interpreter(model_content=backend.write(graph, plan_memory(graph)))
    litert.allocate_tensors()
    found = []
    for sample in samples_of(graph, 40, seed=9):
        litert.set_tensor(litert.get_input_details()[0]["index"], next(iter(sample.values())))
        litert.invoke()
        found.append(litert.get_tensor(litert.get_output_details()[0]["index"]))
    return np.concatenate(found)


def test_int16_loses_less_than_int8_and_equals_litert() -> None:
    graph = small_cnn()
    wanted, sqnr = answers(graph), []
    for made in (quantized_of(graph, Options(quantize=mode, effort=0)) for mode in ("int8", "int16x8")):
        verify(made.graph)
        got = answers(made.graph)
        sqnr.append(sqnr_db(float((wanted**2).sum()), float(((wanted - got) ** 2).sum())))
    assert sqnr[1] > sqnr[0] + 3
    assert any(value.dtype is DType.INT16 for value in made.graph.values())
    np.testing.assert_allclose(got, litert_answers(made.graph), rtol=0, atol=1e-6)


def test_operators_by_name_compute_in_int16() -> None:
    graph = small_cnn()
    layer = next(node for node in graph.nodes if node.op == "CONV_2D")
    made = quantized_of(graph, Options(keep_int16=[layer.output.name], effort=0))
    verify(made.graph)
    changed = [one.quantized for one in made.layers if one.quantized.output.dtype is DType.INT16]
    assert [one.quantized.output.dtype for one in made.layers if one.source.output.name == layer.output.name] == [
        DType.INT16
    ]
    assert len(changed) == 1 and any(one.quantized.output.dtype is DType.INT8 for one in made.layers)
    np.testing.assert_allclose(answers(made.graph), litert_answers(made.graph), rtol=0, atol=1e-6)


def test_borders_in_int16_carry_the_codes_of_the_same_graph() -> None:
    graph = small_cnn()
    made = quantized_of(graph, Options(quantize="int16x8", io="int16", effort=0)).graph
    verify(made)
    assert [value.dtype for value in (*made.inputs, *made.outputs)] == [DType.INT16, DType.INT16]
    wide, (sample, *_) = quantized_of(graph, Options(quantize="int16x8", effort=0)).graph, samples_of(graph, 1, seed=9)
    scale, out_scale = (value.quantization.scale for value in (made.inputs[0], made.outputs[0]) if value.quantization)
    codes = np.clip(np.rint(next(iter(sample.values())) / np.float32(scale)), -32768, 32767).astype(np.int16)
    got = evaluate(CExecutor(), made, {made.inputs[0].name: codes})[0]
    np.testing.assert_allclose(
        got * np.float32(out_scale), evaluate(CExecutor(), wide, sample)[0], rtol=0, atol=out_scale
    )
