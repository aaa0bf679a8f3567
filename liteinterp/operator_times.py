"""Where the time of a model goes: each operator timed by itself, in the run's own order."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from .contenders import Drawn
from .model_file import ModelFile
from .net import Net
from .peak import Peak
from .timing import Budget
from .work import macs

#: Passes over a model at most: more change no figure.
MAX_PASSES = 20_000
#: Calls of nothing, whose least time is taken off every operator's.
EMPTY_CALLS = 1000


@dataclass(frozen=True)
class OperatorTime:
    """One operator. `name` is the tensor of the source model that it computes, else the file's name of its result."""

    index: int
    name: str
    operator: str
    #: Of the kernels that compute whole layers, the one that planning chose; "" for other operators.
    loop: str
    minimum_us: float
    median_us: float
    #: Of the sum of all least times.
    share: float
    macs: int
    #: At the least time; None for operators that are no sums of products.
    gmacs_per_second: float | None
    #: Of what one core could do, measured in the same run; None where that is not known.
    share_of_peak: float | None


@dataclass(frozen=True)
class Profile:
    """All operators, in order of execution."""

    kernels: str
    #: What shares of peak are shares of.
    peak: Peak
    passes: int
    #: Taken off every operator's time: what a call costs that does nothing.
    overhead_us: float
    operators: tuple[OperatorTime, ...]


def profile(net: Net, file: ModelFile, drawn: Drawn, budget: Budget, most: Peak, threads: int = 1) -> Profile:
    """Step through the model until the budget is spent; `most` is the peak of one core with the net's kernels."""
    for index, array in zip(net.inputs, drawn.stored, strict=True):
        net.view(index)[...] = array
    clock = time.perf_counter_ns
    for _ in range(max(1, budget.warmup)):
        net.run()
    overhead = min(net.timed_nothing(clock) for _ in range(EMPTY_CALLS))
    passes, start = [net.timed_run(clock)], clock()
    while len(passes) < (budget.runs or MAX_PASSES) and (budget.runs or clock() - start < budget.seconds * 1e9):
        passes.append(net.timed_run(clock))
    times = np.maximum(np.array(passes, np.int64).reshape(len(passes), net.operations) - overhead, 0) / 1e3
    minima = times.min(axis=0)
    medians = np.median(times, axis=0)
    total = float(minima.sum()) or 1.0
    names = {row.tensor: row.source for row in file.provenance()}
    rows = []
    for i, operator in enumerate(file.operators):
        result = operator.outputs[0] if operator.outputs else -1
        name = names.get(result) or file.tensor_name(result)
        work, least = macs(file, operator), float(minima[i])
        speed = work / least / 1e3 if work and least else None
        bound = most.of(file, operator)
        share = speed / bound / threads if speed and bound else None
        time_us = (least, float(medians[i]), least / total)
        rows.append(OperatorTime(i, name, operator.name, net.operator_loop(i), *time_us, work, speed, share))
    return Profile(net.kernels, most, len(passes), overhead / 1e3, tuple(rows))
