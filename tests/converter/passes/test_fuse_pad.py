"""PAD before a window becomes SAME exactly where both mean the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pass_checks import assert_close, check_pass, copy_of, random_inputs, run_litert
from small_graphs import GraphMaker

from converter.ops.windows import same_padding
from converter.passes.fuse_pad import FusePad

small = st.integers(1, 3)


@settings(max_examples=80, deadline=None)
@given(st.integers(3, 7), small, small, st.integers(1, 2), st.integers(0, 2), st.integers(0, 2))
def test_pads_become_same_only_where_litert_agrees(
    length: int, kernel: int, stride: int, dilation: int, before: int, after: int
) -> None:
    make = GraphMaker((1, length, length, 2))
    paddings = np.array([(0, 0), (before, after), (before, after), (0, 0)], np.int32)
    padded = make.op("PAD", [make.x, make.constant(paddings, "paddings")])
    if length + before + after < (kernel - 1) * dilation + 1:
        return
    dilations = {"dilation_h_factor": dilation, "dilation_w_factor": dilation}
    y = make.conv(padded, 2, kernel, padding="VALID", stride_h=stride, stride_w=stride, **dilations)
    graph = make.graph(y)
    original = copy_of(graph)
    check_pass(FusePad(), graph)
    fused = len(graph.nodes) == 1
    assert fused == ((before, after) == same_padding(length, kernel, stride, dilation))
    inputs = random_inputs(graph)
    assert_close(run_litert(graph, inputs)[0], run_litert(original, inputs)[0], "LiteRT")


def test_pad_with_another_reader_stays_for_that_reader() -> None:
    make = GraphMaker((1, 4, 4, 1))
    paddings = np.array([(0, 0), (1, 1), (1, 1), (0, 0)], np.int32)
    padded = make.op("PAD", [make.x, make.constant(paddings, "paddings")])
    graph = make.graph(make.conv(padded, 2, padding="VALID"), make.op("RELU", [padded]))
    check_pass(FusePad(), graph)
    assert [node.op for node in graph.nodes] == ["PAD", "CONV_2D", "RELU"]
    assert graph.nodes[1].input(0) is graph.inputs[0]
