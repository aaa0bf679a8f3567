"""What raising a unit gains, by the task's metric: leave-one-out on the samples where the metric moves.

A metric that counts (a class that flips, a box that comes or goes) hardly moves for one unit of seventy. So each sample
is asked not only what the candidate's answers lose, but what they would if their errors were a quarter to twice as
large: the sum over these scales falls with every error that comes nearer to what the metric lets pass. Where even that
does not move, the squared error decides, of the outputs that the metric depends on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ir.executor import Executor
from ..ir.graph import Graph, Value
from ..ir.judged import judged_by_output
from ..ir.types import DType
from ..ledger import Answers, Splicer
from ..quantize import Quantized
from .evaluation import Evaluator, Outputs, Row, named_outputs
from .units import Raise

#: Errors are scaled by these, or by few where there is much to compare: then the metric counts many positions.
SCALES = tuple(2.0 ** (k / 2) for k in range(-4, 3))
FEW_SCALES = SCALES[2::2]  # 1/2, 1, 2
MOST_COMPARED = 16 << 20
#: A sample or an output on which errors of four times the size change nothing does not matter.
PROBES = (1.0, 2.0, 4.0)
#: Samples that rank units: as many as have this many output elements together, within bounds.
MOST_ELEMENTS = 4 << 20
FEWEST_SAMPLES, MOST_SAMPLES = 4, 16
#: Raised units whose answers are held at a time.
AT_ONCE = 8
#: What the whole squared error counts, in parts of what the metric loses.
SQUARED_SHARE = 0.1


class Ranking:
    """Ranks units on samples that it chooses by the first graph it is shown."""

    def __init__(self, evaluator: Evaluator, executor: Executor) -> None:
        self._evaluator, self._executor = evaluator, executor
        self._rows: list[tuple[Row, Outputs]] = []
        self._relevant: frozenset[str] = frozenset()
        self._scales = SCALES

    def gains(self, quantized: Quantized, raises: Sequence[Raise]) -> list[float]:
        """What is regained by each: 1 is all of it."""
        if not self._rows:
            self._choose(quantized)
        gains = [0.0] * len(raises)
        outputs = named_outputs(quantized.floats)
        judged = judged_by_output(quantized.floats)
        measured = {
            judged[value] for name, value in outputs.items() if name in self._relevant and value.dtype is DType.FLOAT32
        }
        wanted = list(dict.fromkeys((*outputs.values(), *measured)))
        exact = self._exact(quantized.floats, list(measured))
        with Splicer(quantized, self._executor) as splicer:
            for first in range(0, len(raises), AT_ONCE):
                part = raises[first : first + AT_ONCE]
                lost, noise = np.zeros(1 + len(part)), np.zeros((1 + len(part), len(measured)))
                for (row, answers), judged_answers in zip(self._rows, exact, strict=True):
                    for i, found in splicer.run(row.inputs, part, wanted):
                        at = 0 if i is None else 1 + i
                        named = {name: found[value] for name, value in outputs.items()}
                        lost[at] += self._lost(row.number, answers, named, self._scales)
                        noise[at] += [_squares(found[value], judged_answers[value]) for value in measured]
                for i in range(len(part)):
                    squared = _regained(noise[0], noise[1 + i])
                    gains[first + i] = _regained(lost[:1], lost[1 + i : 2 + i]) + SQUARED_SHARE * squared
        return gains

    def _choose(self, quantized: Quantized) -> None:
        """The samples on which the metric moves most, and the outputs that move it."""
        moved: list[tuple[float, int]] = []
        kept: dict[int, tuple[Row, Outputs]] = {}
        sizes, relevant = 1, set[str]()
        for row, wanted, found in self._evaluator.answers(quantized.unmerged.graph):
            sizes = max(sizes, sum(array.size for array in wanted.values()))
            lost = self._lost(row.number, wanted, found, PROBES)
            moved.append((-lost, row.number))
            kept[row.number] = row, wanted
            count = min(MOST_SAMPLES, max(FEWEST_SAMPLES, MOST_ELEMENTS // sizes))
            moved = sorted(moved)[:count]
            kept = {number: kept[number] for _, number in moved}
            if row.number in kept and lost:
                relevant |= set(self._moving(row.number, wanted, found))
        self._rows = [kept[number] for number in sorted(kept)]
        self._scales = SCALES if sizes * len(self._rows) * len(SCALES) <= MOST_COMPARED else FEW_SCALES
        self._relevant = frozenset(relevant or named_outputs(quantized.floats))

    def _moving(self, number: int, wanted: Outputs, found: Outputs) -> Iterator[str]:
        """The outputs whose own errors move the metric."""
        for name in wanted:
            if len(wanted) == 1 or self._lost(number, wanted, {**wanted, name: found[name]}, PROBES):
                yield name

    def _lost(self, number: int, wanted: Outputs, found: Outputs, scales: Sequence[float]) -> float:
        """How far the metric moves on a sample, either way, summed over the scales of the error."""
        return sum(abs(self._evaluator.loss(number, wanted, _scaled(wanted, found, scale))) for scale in scales)

    def _exact(self, floats: Graph, values: Sequence[Value]) -> list[Answers]:
        """What the float graph computes for the chosen samples."""
        with self._executor.open(floats) as session:
            found: list[Answers] = []
            for row, _ in self._rows:
                session.run(row.inputs)
                found.append({value: session.read(value) for value in values})
            return found


def _scaled(wanted: Outputs, found: Outputs, scale: float) -> Mapping[str, npt.NDArray[Any]]:
    """Answers whose errors are larger or smaller; integers are as they are."""
    return {
        name: (exact + scale * (found[name] - exact)).astype(exact.dtype) if exact.dtype.kind == "f" else found[name]
        for name, exact in wanted.items()
    }


def _squares(found: npt.NDArray[Any], exact: npt.NDArray[Any]) -> float:
    return float(np.sum((found.astype(np.float64) - exact.astype(np.float64)) ** 2))


def _regained(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> float:
    """The mean share of several losses that is gone."""
    there = before > 0
    return float(np.mean((before[there] - after[there]) / before[there])) if np.any(there) else 0.0
