"""Quantized operators over scales, zero points and every pair of inputs: not one element differs from LiteRT.

The sweeps vary shapes and options; here the scales move through the limits at which the formulas of docs/NUMERICS.md
change. Left out, with the reason in NUMERICS.md: ratios at which LiteRT's own vector code overflows, and the last
`size % 16` elements of a QUANTIZE between int8 and uint8.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import liteinterp
from converter import backend
from converter.gen import tflite
from converter.ir.graph import Graph, Node, OptionValue, Value
from converter.ir.rules import infer_shapes
from converter.ir.types import DType, Quantization

Array = npt.NDArray[Any]
PAIRS = np.stack(np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))).reshape(2, 1, -1).astype(np.int8)
ACTIVATIONS = ["NONE", "RELU", "RELU6", "RELU_N1_TO_1"]
both_types = pytest.mark.parametrize("dtype", ["int8", "uint8"])


class Draw:
    """Random parameters, the same for the same test and seed."""

    def __init__(self, name: str, seed: int) -> None:
        self.rng = np.random.default_rng([zlib.crc32(name.encode()), seed])

    def scale(self, low: float = 0.005, high: float = 0.5) -> float:
        return float(np.float32(np.exp(self.rng.uniform(np.log(low), np.log(high)))))

    def quantization(self, scale: float, dtype: str = "int8") -> Quantization:
        zero_point = int(self.rng.choice([-128, 0, 127, int(self.rng.integers(-128, 128))]))
        return Quantization.per_tensor(float(np.float32(scale)), zero_point + (128 if dtype == "uint8" else 0))

    def activation(self) -> str:
        return str(self.rng.choice(ACTIVATIONS))


def differing(
    op: str,
    inputs: Sequence[tuple[Array, Quantization | None]],
    output: tuple[str, Quantization | None],
    axes: Sequence[int] = (),
    repeat: int = 1,
    **options: OptionValue,
) -> int:
    """How many elements of a graph of one operator, fed its inputs `repeat` times, differ between LiteRT and us."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")
    operands = [
        Value(f"input{i}", data.shape, DType(data.dtype.name), quantization=quantization)
        for i, (data, quantization) in enumerate(inputs)
    ]
    constants = [Value("axes", (len(axes),), DType.INT32, data=np.array(axes, np.int32))] if axes else []
    result = Value("output", (), DType(output[0]))
    node = Node(op, [*operands * repeat, *constants], [result], dict(options), op.lower())
    (result.shape,) = infer_shapes(node)
    result.quantization = output[1]
    names = [value.name for value in operands]
    content = backend.write(Graph([node], operands, [result], input_names=names, output_names=["output"]))
    results = []
    for engine in (
        litert.Interpreter(model_content=content, num_threads=1),
        liteinterp.Interpreter(model_content=content),
    ):
        engine.allocate_tensors()
        for details, (data, _) in zip(engine.get_input_details(), inputs, strict=True):
            engine.set_tensor(details["index"], data)
        engine.invoke()
        results.append(engine.get_tensor(engine.get_output_details()[0]["index"]))
    return int(np.count_nonzero(results[0] != results[1]))


def codes(data: Array, dtype: str) -> Array:
    """int8 data as codes of the type: uint8 codes are 128 more."""
    return data if dtype == "int8" else (data.astype(np.int16) + 128).astype(np.uint8)


def levels(dtype: str) -> Array:
    limits = np.iinfo(dtype)
    return np.arange(limits.min, limits.max + 1).astype(dtype).reshape(1, 256)


@both_types
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "ratios",
    [
        ((2**-9.9, 2**7.9), (2**-9.9, 2**7.9)),
        ((0.3, 3), (0.3, 3)),
        ((2**-10, 2**6), (2**-14, 2**-10.1)),  # one input outside the gate: the formula with two roundings
        ((2**-13, 2**-10.1), (2**-14, 2**-10.1)),
    ],
)
@pytest.mark.parametrize("op", ["ADD", "SUB"])
def test_sum(dtype: str, op: str, ratios: tuple[tuple[float, float], tuple[float, float]], seed: int) -> None:
    draw = Draw(f"{op} {ratios}", seed)
    scale = draw.scale()
    inputs = [(codes(PAIRS[i], dtype), draw.quantization(scale * draw.scale(*ratios[i]), dtype)) for i in range(2)]
    output = (dtype, draw.quantization(scale, dtype))
    assert differing(op, inputs, output, fused_activation_function=draw.activation()) == 0


