"""Random float graphs with transposes between all operators that can carry them. Used by tests/converter/passes."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from small_graphs import PLAIN, POOL, GraphMaker

from converter.ir.graph import Graph, Value
from converter.ir.types import Origin

TO_CHANNELS_FIRST = (0, 3, 1, 2)
TO_CHANNELS_LAST = (0, 2, 3, 1)


def transpose(make: GraphMaker, x: Value, p: tuple[int, ...]) -> Value:
    return make.op("TRANSPOSE", [x, make.constant(np.array(p, np.int32), "perm")])


def grow(make: GraphMaker, draw: st.DrawFn, live: list[Value]) -> Value | None:
    """One random operator on live values; None where the choice does not fit."""
    x = draw(st.sampled_from(live))
    rank = len(x.shape)
    kinds = (
        "TRANSPOSE TRANSPOSE CONV UNARY CONST ADD CONCAT PAD PART PART MEAN SOFTMAX POOL SPLIT FLATTEN WIDEN".split()
    )
    kind = draw(st.sampled_from(kinds))
    if kind == "TRANSPOSE":
        usual = [TO_CHANNELS_FIRST, TO_CHANNELS_LAST] if rank == 4 else []
        return transpose(make, x, draw(st.sampled_from([*usual, tuple(range(rank))[::-1]])))
    if kind == "CONV":
        return make.conv(x, draw(st.integers(1, 3)), kernel=1) if rank == 4 else None
    if kind == "UNARY":
        return make.op(draw(st.sampled_from(["RELU", "LOGISTIC", "RELU6"])), [x])
    if kind == "CONST":
        keep = draw(st.lists(st.booleans(), min_size=1, max_size=rank))
        shape = [size if kept else 1 for size, kept in zip(x.shape[rank - len(keep) :], keep, strict=True)]
        operands = draw(st.permutations([x, make.weights(*shape, name="k")]))
        return make.op(draw(st.sampled_from(["ADD", "MUL"])), operands, PLAIN)
    if kind == "ADD":
        other = draw(st.sampled_from([y for y in live if y.shape == x.shape]))
        return make.op("ADD", [x, other], PLAIN)
    if kind == "WIDEN":
        axes = make.constant(np.arange(rank - 2, dtype=np.int32), "axes") if rank > 2 else None
        return make.op("MUL", [x, make.op("MEAN", [x, axes], {"keep_dims": False})], PLAIN) if axes else None
    if kind == "CONCAT":
        axis = draw(st.integers(-rank, rank - 1))
        fits = [
            y
            for y in live
            if len(y.shape) == rank
            and all(m == n for i, (m, n) in enumerate(zip(x.shape, y.shape, strict=True)) if i != axis % rank)
        ]
        others = draw(st.lists(st.sampled_from(fits), min_size=1, max_size=2))
        return make.op("CONCATENATION", [x, *others], {"axis": axis, **PLAIN})
    if kind == "PAD":
        paddings = draw(st.lists(st.integers(0, 1), min_size=2 * rank, max_size=2 * rank))
        return make.op("PAD", [x, make.constant(np.array(paddings, np.int32).reshape(rank, 2), "paddings")])
    if kind == "PART":
        return part(make, draw, x)
    if kind == "MEAN":
        axes = draw(st.lists(st.integers(-rank, rank - 1), min_size=1, max_size=2))
        keep = draw(st.booleans()) or rank - len({axis % rank for axis in axes}) < 2
        return make.op("MEAN", [x, make.constant(np.array(axes, np.int32), "axes")], {"keep_dims": keep})
    if kind == "SOFTMAX":
        return make.op("SOFTMAX", [x], {"beta": 1.0})
    if kind == "POOL":
        return make.op("MAX_POOL_2D", [x], {**POOL, "padding": "SAME"}) if rank == 4 else None
    if kind == "SPLIT":
        shape = draw(
            st.sampled_from([(*x.shape[:-1], 1, x.shape[-1]), (x.shape[0], 1, *x.shape[1:]), (x.shape[0], -1)])
        )
        shape = tuple(x.elements // x.shape[0] if size == -1 else size for size in shape)
        return make.reshape(x, *shape) if len(shape) <= 4 else None
    flat = make.reshape(x, x.shape[0], x.elements // x.shape[0])
    dense = make.dense(flat, draw(st.sampled_from([2, 12])))
    if dense.shape[1] != 12:
        return dense
    return make.reshape(dense, x.shape[0], *draw(st.sampled_from([(2, 2, 3), (12, 1), (4, 3)])))


def part(make: GraphMaker, draw: st.DrawFn, x: Value) -> Value | None:
    """Some elements of a value: of a box, in steps of either sign, by indices, or of an axis that is split."""
    axis = draw(st.integers(0, len(x.shape) - 1))
    size = x.shape[axis]
    kind = draw(st.sampled_from(["SLICE", "STRIDED_SLICE", "GATHER", "SPLIT", "SPLIT_V", "MIRROR_PAD"]))
    zeros, first = [0] * len(x.shape), draw(st.integers(0, size - 1))

    def ints(name: str, values: object) -> Value:
        return make.constant(np.array(values, np.int32), name)

    def along(start: list[int], value: int) -> list[int]:
        return [value if i == axis else other for i, other in enumerate(start)]

    if kind == "SLICE":
        count = draw(st.integers(1, size - first))
        return make.op("SLICE", [x, ints("begin", along(zeros, first)), ints("size", along(list(x.shape), count))])
    if kind == "STRIDED_SLICE":
        operands = [ints("begin", along(zeros, size - 1)), ints("end", list(x.shape))]
        strides = ints("strides", along([1] * len(x.shape), draw(st.sampled_from([-1, -2]))))
        return make.op("STRIDED_SLICE", [x, *operands, strides], {"end_mask": 1 << axis})
    if kind == "GATHER":
        return make.op("GATHER", [x, ints("indices", [first, 0, size - 1])], {"axis": axis - len(x.shape)})
    if kind == "MIRROR_PAD":
        paddings = [[0, size if i == axis else 0] for i in range(len(x.shape))]
        return make.op("MIRROR_PAD", [x, ints("paddings", paddings)], {"mode": "SYMMETRIC"})
    if size == 1:
        return None
    if kind == "SPLIT" and size % 2 == 0:
        parts = make.ops("SPLIT", [ints("axis", axis), x], 2, {"num_splits": 2})
    else:
        parts = make.ops("SPLIT_V", [x, ints("sizes", [1, size - 1]), ints("axis", axis)], 2, {"num_splits": 2})
    return draw(st.sampled_from(parts))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    make = GraphMaker((1, 2, 3, 4), (draw(st.integers(1, 2)), 3, 2), seed=draw(st.integers(0, 99)))
    live = list(make.inputs)
    for _ in range(draw(st.integers(1, 12))):
        value = grow(make, draw, live)
        if value is not None and value.elements <= 400:
            live.append(value)
    computed = [value for node in make.nodes for value in node.outputs]
    if not computed:
        computed = [make.op("RELU", [make.x])]
    for value in computed:
        value.origin = Origin(value.name)
    read = {id(value) for node in make.nodes for value in node.inputs}
    ends = [value for value in computed if id(value) not in read]
    others = draw(st.lists(st.sampled_from(computed), max_size=2))
    return make.graph(*dict.fromkeys([*ends, *others]))
