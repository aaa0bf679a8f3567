"""Narrows the ranges of activations where that makes the operators that read them more exact.

The candidates of a tensor come from its histogram; which is best is not asked of the tensor, but of its readers: each
candidate's rounding and clipping is put into the float graph, and what the readers then answer is compared with what
they answered before. A few extreme elements may carry the result, or nothing at all: only the readers know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..ir.executor import Executor, Session
from ..ir.graph import Graph, Node, Value
from ..ir.judged import judged_values
from ..ir.ranges import Range, Ranges
from ..ir.statistics import Arrays, Calibration, Histogram
from ..ir.types import DType, Quantization
from .activations import activation_quantization, representable
from .scheme import Scheme

#: Parts of the elements that may be clipped at either end.
SHARES = (1e-5, 1e-4, 1e-3)
#: Ends of ranges tried for the least squared error, as parts of the extremes.
ENDS = tuple(1.0 - 0.04 * i for i in range(20))
#: Another range is only taken for an error at least this much smaller: near ties say nothing about other samples.
WORTHWHILE = 0.97
#: Errors are counted in steps of 2^-16 of the largest element, as integers: their sums are exact.
ERROR_STEPS = 65536.0
EXACT_SQUARES = 1 << 18

Progress = Callable[[int, int | None], None]


@dataclass
class _Tensor:
    """A tensor, its candidates (the first is min-max), and the error that each one makes in its readers."""

    value: Value
    candidates: tuple[Range, ...]
    quantizations: tuple[Quantization, ...]
    readers: tuple[int, ...]
    errors: list[float] = field(default_factory=list)

    def best(self) -> Range:
        least = min(range(len(self.errors)), key=self.errors.__getitem__)
        return self.candidates[least if self.errors[least] < WORTHWHILE * self.errors[0] else 0]


def search_ranges(
    graph: Graph, scheme: Scheme, calibration: Calibration, executor: Executor, progress: Progress | None = None
) -> tuple[Ranges, int]:
    """New ranges for a float graph, and for how many tensors they differ."""
    tensors = list(_tensors(graph, scheme, calibration))
    with executor.open(graph) as session:
        for i, sample in enumerate(calibration.fit):
            _add_errors(session, graph, tensors, sample)
            if progress is not None:
                progress(i + 1, len(calibration.fit))
    found: dict[str, Range] = dict(calibration.ranges.by_name)
    chosen = {tensor.value.name: tensor.best() for tensor in tensors if tensor.errors}
    changed = sum(chosen[name] != found[name] for name in chosen)
    return Ranges({**found, **chosen}, calibration.ranges.samples), changed


def candidates_of(histogram: Histogram, found: Range) -> tuple[Range, ...]:
    """Min-max, percentiles, and the range of least squared error; each once, none wider than min-max."""
    wanted = [found]
    for share in SHARES:
        low, high = histogram.quantile_bounds(share)
        wanted.append(Range(max(low, found.low), min(high, found.high)))
    wanted.append(_least_squares(histogram, found))
    usable = [r for r in wanted if min(r.low, 0.0) < max(r.high, 0.0)]
    return tuple(dict.fromkeys(usable))


def _least_squares(histogram: Histogram, found: Range) -> Range:
    """One end, then the other, twice: an element inside costs scale²/12, one that is clipped its distance squared."""
    centres = (histogram.first + np.arange(len(histogram.counts)) + 0.5) * histogram.width

    def error(low: float, high: float) -> float:
        step = (high - low) / 255.0
        outside = np.maximum(centres - high, 0.0) + np.maximum(low - centres, 0.0)
        squares = np.where(outside > 0, outside**2, step**2 / 12) * histogram.counts
        return float(np.cumsum(squares)[-1])  # in order: the same bits everywhere

    low, high = min(found.low, 0.0), max(found.high, 0.0)
    ends = low, high
    for _ in range(2):
        if high > 0:
            high = min((ends[1] * part for part in ENDS), key=lambda end: error(low, end))
        if low < 0:
            low = min((ends[0] * part for part in ENDS), key=lambda end: error(end, high))
    return Range(max(low, found.low), min(high, found.high))


def _tensors(graph: Graph, scheme: Scheme, calibration: Calibration) -> Iterable[_Tensor]:
    """Activations with a range of their own that some int8 node reads, but for those that are the answer: whatever is
    clipped there is lost."""
    answers = set(judged_values(graph))
    readers: dict[Value, list[int]] = {}
    for i, node in enumerate(graph.nodes):
        for value in dict.fromkeys(node.inputs):
            if value is not None and node in scheme.int8_nodes:
                readers.setdefault(value, []).append(i)
    for value, nodes in readers.items():
        histogram = calibration.histograms.get(value.name)
        if histogram is None or value.is_constant or value in answers or value not in scheme.quantizations:
            continue
        found = calibration.ranges.by_name[value.name]
        if scheme.quantizations[value] != activation_quantization(found):
            continue  # prescribed, or shared with others
        candidates = candidates_of(histogram, found)
        if len(candidates) > 1:
            yield _Tensor(value, candidates, tuple(map(activation_quantization, candidates)), tuple(nodes))


def _add_errors(session: Session, graph: Graph, tensors: Sequence[_Tensor], sample: Arrays) -> None:
    session.run(sample)
    for tensor in tensors:
        real = session.read(tensor.value)
        answers = {value: session.read(value) for i in tensor.readers for value in _outputs(graph.nodes[i])}
        errors = []
        for quantization in tensor.quantizations:
            session.write(tensor.value, through_int8(real, quantization))
            for i in tensor.readers:
                session.run_nodes(i, i + 1)
            errors.append(sum(relative_error(session.read(value), answer) for value, answer in answers.items()))
        tensor.errors = [a + b for a, b in zip(tensor.errors or [0.0] * len(errors), errors, strict=True)]
        session.write(tensor.value, real)
        for value, answer in answers.items():
            session.write(value, answer)


def through_int8(real: npt.NDArray[np.float32], quantization: Quantization) -> npt.NDArray[np.float32]:
    """What int8 makes of an array."""
    reach, scale = representable(quantization), np.float32(quantization.scale)
    clipped = np.clip(real, np.float32(reach.low), np.float32(reach.high))
    rounded: npt.NDArray[np.float32] = np.rint(clipped / scale) * scale
    return rounded


def relative_error(got: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]) -> float:
    """Sum of squared differences over sum of squares."""
    largest = float(max(np.abs(got).max(initial=0.0), np.abs(wanted).max(initial=0.0)))
    if largest == 0.0:
        return 0.0
    steps = np.float32(ERROR_STEPS / largest)
    noise = _squares(np.rint((got - wanted) * steps))
    signal = _squares(np.rint(wanted * steps))
    return noise / max(signal, 1)


def _squares(steps: npt.NDArray[np.float32]) -> int:
    """Of integers up to 2^17: sums of 2^19 squares are exact in float64, whatever the order."""
    flat, total = steps.reshape(-1), 0
    for start in range(0, flat.size, EXACT_SQUARES):
        integers = flat[start : start + EXACT_SQUARES].astype(np.float64)
        total += int(integers @ integers)
    return total


def _outputs(node: Node) -> list[Value]:
    return [value for value in node.outputs if value.dtype is DType.FLOAT32]