@both_types
@pytest.mark.parametrize("exponents", [(-10, 0), (-10, -10), (7, -10), (-11, 0)])
@pytest.mark.parametrize("op", ["ADD", "SUB"])
def test_sum_at_the_gate(dtype: str, op: str, exponents: tuple[int, int]) -> None:
    draw = Draw(f"{op} gate", exponents[0] + 20 * exponents[1] + 1000)
    inputs = [(codes(PAIRS[i], dtype), draw.quantization(0.25 * 2.0 ** exponents[i], dtype)) for i in range(2)]
    assert differing(op, inputs, (dtype, draw.quantization(0.25, dtype)), fused_activation_function="NONE") == 0


@both_types
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ratio", [(2**-15.9, 2**7.9), (2**-10, 2**-3), (2**-20, 2**-16.1)])
def test_mul(dtype: str, ratio: tuple[float, float], seed: int) -> None:
    draw = Draw(f"MUL {ratio}", seed)
    scales = draw.scale(0.01, 1), draw.scale(0.01, 1)
    inputs = [(codes(PAIRS[i], dtype), draw.quantization(scales[i], dtype)) for i in range(2)]
    output = (dtype, draw.quantization(scales[0] * scales[1] / draw.scale(*ratio), dtype))
    assert differing("MUL", inputs, output, fused_activation_function=draw.activation()) == 0


@both_types
@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("op", ["ADD", "SUB", "MUL"])
def test_operand_with_itself(dtype: str, op: str, seed: int) -> None:
    draw = Draw(f"{op} itself", seed)
    scale = draw.scale(0.01, 1)
    whole = scale**2 if op == "MUL" else scale
    tie = int(draw.rng.integers(3, 200)) ** 2 / (int(draw.rng.integers(0, 200)) + 0.5)  # some result lies on a half
    output = (dtype, draw.quantization(whole * (tie if op == "MUL" else draw.scale(0.5, 3)), dtype))
    inputs = [(levels(dtype), draw.quantization(scale, dtype))]
    assert differing(op, inputs, output, repeat=2, fused_activation_function=draw.activation()) == 0


@both_types
@pytest.mark.parametrize("exponent", [-17, -16, -15, 0, 7])
def test_mul_at_the_gate(dtype: str, exponent: int) -> None:
    draw = Draw("MUL gate", exponent + 20)
    inputs = [(codes(PAIRS[i], dtype), draw.quantization(0.5, dtype)) for i in range(2)]
    output = (dtype, draw.quantization(0.25 / 2.0**exponent, dtype))
    assert differing("MUL", inputs, output, fused_activation_function="NONE") == 0


@pytest.mark.parametrize("op", ["MAXIMUM", "MINIMUM"])
def test_choice(op: str) -> None:
    shared = Draw(op, 0).quantization(0.1)
    assert differing(op, [(PAIRS[0], shared), (PAIRS[1], shared)], ("int8", shared)) == 0


@both_types
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("ratio", [(0.3, 3), (2**-12, 2**12)])
@pytest.mark.parametrize("op", ["RELU", "RELU6"])
def test_relu(dtype: str, op: str, ratio: tuple[float, float], seed: int) -> None:
    draw = Draw(f"{op} {ratio}", seed)
    scale = draw.scale()
    output = (dtype, draw.quantization(scale / draw.scale(*ratio), dtype))
    assert differing(op, [(levels(dtype), draw.quantization(scale, dtype))], output) == 0


@both_types
@pytest.mark.parametrize("seed", range(40))
def test_logistic(dtype: str, seed: int) -> None:
    draw = Draw("LOGISTIC", seed)
    source = (levels(dtype), draw.quantization(draw.scale(0.001, 2), dtype))
    assert differing("LOGISTIC", [source], (dtype, Quantization.per_tensor(1 / 256, int(np.iinfo(dtype).min)))) == 0


