"""What the user may choose, with every default in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

QuantizeMode = Literal["int8", "int16x8", "dynamic", "int8-weights", "int4-weights", "float16", "float32"]
IoType = Literal["float32", "int8", "uint8", "int16"]


#: What `Options.quantize` may be.
QUANTIZE_MODES: tuple[QuantizeMode, ...] = get_args(QuantizeMode)

#: What `Options.effort` may be.
EFFORTS = (0, 1, 2)


@dataclass(frozen=True)
class Options:
    """Options of one conversion; names are those of the command line."""

    #: int8: post-training quantization, needs calibration data. dynamic: int8 weights under float32 activations that
    #: layers quantize at run time. int8-weights, int4-weights, float16: weights in fewer bits, arithmetic in float32.
    #: float32: keep the arithmetic, only convert and prune.
    quantize: QuantizeMode = "int8"
    #: Element type of the graph's inputs and outputs: int8 or uint8 of an int8 model, int16 of an int16x8 one.
    io: IoType = "float32"
    #: Factors and summands of (factor * byte + summand), the numbers that the model was trained on; the input then
    #: takes bytes: uint8, or int8 with io int8. One of each, or one a channel. None: the input stays as it is.
    fold_input: tuple[Sequence[float], Sequence[float]] | None = None
    #: How much is tried for accuracy: 0 min-max ranges and bias correction, 1 also searched ranges and weight scales,
    #: 2 also second-order rounding. What does not help on held-out samples is taken back.
    effort: int = 1
    #: Tries AdaRound beside second-order rounding, at any effort; int4-weights at effort 2 does without being asked.
    adaround: bool = False
    #: Shapes for inputs whose dimensions the model leaves open.
    input_shape: Mapping[str, Sequence[int]] = field(default_factory=dict)
    #: Largest number of calibration samples to read; None: all.
    calib_n: int | None = None
    #: Globs: operators with these names in the source stay in float32.
    keep_float: Sequence[str] = ()
    #: The same for int16 activations, in an int8 model; without an int16 form an operator stays in float32.
    keep_int16: Sequence[str] = ()
    #: Processes that run calibration samples, or whatever joblib.parallel_config says; any number makes the same file.
    workers: int = 1
    #: Folder that keeps statistics for the next run on the same model and samples; "" is the user's cache folder.
    cache: str | None = None
    #: The most bytes that the file, and that arena and state together, may take; None: no limit.
    max_size: int | None = None
    max_memory: int | None = None
    #: Targets whose packed weights go into the file beside the plain ones, for opening it faster there.
    pack: Sequence[str] = ()
    #: Stage after which to write the graph as a .tflite next to the output: a name from pipeline.STAGES, or None.
    dump_after: str | None = None
