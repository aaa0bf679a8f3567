"""Rewrites that keep one number, or one part, from setting everybody's scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from small_graphs import CONV, DENSE, PLAIN, POOL, GraphMaker

from converter.calibrate import collect
from converter.execute import CExecutor
from converter.ir.graph import Graph, OptionValue
from converter.options import Options
from converter.quantize import Quantized, quantize
from converter.quantize.mask_constants import clamp_mask_constants


def samples(graph: Graph, count: int = 30) -> list[dict[str, npt.NDArray[Any]]]:
    random = np.random.default_rng(3)
    return [{"x": random.normal(0, 1, graph.inputs[0].shape).astype(np.float32)} for _ in range(count)]


def quantized(graph: Graph, effort: int, io: str = "float32") -> Quantized:
    calibration = collect(graph, samples(graph), CExecutor())
    return quantize(graph, calibration, Options(effort=effort, io=io), CExecutor())  # type: ignore[arg-type]


def masked_softmax(op: str, mask: float) -> Graph:
    make = GraphMaker((1, 6, 12))
    scores = make.op("FULLY_CONNECTED", [make.x, make.weights(8, 12)], {**DENSE, "keep_num_dims": True})
    hidden = np.arange(8) % 3 == 0
    if op == "ADD":
        constant = make.constant(np.where(hidden, mask, 0).astype(np.float32).reshape(1, 1, 8))
        masked = make.op("ADD", [scores, constant], PLAIN)
    else:
        shown = make.constant(np.broadcast_to(~hidden, (1, 6, 8)).copy(), "shown")
        masked = make.op("SELECT_V2", [shown, scores, make.constant(np.float32(mask).reshape(1))])
    weights = make.op("SOFTMAX", [masked], {"beta": 1.0})
    return make.graph(make.op("FULLY_CONNECTED", [weights, make.weights(5, 8)], {**DENSE, "keep_num_dims": True}))


@pytest.mark.parametrize("op", ["ADD", "SELECT_V2"])
def test_attention_masks_do_not_set_the_scale(op: str) -> None:
    step = quantized(masked_softmax(op, -1e9), 0).steps[1]
    assert step.name == "mask constants" and step.accepted
    assert step.before_db is not None and step.after_db is not None
    assert step.after_db > step.before_db + 10


def test_padding_with_the_lowest_number_does_not_set_the_scale() -> None:
    make = GraphMaker((1, 6, 6, 4))
    around = make.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32), "around")
    first = make.op("CONV_2D", [make.x, make.weights(4, 1, 1, 4)], CONV)
    padded = make.op("PADV2", [first, around, make.constant(np.float32(-3e38).reshape(1))])
    pooled = make.op("MAX_POOL_2D", [padded], POOL)
    made = quantized(make.graph(make.op("CONV_2D", [pooled, make.weights(4, 1, 1, 4)], CONV)), 0)
    step = next(step for step in made.steps if step.name == "mask constants")
    assert step.accepted and step.after_db is not None and step.after_db > 25


def test_constants_that_count_stay() -> None:
    """A bias within reach of the scores, and a mask that something else than a softmax reads."""
    make = GraphMaker((1, 4))
    shifted = make.op("ADD", [make.x, make.constant(np.array([-1e9, 0, 1, 2], np.float32))], PLAIN)
    weighted = make.op("SOFTMAX", [shifted], {"beta": 1.0})
    masked = make.op("ADD", [weighted, make.constant(np.array([-1e9, 0, 0, 0], np.float32))], PLAIN)
    graph = make.graph(make.op("RELU", [masked]))
    calibration = collect(graph, samples(graph), CExecutor())
    assert clamp_mask_constants(graph, calibration)[2] == 0


def boxes_and_scores(factor: float) -> Graph:
    make = GraphMaker((1, 4, 4, 8))
    boxes = make.op("CONV_2D", [make.x, make.constant(make.random.normal(0, factor, (4, 1, 1, 8)).astype("f4"))], CONV)
    scores = make.op("CONV_2D", [make.x, make.weights(3, 1, 1, 8)], CONV)
    joined = make.op("CONCATENATION", [boxes, scores], {"axis": 3, "fused_activation_function": "NONE"})
    shape = make.constant(np.array([1, 16, 7], np.int32))
    return make.graph(make.op("RESHAPE", [joined, shape], {"new_shape": (1, 16, 7)}))


def test_unlike_parts_of_an_output_keep_scales_of_their_own() -> None:
    made = quantized(boxes_and_scores(40.0), 1)
    scales = sorted(layer.quantized.output.quantization.scale for layer in made.layers)  # type: ignore[union-attr]
    assert scales[1] > 10 * scales[0]
    assert any(step.name == "separate outputs" and step.accepted for step in made.steps)


@pytest.mark.parametrize(("factor", "io"), [(0.4, "float32"), (40.0, "int8")])
def test_like_parts_and_int8_outputs_are_joined_in_int8(factor: float, io: str) -> None:
    assert all(step.name != "separate outputs" for step in quantized(boxes_and_scores(factor), 1, io).steps)


def pooled_images(window: int) -> Graph:
    make = GraphMaker((1, 8, 8, 4))
    sizes: dict[str, OptionValue] = {"filter_height": window, "filter_width": window, "stride_h": 8, "stride_w": 8}
    first = make.op("CONV_2D", [make.x, make.weights(6, 3, 3, 4)], {**CONV, "fused_activation_function": "RELU"})
    pooled = make.op("AVERAGE_POOL_2D", [first], {**POOL, **sizes})
    return make.graph(make.op("CONV_2D", [pooled, make.weights(5, 1, 1, 6)], CONV))


def test_means_of_images_have_a_scale_of_their_own() -> None:
    made = quantized(pooled_images(8), 1)
    step = next(step for step in made.steps if step.name == "means of images")
    assert step.accepted and step.before_db is not None and step.after_db is not None
    assert step.after_db > step.before_db + 3
    (mean,) = (node for node in made.graph.nodes if node.op == "MEAN")
    before, after = mean.input(0).quantization, mean.output.quantization
    assert before is not None and after is not None and after.scale < before.scale / 2


def test_pooling_of_a_part_of_the_image_stays() -> None:
    assert all(step.name != "means of images" for step in quantized(pooled_images(6), 1).steps)