@both_types
@pytest.mark.parametrize("seed", range(40))
def test_tanh(dtype: str, seed: int) -> None:
    draw = Draw("TANH", seed)
    source = (levels(dtype), draw.quantization(draw.scale(0.001, 0.2), dtype))
    assert differing("TANH", [source], (dtype, Quantization.per_tensor(1 / 128, 128 + int(np.iinfo(dtype).min)))) == 0


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("op", ["ELU", "EXP", "ABS"])
def test_functions(op: str, seed: int) -> None:
    draw = Draw(op, seed)
    source = (levels("int8"), draw.quantization(draw.scale(0.002, 0.2)))
    assert differing(op, [source], ("int8", draw.quantization(draw.scale(0.001, 0.5)))) == 0


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("op", ["SQRT", "RSQRT", "LOG"])
def test_functions_of_positive_numbers(op: str, seed: int) -> None:
    draw = Draw(op, seed)
    zero_point = -128 if seed % 2 else int(draw.rng.integers(-128, 127))
    data = np.maximum(levels("int8"), zero_point).astype(np.int8)
    source = (data, Quantization.per_tensor(draw.scale(0.002, 0.2), zero_point))
    assert differing(op, [source], ("int8", draw.quantization(draw.scale(0.005, 0.5)))) == 0


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ratio", [(0.3, 3), (2**-7.9, 2**6.9), (2**-14, 2**-8.1), (2**7.1, 2**13)])
@pytest.mark.parametrize("alpha", [0.0, 0.001, 0.01, 0.1, 0.3, 1.0, 1.7, -0.2])
def test_leaky_relu(alpha: float, ratio: tuple[float, float], seed: int) -> None:
    draw = Draw(f"LEAKY_RELU {ratio} {alpha}", seed)
    scale = draw.scale()
    output = ("int8", draw.quantization(scale / draw.scale(*ratio)))
    assert differing("LEAKY_RELU", [(levels("int8"), draw.quantization(scale))], output, alpha=alpha) == 0


@pytest.mark.parametrize("exponent", [-9, -8, 0, 7, 8])
def test_leaky_relu_at_the_gate(exponent: int) -> None:
    draw = Draw("LEAKY_RELU gate", exponent + 20)
    for alpha in (2.0 ** (-8 - exponent), 2.0 ** (-9 - exponent), 2.0 ** (7 - exponent), -(2.0 ** (7 - exponent))):
        source = (levels("int8"), draw.quantization(0.25))
        output = ("int8", draw.quantization(0.25 / 2.0**exponent))
        assert differing("LEAKY_RELU", [source], output, alpha=alpha) == 0


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("ratio", [(0.3, 3), (2**-7, 2**6.9)])
def test_hard_swish(ratio: tuple[float, float], seed: int) -> None:
    draw = Draw(f"HARD_SWISH {ratio}", seed)
    scale = draw.scale(0.001, 0.3)
    output = ("int8", draw.quantization(scale / draw.scale(*ratio)))
    assert differing("HARD_SWISH", [(levels("int8"), draw.quantization(scale))], output) == 0


def test_neg_of_mirrored_zero_points() -> None:
    """Where LiteRT's negated codes are negated numbers: the same scale, zero points opposite."""
    data = np.arange(-127, 128).astype(np.int8).reshape(1, -1)
    source, output = Quantization.per_tensor(0.1, 17), Quantization.per_tensor(0.1, -17)
    assert differing("NEG", [(data, source)], ("int8", output)) == 0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("ratio", [(0.3, 3), (2**-7.9, 2**6.9), (2**-14, 2**-8.1), (2**7.1, 2**13)])
@pytest.mark.parametrize("types", [("int8", "int8"), ("int8", "uint8"), ("uint8", "int8"), ("uint8", "uint8")])
def test_quantize_again(types: tuple[str, str], ratio: tuple[float, float], seed: int) -> None:
    draw = Draw(f"QUANTIZE {types} {ratio}", seed)
    scale = draw.scale()
    source = (levels(types[0]), draw.quantization(scale, types[0]))
    output = (types[1], draw.quantization(scale / draw.scale(*ratio), types[1]))
    assert differing("QUANTIZE", [source], output) == 0


