"""What a flag would gain, tried before it is given: layers' errors do not add up, so none can be told by its own."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..ir.executor import Executor
from ..ir.statistics import HeldOut
from ..quantize import Quantized
from ..quantize.evaluate import exact_sum, sqnr_db
from .splice import Raised, Splicer


def output_gains_db(
    quantized: Quantized, raises: Sequence[Raised], samples: Sequence[HeldOut], executor: Executor
) -> list[float]:
    """By each of `raises`: the output's SQNR on the samples with it, less that without, in dB, mean over the judged
    values. Weights and biases of the others stay as they are."""
    if not raises or not samples or not samples[0].answers:
        return [0.0] * len(raises)
    wanted = [value for value in quantized.floats.values() if value.name in samples[0].answers]
    signal: list[list[float]] = [[] for _ in wanted]
    noise: list[list[list[float]]] = [[[] for _ in wanted] for _ in range(1 + len(raises))]
    with Splicer(quantized, executor) as splicer:
        for sample in samples:
            for j, value in enumerate(wanted):
                signal[j].append(exact_sum(sample.answers[value.name].astype(np.float64) ** 2))
            for i, found in splicer.run(sample.inputs, raises, wanted):
                for j, value in enumerate(wanted):
                    error = sample.answers[value.name].astype(np.float64) - found[value]
                    noise[0 if i is None else 1 + i][j].append(exact_sum(error**2))
    figures = [
        math.fsum(sqnr_db(math.fsum(s), math.fsum(n)) for s, n in zip(signal, row, strict=True)) / len(wanted)
        for row in noise
    ]
    return [figure - figures[0] for figure in figures[1:]]
