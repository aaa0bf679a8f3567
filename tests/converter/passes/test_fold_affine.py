"""Folding MUL and ADD into weights, on random shapes; what is rounded, and what is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pass_checks import check_pass
from small_graphs import CONV, PLAIN, GraphMaker

from converter.ir.graph import Graph, Value
from converter.passes.fold_affine import FoldAffine


def affine(make: GraphMaker, x: Value, draw: st.DrawFn) -> Value:
    """One to four MULs and ADDs by a number or a number for each channel."""
    for op in draw(st.lists(st.sampled_from(["MUL", "ADD"]), min_size=1, max_size=4)):
        shape = draw(st.sampled_from([(1,), (x.shape[-1],), (1, 1, 1, x.shape[-1])]))
        operands = draw(st.permutations([x, make.weights(*shape[-len(x.shape) :], name="k")]))
        x = make.op(op, operands, PLAIN)
    return x


@st.composite
def convolutions(draw: st.DrawFn) -> Graph:
    """affine, CONV_2D or DEPTHWISE_CONV_2D, affine: groups, multipliers, strides, both paddings, bias or none."""
    groups, inputs = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    make = GraphMaker((draw(st.integers(1, 2)), 5, 4, groups * inputs), seed=draw(st.integers(0, 99)))
    x = affine(make, make.x, draw)
    options = {"padding": draw(st.sampled_from(["SAME", "VALID"])), "stride_w": draw(st.integers(1, 2))}
    kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    if draw(st.booleans()):
        outputs = groups * draw(st.integers(1, 2))
        weights, op = make.weights(outputs, *kernel, inputs), "CONV_2D"
    else:
        multiplier = draw(st.integers(1, 2))
        outputs, op = groups * inputs * multiplier, "DEPTHWISE_CONV_2D"
        weights, options = make.weights(1, *kernel, outputs), {**options, "depth_multiplier": multiplier}
    operands = [x, weights]
    if draw(st.booleans()):
        operands.append(make.weights(outputs, name="b"))
    return make.graph(affine(make, make.op(op, operands, {**CONV, **options}), draw))


@settings(max_examples=100, deadline=None)
@given(convolutions())
def test_affine_operators_beside_convolutions_fold(graph: Graph) -> None:
    (conv,) = (node for node in graph.nodes if node.op not in ("MUL", "ADD"))
    check_pass(FoldAffine(), graph)
    assert graph.nodes[-1] is conv, "everything that follows folds"
    if conv.options["padding"] == "VALID":
        assert graph.nodes == [conv], "without padding, so does what precedes"


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_dense_layers_take_what_is_on_both_sides(data: st.DataObject) -> None:
    make = GraphMaker((2, 3))
    dense = make.dense(affine(make, make.x, data.draw), 4)
    graph = make.graph(affine(make, dense, data.draw))
    check_pass(FoldAffine(), graph)
    assert [node.op for node in graph.nodes] == ["FULLY_CONNECTED"]


def test_weights_are_rounded_once() -> None:
    """A chain of factors gives the float32 nearest to the product, not a product of rounded products."""
    make = GraphMaker((1, 1, 1, 1))
    y = make.conv(make.x, 1, kernel=1)
    weight = float(make.nodes[0].input(1).data.item())  # type: ignore[union-attr]
    factors = np.array([0.1, 0.3, 0.7, 1.1, 1.3], np.float32)
    for factor in factors:
        y = make.op("MUL", [y, make.constant(np.array([factor]))], PLAIN)
    graph = make.graph(y)
    check_pass(FoldAffine(), graph)
    exact = np.float32(np.prod(factors.astype(np.float64)) * weight)
    assert graph.nodes[0].input(1).data.item() == exact  # type: ignore[union-attr]


def test_weights_that_would_overflow_stay() -> None:
    make = GraphMaker((1, 1, 1, 1))
    y = make.op("CONV_2D", [make.x, make.constant(np.full((1, 1, 1, 1), 1e30, np.float32))], CONV)
    graph = make.graph(make.op("MUL", [y, make.constant(np.array([1e30], np.float32))], PLAIN))
    record = check_pass(FoldAffine(), graph)
    assert record.applied == 0 and "overflow" in record.rejections[0].reason


@pytest.mark.parametrize("op", ["MUL", "ADD"])
def test_a_lone_operator_stays(op: str) -> None:
    make = GraphMaker((1, 2, 2, 3))
    graph = make.graph(make.op("RELU", [make.op(op, [make.x, make.weights(3)], PLAIN)]))
    assert check_pass(FoldAffine(), graph).applied == 0


def test_a_second_reader_keeps_the_operator() -> None:
    make = GraphMaker((1, 2, 2, 3))
    scaled = make.op("MUL", [make.x, make.weights(3)], PLAIN)
    graph = make.graph(make.conv(scaled, 2), make.op("RELU", [scaled]))
    assert check_pass(FoldAffine(), graph).applied == 0
