"""Times calls against each other on one machine: pinned to a core, in turns of random order, each call by itself."""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .errors import UsageError

#: Seconds that one engine runs before it is another's turn: long enough for caches and clocks to settle.
TURN_SECONDS = 0.02
#: Calls at the start of a turn that are not counted: they find the other engines' data in the caches.
SETTLING_CALLS = 2

Nanoseconds = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Budget:
    """How long to measure each engine: `runs` calls, or `seconds` where that is None; `warmup` calls before."""

    seconds: float = 2.0
    runs: int | None = None
    warmup: int = 10

    def __post_init__(self) -> None:
        if self.seconds <= 0 or (self.runs is not None and self.runs < 1) or self.warmup < 0:
            raise UsageError("a benchmark needs more than 0 seconds, at least 1 run and no negative warm-up")


@dataclass(frozen=True)
class Statistics:
    """Microseconds of one call. `spread` is the distance of the quartiles, in parts of the median."""

    runs: int
    minimum_us: float
    median_us: float
    p95_us: float
    spread: float


@dataclass(frozen=True)
class Machine:
    """Where it was measured. `load` is the number of processes that wanted to run just before, from the system."""

    processor: str
    architecture: str
    system: str
    cores: int
    load: float | None

    @property
    def busy(self) -> bool:
        """Whether other work was going on: medians are not to be trusted then."""
        return self.load is not None and self.load > 0.5


def interleaved(calls: Sequence[Callable[[], object]], budget: Budget, seed: int = 0) -> list[Nanoseconds]:
    """Nanoseconds of every counted call of each function, in turns whose order is drawn anew each time."""
    random = np.random.default_rng(seed)
    turn_runs = [_runs_in_a_turn(call, budget) for call in calls]
    found: list[list[int]] = [[] for _ in calls]
    spent = [0] * len(calls)
    collecting = gc.isenabled()
    gc.disable()
    try:
        open_calls = list(range(len(calls)))
        while open_calls:
            for i in random.permutation(open_calls):
                count = turn_runs[i] if budget.runs is None else min(turn_runs[i], budget.runs - len(found[i]))
                times = _turn(calls[i], count)
                found[i] += times
                spent[i] += sum(times)
            open_calls = [i for i in open_calls if not _finished(budget, len(found[i]), spent[i])]
    finally:
        if collecting:
            gc.enable()
    return [np.array(times, np.int64) for times in found]


def statistics(times: Nanoseconds) -> Statistics:
    """Of a non-empty list of times."""
    low, median, high, p95 = (float(q) for q in np.percentile(times, (25, 50, 75, 95)))
    spread = (high - low) / median if median else 0.0
    return Statistics(int(times.size), float(times.min()) / 1e3, median / 1e3, p95 / 1e3, spread)


@contextmanager
def pinned(threads: int, cores: Sequence[int] | None = None) -> Iterator[tuple[int, ...]]:
    """Keep this thread, and those that it starts, on as many cores as it has threads: the given ones, else the last of
    those that the process may use. Gives the cores; none where the system cannot pin. Raises UsageError."""
    if not hasattr(os, "sched_setaffinity"):
        if cores:
            raise UsageError("this system cannot keep a process on given cores")
        yield ()
        return
    allowed = sorted(os.sched_getaffinity(0))
    chosen = tuple(sorted(set(cores))) if cores else tuple(allowed[-threads:])
    if not set(chosen) <= set(allowed):
        raise UsageError(f"core {', '.join(map(str, chosen))}: this process may use {', '.join(map(str, allowed))}")
    if len(chosen) < threads:
        raise UsageError(f"{threads} threads need as many cores, there are {len(chosen)}")
    os.sched_setaffinity(0, chosen)
    try:
        yield chosen
    finally:
        os.sched_setaffinity(0, allowed)


def machine() -> Machine:
    """This machine, now."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return Machine(_processor(), platform.machine(), platform.platform(), os.cpu_count() or 1, load)


def _processor() -> str:
    with_name = Path("/proc/cpuinfo")
    if with_name.is_file():
        for line in with_name.read_text("utf-8", "replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def _turn(call: Callable[[], object], count: int) -> list[int]:
    clock = time.perf_counter_ns
    for _ in range(SETTLING_CALLS):
        call()
    times = []
    for _ in range(count):
        start = clock()
        call()
        times.append(max(1, clock() - start))
    return times


def _runs_in_a_turn(call: Callable[[], object], budget: Budget) -> int:
    """Warms up; then as many calls as fit into TURN_SECONDS, one at least."""
    for _ in range(budget.warmup):
        call()
    nanoseconds = min(_turn(call, 3))
    return max(1, min(10_000, round(TURN_SECONDS * 1e9 / max(nanoseconds, 1))))


def _finished(budget: Budget, runs: int, nanoseconds: int) -> bool:
    return nanoseconds >= budget.seconds * 1e9 if budget.runs is None else runs >= budget.runs
