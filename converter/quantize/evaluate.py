"""How far the int8 graph's outputs are from the float graph's, on samples held out from every fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..ir.executor import Executor
from ..ir.graph import Graph
from ..ir.statistics import HeldOut
from ..ir.types import DType

#: SQNR of outputs without any difference, in dB.
PERFECT_DB = 200.0
CHUNK = 1 << 16


def output_sqnr_db(graph: Graph, samples: Sequence[HeldOut], executor: Executor) -> float | None:
    """Mean over the float outputs of 10·log10(sum f² / sum (f-q)²), in dB. None without samples or float outputs."""
    outputs = [value for value in graph.outputs if value.dtype is DType.FLOAT32]
    if not samples or not outputs:
        return None
    signal: dict[str, list[float]] = {value.name: [] for value in outputs}
    noise: dict[str, list[float]] = {value.name: [] for value in outputs}
    with executor.open(graph) as session:
        for sample in samples:
            session.run(sample.inputs)
            for value in outputs:
                wanted = sample.outputs[value.name].astype(np.float64)
                signal[value.name].append(exact_sum(wanted**2))
                noise[value.name].append(exact_sum((wanted - session.read(value)) ** 2))
    figures = [sqnr_db(math.fsum(signal[value.name]), math.fsum(noise[value.name])) for value in outputs]
    return math.fsum(figures) / len(figures)


def sqnr_db(signal: float, noise: float) -> float:
    """10·log10(signal / noise), within ±PERFECT_DB."""
    if noise == 0:
        return PERFECT_DB
    if signal == 0:
        return -PERFECT_DB
    return max(-PERFECT_DB, min(PERFECT_DB, 10 * math.log10(signal / noise)))


def exact_sum(array: npt.NDArray[np.float64]) -> float:
    """The correctly rounded sum: the same on every machine, whatever order numpy would add in."""

    def elements() -> Iterator[Iterable[float]]:
        flat = array.reshape(-1)
        for start in range(0, flat.size, CHUNK):
            yield flat[start : start + CHUNK].tolist()

    return math.fsum(value for chunk in elements() for value in chunk)