@pytest.mark.parametrize("exponent", [-9, -8, 0, 7, 8])
def test_quantize_at_the_gate(exponent: int) -> None:
    draw = Draw("QUANTIZE gate", exponent + 20)
    source = (levels("int8"), draw.quantization(0.25))
    assert differing("QUANTIZE", [source], ("int8", draw.quantization(0.25 / 2.0**exponent))) == 0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_quantize_floats(dtype: str, seed: int) -> None:
    """Multiples and half multiples of the scale, infinities and what overflows."""
    draw = Draw(f"QUANTIZE {dtype}", seed)
    scale = draw.scale(0.001, 0.5)
    steps = np.arange(-400, 400) * np.float32(scale / 2)
    noise = draw.rng.standard_normal(4000) * draw.scale(0.1, 100)
    data = np.concatenate([steps, noise, [3e38, -3e38, np.inf, -np.inf]]).astype(np.float32).reshape(1, -1)
    assert differing("QUANTIZE", [(data, None)], (dtype, draw.quantization(scale, dtype))) == 0


@both_types
@pytest.mark.parametrize("seed", range(40))
def test_mean(dtype: str, seed: int) -> None:
    draw = Draw("MEAN", seed)
    shape = tuple(int(size) for size in draw.rng.integers(1, 9, int(draw.rng.integers(1, 6))))
    axes = draw.rng.choice(len(shape), int(draw.rng.integers(1, len(shape) + 1)), replace=False)
    if seed % 2:
        axes = axes - len(shape)
    scale = draw.scale()
    data = codes(draw.rng.integers(-128, 128, shape).astype(np.int8), dtype)
    output = (dtype, draw.quantization(scale / draw.scale(*((0.2, 5) if seed % 3 else (2**-10, 2**10))), dtype))
    source = [(data, draw.quantization(scale, dtype))]
    assert differing("MEAN", source, output, axes=tuple(int(a) for a in axes), keep_dims=bool(seed % 4 < 2)) == 0


@pytest.mark.parametrize("seed", range(24))
def test_sum_over_axes(seed: int) -> None:
    draw = Draw("SUM", seed)
    shape = tuple(int(size) for size in draw.rng.integers(1, 9, int(draw.rng.integers(1, 6))))
    axes = draw.rng.choice(len(shape), int(draw.rng.integers(1, len(shape) + 1)), replace=False)
    scale = draw.scale()
    data = draw.rng.integers(-128, 128, shape).astype(np.int8)
    output = ("int8", draw.quantization(scale * draw.scale(*((1, 20) if seed % 3 else (2**-8, 2**8)))))
    source = [(data, draw.quantization(scale))]
    assert differing("SUM", source, output, axes=tuple(int(a) for a in axes), keep_dims=bool(seed % 2)) == 0


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ratio", [(0.3, 3), (2**-12, 2**-7), (2**7, 2**13)])
def test_prelu(ratio: tuple[float, float], seed: int) -> None:
    draw = Draw(f"PRELU {ratio}", seed)
    scale = draw.scale()
    inputs = [(PAIRS[0], draw.quantization(scale)), (PAIRS[1], draw.quantization(draw.scale(0.001, 0.1)))]
    assert differing("PRELU", inputs, ("int8", draw.quantization(scale / draw.scale(*ratio)))) == 0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("adj_y", [False, True])
@pytest.mark.parametrize("shapes", [((64, 256), (256, 64)), ((3, 9, 70), (3, 70, 33)), ((1, 70), (70, 67))])
def test_batch_matmul(shapes: tuple[tuple[int, ...], tuple[int, ...]], adj_y: bool, seed: int) -> None:
    draw = Draw(f"BATCH_MATMUL {shapes} {adj_y}", seed)
    x, y = (draw.rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes)
    scales = draw.scale(0.01, 0.1), draw.scale(0.01, 0.1)
    spread = scales[0] * scales[1] * 74 * 74 * float(np.sqrt(x.shape[-1]))
    inputs = [
        (x, draw.quantization(scales[0])),
        (np.swapaxes(y, -1, -2).copy() if adj_y else y, draw.quantization(scales[1])),
    ]
    assert differing("BATCH_MATMUL", inputs, ("int8", draw.quantization(spread / 50)), adj_y=adj_y) == 0


