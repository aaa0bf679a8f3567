"""Inputs that take bytes: the graph answers what it answered to normalised numbers, borders of the image included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_graphs import CONV, DENSE, GraphMaker

from converter.errors import UsageError
from converter.execute import CExecutor
from converter.ir.executor import evaluate
from converter.ir.graph import Graph
from converter.passes import fold_input
from converter.quantize.activations import activation_quantization

IMAGENET = (1 / 255 / np.array([0.229, 0.224, 0.225]), -np.array([0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225])
TF = (np.array([1 / 127.5]), np.array([-1.0]))
RAW01 = (np.array([1 / 255]), np.array([0.0]))


def graph_of(kind: str) -> Graph:
    if kind == "dense":
        maker = GraphMaker([1, 6])
        y = maker.op("FULLY_CONNECTED", [maker.x, maker.weights(4, 6), maker.weights(4, name="b")], dict(DENSE))
    elif kind == "two readers":
        maker = GraphMaker([1, 5, 6, 3])
        y = maker.op("ADD", [maker.x, maker.x], {"fused_activation_function": "NONE", "pot_scale_int16": False})
    elif kind == "channels first":
        maker = GraphMaker([1, 3, 5, 6])
        x = maker.op("TRANSPOSE", [maker.x, maker.constant(np.array([0, 2, 3, 1], np.int32))])
        y = maker.op("CONV_2D", [x, maker.weights(4, 3, 3, 3), maker.weights(4, name="b")], dict(CONV))
    elif kind == "depthwise":
        maker = GraphMaker([1, 5, 6, 3])
        y = maker.op("DEPTHWISE_CONV_2D", [maker.x, maker.weights(1, 3, 3, 6), None],
                     {**CONV, "padding": "VALID", "depth_multiplier": 2})  # fmt: skip
    else:
        maker = GraphMaker([1, 5, 6, 3])
        y = maker.op("CONV_2D", [maker.x, maker.weights(4, 3, 3, 3), maker.weights(4, name="b")],
                     {**CONV, "padding": kind.upper()})  # fmt: skip
    return Graph(maker.nodes, maker.inputs, [y], input_names=["image"], output_names=["y"])


@pytest.mark.parametrize("kind,numbers,how", [
    ("same", RAW01, "scale and zero point"),
    ("same", TF, "weights and bias"),
    ("same", IMAGENET, "depthwise"),
    ("valid", IMAGENET, "weights and bias"),
    ("depthwise", IMAGENET, "weights and bias"),
    ("channels first", IMAGENET, "depthwise"),
    ("channels first", TF, "weights and bias"),
    ("two readers", IMAGENET, "depthwise"),
    ("dense", TF, "weights and bias"),
])  # fmt: skip
def test_the_graph_answers_bytes_as_it_answered_numbers(kind: str, numbers: Any, how: str) -> None:
    before, graph = graph_of(kind), graph_of(kind)
    folded = fold_input(graph, *numbers)
    assert how in folded.how
    found = activation_quantization(folded.range)
    assert (found.scale, found.zero_point + 128) == (folded.scale, folded.zero_point)
    shape = before.inputs[0].shape
    pixels = np.random.default_rng(0).integers(0, 256, shape)
    channels = [-1 if i == folded.axis else 1 for i in range(len(shape))] if len(folded.factors) > 1 else [1]
    x = (pixels * np.reshape(numbers[0], channels) + np.reshape(numbers[1], channels)).astype(np.float32)
    r = ((pixels - folded.zero_point) * folded.scale).astype(np.float32)
    np.testing.assert_allclose(folded.prepare(x), r, atol=1e-3 * folded.scale)
    (wanted,), (got,) = (evaluate(CExecutor(), g, {"x": v}) for g, v in ((before, x), (graph, r)))
    inner = (slice(None), slice(1, -1), slice(1, -1)) if "weights" in how and kind != "dense" else ()
    np.testing.assert_allclose(got[inner], wanted[inner], atol=2e-5 * float(np.abs(wanted).max()))
    # A zero between two bytes is padded with the nearer one: half a step at the taps that lie outside.
    half_step = 0.0 if "weights" not in how else 0.5 * float(max(numbers[0])) * 27 * 2
    np.testing.assert_allclose(got, wanted, atol=half_step + 2e-5 * float(np.abs(wanted).max()))


def test_numbers_that_no_byte_stands_for_are_refused() -> None:
    folded = fold_input(graph_of("same"), *TF)
    with pytest.raises(UsageError, match=r"'image': a sample would need pixel values from 0 to 3.838e"):
        folded.prepare(np.full((1, 5, 6, 3), 300, np.float32))


@pytest.mark.parametrize("shape,numbers,words", [
    ([1, 5, 6, 4], IMAGENET, "not one axis of 3 channels"),
    ([1, 3, 6, 3], IMAGENET, "not one axis of 3 channels"),
    ([1, 5, 6, 3], (np.array([-1.0]), np.array([255.0])), "above 0"),
])  # fmt: skip
def test_what_cannot_be_folded_is_refused(shape: list[int], numbers: Any, words: str) -> None:
    maker = GraphMaker(shape)
    graph = Graph(maker.nodes, maker.inputs, [maker.op("RELU", [maker.x])], input_names=["image"])
    with pytest.raises(UsageError, match=words):
        fold_input(graph, *numbers)
