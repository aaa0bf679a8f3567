"""Random small ONNX models, grown node by node; ONNX Runtime runs every node at once and tells what it yields."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper

Array = npt.NDArray[Any]

OPSETS = (7, 9, 10, 11, 13, 15, 17, 18, 21)
MOST_ELEMENTS = 6000
LARGEST = 1e3

_GROWERS: list[tuple[int, Callable[[RandomModel], None]]] = []


class Unfit(Exception):
    """A step that cannot be taken here; another one is drawn."""


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class RandomModel:
    """`model` has about `steps` operators; `inputs` are the arrays that it was grown on, by input name."""

    def __init__(self, seed: int, steps: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.opset = int(self.rng.choice(OPSETS))
        self.batch = 4 if self.chance(0.25) else 1
        self.nodes: list[onnx.NodeProto] = []
        self.values: dict[str, Array] = {}
        self.constants: dict[str, Array] = {}
        self._read: set[str] = set()
        self._names = 0
        self._pattern = str(self.rng.choice(["{0}_{1}", "/net/{0}/{0}.{1}", "{1}", "é{0}:{1}/"]))
        self.inputs = {self._name("input"): self._input() for _ in range(int(self.rng.choice([1, 1, 1, 2, 3])))}
        self.values.update(self.inputs)
        weights = np.array([weight for weight, _ in _GROWERS], float)
        for _ in range(10 * steps):
            if len(self.nodes) < steps:
                self._try(_GROWERS[int(self.rng.choice(len(_GROWERS), p=weights / weights.sum()))][1])
        self.model = self._finish()

    # Drawing -------------------------------------------------------------------------------------------------

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def normal(self, *shape: int, scale: float = 1.0) -> Array:
        return (self.rng.standard_normal(shape) * scale).astype(np.float32)

    def value(self, rank: int | None = None) -> str:
        """Some value, rather a late one."""
        names = [name for name, array in self.values.items() if rank in (None, array.ndim)]
        if not names:
            raise Unfit
        weights = np.arange(1, len(names) + 1, dtype=float) ** 2
        return names[int(self.rng.choice(len(names), p=weights / weights.sum()))]

    def shape(self, name: str) -> tuple[int, ...]:
        return self.values[name].shape

    def axis(self, rank: int) -> int:
        """Counted from either end; before opset 11 most operators take only the front."""
        return self.integer(-rank if self.opset >= 11 else 0, rank - 1)

    def window(self, dilated: bool) -> dict[str, Any]:
        kernel, strides = [self.integer(1, 3), self.integer(1, 3)], [self.integer(1, 2), self.integer(1, 2)]
        dilations = [self.integer(1, 2), self.integer(1, 2)] if dilated and self.chance(0.3) else [1, 1]
        window: dict[str, Any] = {"kernel_shape": kernel, "strides": strides}
        if dilations != [1, 1]:
            window["dilations"] = dilations
        match self.integer(0, 4):
            case 0:
                window["pads"] = [self.integer(0, kernel[i % 2] - 1) for i in range(4)]
            case 1:
                window["auto_pad"] = str(self.rng.choice(["SAME_UPPER", "SAME_LOWER", "VALID"]))
            case 2:
                window["pads"] = [(size - 1) * step // 2 for size, step in zip(kernel, dilations, strict=True)] * 2
        return window

    # Building ------------------------------------------------------------------------------------------------

    def constant(self, array: npt.ArrayLike, role: str = "c") -> str:
        name = self._name(role)
        self.constants[name] = np.asarray(array)
        return name

    def weights(self, *shape: int) -> str:
        """New weights, or some of this shape that another node reads."""
        shared = [name for name, array in self.constants.items() if array.shape == shape]
        if shared and self.chance(0.7):
            return shared[0]
        return self.constant(self.normal(*shape, scale=1 / math.sqrt(max(math.prod(shape[1:]), 1))), "w")

    def emit(self, op: str, inputs: list[str], **attributes: Any) -> str:
        """Append a node and run it. Raises Unfit for results that are empty, too large or not finite.

        And for those of another shape than ONNX Runtime infers (some AveragePools): it would refuse nodes behind them.
        """
        output = self._name(op.lower())
        node = helper.make_node(op, inputs, [output], name=self._name("node") if self.chance(0.5) else "", **attributes)
        feeds = {name: self.values[name] for name in inputs if name in self.values}
        constants = {name: self.constants[name] for name in inputs if name in self.constants}
        try:
            runner = session(self._proto([node], feeds, [output], constants))
            (array,) = runner.run(None, feeds)
        except Exception as error:  # onnxruntime raises many types, which it does not export
            raise Unfit from error
        if not 0 < array.size <= MOST_ELEMENTS or array.ndim > 6 or not np.abs(array).max() <= LARGEST:
            raise Unfit
        if tuple(runner.get_outputs()[0].shape) != array.shape:
            raise Unfit
        self.nodes.append(node)
        self.values[output] = array
        self._read.update(inputs)
        return output

    def _name(self, role: str) -> str:
        self._names += 1
        return self._pattern.format(role, self._names)

    def _input(self) -> Array:
        match self.integer(0, 4):
            case 0:
                return self.normal(self.batch, self.integer(2, 32))
            case 1:
                return self.normal(self.batch, self.integer(2, 8), self.integer(2, 8))
            case _:
                return self.normal(self.batch, self.integer(1, 8), self.integer(5, 11), self.integer(5, 11))

    def _try(self, grow: Callable[[RandomModel], None]) -> None:
        before = len(self.nodes), dict(self.values), dict(self.constants), set(self._read)
        try:
            grow(self)
        except Unfit:
            del self.nodes[before[0] :]
            _, self.values, self.constants, self._read = before

    def _finish(self) -> onnx.ModelProto:
        """Outputs: what nothing reads, and at times an intermediate value, an input, a constant, one value twice."""
        computed = [name for name in self.values if name not in self.inputs] or list(self.inputs)
        outputs = [name for name in computed if name not in self._read][-3:] or computed[-1:]
        if self.chance(0.3):
            outputs.append(str(self.rng.choice(computed)))
        if self.chance(0.1):
            outputs.append(next(iter(self.inputs)))
        if self.chance(0.1):
            outputs.append(self.emit("Identity", [outputs[0]]))
        if self.chance(0.1):
            outputs.append(self.constant(self.normal(2, 3), "constant"))
        outputs = [str(name) for name in self.rng.permutation(list(dict.fromkeys(outputs)))]
        return self._proto(self.nodes, self.inputs, outputs, self.constants)

    def _proto(
        self, nodes: list[onnx.NodeProto], inputs: dict[str, Array], outputs: list[str], constants: dict[str, Array]
    ) -> onnx.ModelProto:
        graph = helper.make_graph(
            nodes,
            "random",
            [helper.make_tensor_value_info(name, 1, array.shape) for name, array in inputs.items()],
            [onnx.ValueInfoProto(name=name) for name in outputs],
            [numpy_helper.from_array(array, name) for name, array in constants.items()],
        )
        for output in graph.output:
            output.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def _grower(weight: int) -> Callable[[Callable[[RandomModel], None]], Callable[[RandomModel], None]]:
    """Registers a kind of step that is drawn `weight` times as often as the rarest."""

    def register(grow: Callable[[RandomModel], None]) -> Callable[[RandomModel], None]:
        _GROWERS.append((weight, grow))
        return grow

    return register


@_grower(8)
def _conv(m: RandomModel) -> None:
    x, window = m.value(4), m.window(dilated=True)
    channels = m.shape(x)[1]
    if m.chance(0.35):
        outputs, window["group"], taken = channels * m.integer(1, 2), channels, 1
    else:
        outputs, taken = m.integer(1, 12), channels
    operands = [x, m.weights(outputs, taken, *window["kernel_shape"])]
    y = m.emit("Conv", operands + ([m.constant(m.normal(outputs))] if m.chance(0.6) else []), **window)
    if m.chance(0.4):
        _normalize(m, y)


def _normalize(m: RandomModel, x: str) -> None:
    count = m.shape(x)[1]
    arrays = [m.normal(count) + 1, m.normal(count), m.normal(count), np.abs(m.normal(count)) + np.float32(0.1)]
    m.emit("BatchNormalization", [x, *(m.constant(array) for array in arrays)], epsilon=1e-3)


@_grower(2)
def _batch_normalization(m: RandomModel) -> None:
    x = m.value()
    if len(m.shape(x)) < 2:
        raise Unfit
    _normalize(m, x)


@_grower(6)
def _activation(m: RandomModel) -> None:
    x, kind = m.value(), m.integer(0, 5)
    if kind <= 2:
        m.emit(("Relu", "Relu", "Sigmoid")[kind], [x])
        return
    low, high = ((0.0, 6.0), (-1.0, 1.0), (0.0, float(np.finfo(np.float32).max)))[kind - 3]
    if m.opset < 11:
        m.emit("Clip", [x], min=low, max=high)
    else:
        m.emit("Clip", [x, m.constant(np.float32(low)), m.constant(np.float32(high))])


@_grower(4)
def _pool(m: RandomModel) -> None:
    x, window, kind = m.value(4), m.window(dilated=False), m.integer(0, 2)
    if kind == 0:
        m.emit("GlobalAveragePool", [x])
        return
    if m.opset >= 10 and "auto_pad" not in window and m.chance(0.3):
        window["ceil_mode"] = 1
    if kind == 1 and m.chance(0.5):
        window["count_include_pad"] = 1
    m.emit("AveragePool" if kind == 1 else "MaxPool", [x], **window)


@_grower(2)
def _conv_transpose(m: RandomModel) -> None:
    x, kernel, strides = m.value(4), [m.integer(1, 4), m.integer(1, 4)], [m.integer(1, 2), m.integer(1, 2)]
    channels, outputs = m.shape(x)[1], m.integer(1, 6)
    if max(m.shape(x)) > 16:
        raise Unfit
    pads = [m.integer(0, (size - 1) // 2) for size in (*kernel, *kernel)]
    extra = [m.integer(0, stride - 1) for stride in strides]
    operands = [x, m.weights(channels, outputs, *kernel), m.constant(m.normal(outputs))]
    y = m.emit("ConvTranspose", operands, strides=strides, pads=pads, output_padding=extra)
    if m.chance(0.5):
        _normalize(m, y)


@_grower(2)
def _resize(m: RandomModel) -> None:
    x = m.value(4)
    if max(m.shape(x)) > 16 or m.opset < 11:
        raise Unfit
    scales = np.array([1, 1, m.integer(1, 3), m.integer(1, 3)], np.float32)
    mode = str(m.rng.choice(["nearest", "linear"]))
    transformation = str(m.rng.choice(["half_pixel", "asymmetric", "align_corners"]))
    operands = [x, m.constant(np.zeros(0, np.float32)), m.constant(scales)]
    m.emit("Resize", operands, mode=mode, coordinate_transformation_mode=transformation)


@_grower(1)
def _depth_and_space(m: RandomModel) -> None:
    x = m.value(4)
    if m.shape(x)[1] % 4 == 0 and m.chance(0.5):
        mode = {"mode": str(m.rng.choice(["DCR", "CRD"]))} if m.opset >= 11 else {}
        m.emit("DepthToSpace", [x], blocksize=2, **mode)
    elif all(size % 2 == 0 for size in m.shape(x)[2:]):
        m.emit("SpaceToDepth", [x], blocksize=2)
    else:
        raise Unfit


@_grower(2)
def _one_dimension(m: RandomModel) -> None:
    x = m.value(3)
    channels, length = m.shape(x)[1:]
    kernel = m.integer(1, min(3, length))
    if m.chance(0.3):
        m.emit("MaxPool", [x], kernel_shape=[kernel], strides=[m.integer(1, 2)])
    else:
        m.emit("Conv", [x, m.weights(m.integer(1, 8), channels, kernel)], pads=[kernel // 2, m.integer(0, 1)])


@_grower(2)
def _squeeze_and_excite(m: RandomModel) -> None:
    x = m.value(4)
    channels = m.shape(x)[1]
    mixed = m.emit("Conv", [m.emit("GlobalAveragePool", [x]), m.weights(channels, channels, 1, 1)])
    m.emit("Mul", [x, m.emit("Sigmoid", [mixed])])


@_grower(6)
def _arithmetic(m: RandomModel) -> None:
    x, op = m.value(), str(m.rng.choice(["Add", "Mul", "Add", "Sub", "Div"]))
    shape = m.shape(x)
    if op == "Div":
        m.emit(op, [x, m.constant(np.float32(m.rng.uniform(0.5, 3)))])
        return
    if m.chance(0.4):
        narrow = [size if m.chance(0.6) else 1 for size in shape][m.integer(0, len(shape)) :]
        other = m.constant(m.normal(*narrow))
    else:
        other = str(m.rng.choice([name for name in m.values if _broadcasts(m.shape(name), shape)]))
    if op == "Sub" and other == x:
        raise Unfit
    m.emit(op, [x, other] if m.chance(0.5) else [other, x])


def _broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(p == q or 1 in (p, q) for p, q in zip(reversed(a), reversed(b), strict=False))


@_grower(4)
def _gemm(m: RandomModel) -> None:
    x, outputs = m.value(2), m.integer(1, 16)
    turned, transposed = m.chance(0.2), m.chance(0.5)
    rows, columns = m.shape(x)[::-1] if turned else m.shape(x)
    operands = [x, m.weights(*((outputs, columns) if transposed else (columns, outputs)))]
    kind = m.integer(0, 4 if m.opset >= 11 else 3)
    if kind < 4:
        operands.append(m.constant(m.normal(*((outputs,), (1, outputs), (rows, outputs), (rows, 1))[kind])))
    scales = {name: float(m.rng.choice([0.0, 0.5, -1.5])) for name in ("alpha", "beta") if m.chance(0.3)}
    m.emit("Gemm", operands, transA=int(turned), transB=int(transposed), **scales)


@_grower(3)
def _matmul(m: RandomModel) -> None:
    x = m.value()
    if not m.shape(x):
        raise Unfit
    m.emit("MatMul", [x, m.weights(m.shape(x)[-1], *([m.integer(1, 8)] if m.chance(0.8) else []))])


@_grower(3)
def _reshape(m: RandomModel) -> None:
    x = m.value()
    shape = list(m.shape(x))
    if not shape or m.chance(0.3):
        m.emit("Flatten", [x], axis=m.integer(0, len(shape)))
        return
    if m.chance(0.5):
        shape = [0 if m.chance(0.5) else size for size in shape]
        shape[m.integer(0, len(shape) - 1)] = -1
    else:
        first = int(m.rng.choice([size for size in range(1, m.values[x].size + 1) if m.values[x].size % size == 0]))
        shape = [first, -1]
    m.emit("Reshape", [x, m.constant(np.array(shape, np.int64))])


@_grower(2)
def _unit_axes(m: RandomModel) -> None:
    x = m.value()
    shape = m.shape(x)
    units = [i - (len(shape) if m.opset >= 11 and m.chance(0.5) else 0) for i, size in enumerate(shape) if size == 1]
    op, axes = ("Squeeze", units[:2]) if units and m.chance(0.5) else ("Unsqueeze", [m.axis(len(shape) + 1)])
    _with_axes(m, op, x, axes, since=13)


@_grower(2)
def _reduce(m: RandomModel) -> None:
    x = m.value()
    rank = len(m.shape(x))
    axes = sorted({m.axis(rank) % rank for _ in range(2)}) if rank else []
    if not axes:
        raise Unfit
    _with_axes(m, "ReduceMean", x, [a - (rank if m.opset >= 11 else 0) for a in axes], 18, keepdims=m.integer(0, 1))


def _with_axes(m: RandomModel, op: str, x: str, axes: list[int], since: int, **attributes: int) -> None:
    """Axes are an input since an opset, an attribute before."""
    if m.opset >= since:
        m.emit(op, [x, m.constant(np.array(axes, np.int64))], **attributes)
    else:
        m.emit(op, [x], axes=axes, **attributes)


@_grower(3)
def _slice(m: RandomModel) -> None:
    x = m.value()
    shape = m.shape(x)
    if not shape:
        raise Unfit
    axis = m.axis(len(shape)) % len(shape)
    start = m.integer(0, shape[axis] - 1)
    end = m.integer(start + 1, shape[axis])
    if m.opset < 10:
        m.emit("Slice", [x], axes=[axis], starts=[start], ends=[end])
        return
    bounds = (start, end, axis, m.integer(1, 2)) if m.chance(0.7) else (end - 1, start - shape[axis] - 1, axis, -1)
    m.emit("Slice", [x, *(m.constant(np.array([number], np.int64)) for number in bounds)])


@_grower(2)
def _gather(m: RandomModel) -> None:
    x = m.value()
    shape = m.shape(x)
    if not shape:
        raise Unfit
    axis = m.axis(len(shape)) % len(shape)
    count = () if m.chance(0.3) else (m.integer(1, 4),)
    m.emit("Gather", [x, m.constant(m.rng.integers(0, shape[axis], count))], axis=axis)


@_grower(2)
def _softmax(m: RandomModel) -> None:
    x = m.value()
    if not m.shape(x):
        raise Unfit
    m.emit("Softmax", [x], axis=m.axis(len(m.shape(x))))


@_grower(3)
def _transpose(m: RandomModel) -> None:
    x = m.value()
    if not m.shape(x):
        raise Unfit
    m.emit("Transpose", [x], perm=[int(axis) for axis in m.rng.permutation(len(m.shape(x)))])


@_grower(4)
def _concat(m: RandomModel) -> None:
    x = m.value()
    shape = m.shape(x)
    if not shape:
        raise Unfit
    axis = m.axis(len(shape)) % len(shape)
    rest = [size for i, size in enumerate(shape) if i != axis]
    fitting = [
        name
        for name, array in m.values.items()
        if array.ndim == len(shape) and [size for i, size in enumerate(array.shape) if i != axis] == rest
    ]
    parts = [x, *(str(m.rng.choice(fitting)) for _ in range(m.integer(0, 2)))]
    if m.chance(0.15):
        parts.append(m.constant(m.normal(*shape[:axis], m.integer(1, 3), *shape[axis + 1 :])))
    m.emit("Concat", [str(part) for part in m.rng.permutation(parts)], axis=axis)


@_grower(2)
def _pad(m: RandomModel) -> None:
    x = m.value()
    if not m.shape(x):
        raise Unfit
    pads = [m.integer(0, 2) if m.chance(0.4) else 0 for _ in range(2 * len(m.shape(x)))]
    if m.opset >= 11:
        m.emit("Pad", [x, m.constant(np.array(pads, np.int64))])
    else:
        m.emit("Pad", [x], pads=pads)


@_grower(2)
def _no_operation(m: RandomModel) -> None:
    op = str(m.rng.choice(["Identity", "Dropout", "Cast"]))
    m.emit(op, [m.value()], **({"to": onnx.TensorProto.FLOAT} if op == "Cast" else {}))