@pytest.mark.parametrize("seed", range(20))
def test_l2_normalization(seed: int) -> None:
    draw = Draw("L2_NORMALIZATION", seed)
    data = draw.rng.integers(-128, 128, (7, int(draw.rng.integers(1, 3000)))).astype(np.int8)
    quantization = draw.quantization(draw.scale())
    data[0], data[1] = quantization.zero_point, max(quantization.zero_point - 1, -128)
    output = ("int8", Quantization.per_tensor(1 / 128, 0))
    assert differing("L2_NORMALIZATION", [(data, quantization)], output) == 0


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("approximate", [False, True])
def test_gelu(approximate: bool, seed: int) -> None:
    draw = Draw("GELU", seed)
    output = ("int8", draw.quantization(draw.scale(0.01, 0.2)))
    source = [(levels("int8"), draw.quantization(draw.scale(0.01, 0.2)))]
    assert differing("GELU", source, output, approximate=approximate) == 0


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("scales", [(0.004, 0.9), (0.00001, 0.004)])
@pytest.mark.parametrize("op", ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"])
def test_comparisons(op: str, scales: tuple[float, float], seed: int) -> None:
    draw = Draw(f"{op} {scales}", seed)
    scale = draw.scale(*scales)
    inputs = [(PAIRS[0], draw.quantization(scale)), (PAIRS[1], draw.quantization(scale * 2.0 ** -(seed % 3)))]
    assert differing(op, inputs, ("bool", None)) == 0


@both_types
@pytest.mark.parametrize("seed", range(20))
def test_softmax(dtype: str, seed: int) -> None:
    draw = Draw("SOFTMAX", seed)
    data = codes(draw.rng.integers(-128, 128, (5, int(draw.rng.integers(1, 300)))).astype(np.int8), dtype)
    beta = 1.0 if seed % 2 else draw.scale(0.1, 4)
    output = (dtype, Quantization.per_tensor(1 / 256, int(np.iinfo(dtype).min)))
    assert differing("SOFTMAX", [(data, draw.quantization(draw.scale(0.001, 1), dtype))], output, beta=beta) == 0


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("shape", [(1, 256), (8, 256), (64, 32)], ids=["few", "long runs", "short runs"])
def test_concatenation_of_unlike_scales_rounds_once(shape: tuple[int, int], seed: int) -> None:
    """LiteRT refuses these; the expected value is exact arithmetic, ties to even."""
    draw = Draw("CONCATENATION", seed)
    source, target = draw.quantization(draw.scale()), draw.quantization(draw.scale())
    data = np.resize(levels("int8"), shape)
    operands = [Value(name, data.shape, DType.INT8, quantization=target) for name in ("a", "b")]
    result = Value("output", (shape[0], 2 * shape[1]), DType.INT8, quantization=target)
    node = Node("CONCATENATION", list(operands), [result], {"axis": 1, "fused_activation_function": "NONE"}, "join")
    content = backend.write(Graph([node], operands, [result], input_names=["a", "b"], output_names=["output"]))
    model = tflite.read_model(content)  # our own files never hold such a node
    (first,) = [tensor for tensor in model.subgraphs[0].tensors if tensor.name == "a"]
    assert first.quantization is not None
    first.quantization.scale = np.array([source.scale], np.float32)
    first.quantization.zero_point = np.array([source.zero_point], np.int64)
    engine = liteinterp.Interpreter(model_content=tflite.write_model(model))
    engine.allocate_tensors()
    for details in engine.get_input_details():
        engine.set_tensor(details["index"], data)
    engine.invoke()
    found = engine.get_tensor(engine.get_output_details()[0]["index"])
    factor = np.float32(source.scale) / np.float32(target.scale)
    exact = np.rint((data.astype(np.float32) - np.float32(source.zero_point)) * factor) + target.zero_point
    assert np.array_equal(found, np.concatenate([np.clip(exact, -128, 127).astype(np.int8), data], axis=1))
