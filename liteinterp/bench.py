"""How fast a model runs here, and in other engines on the same machine in the same minutes."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .contenders import Contender, draw, open_own, open_peer, parse_peers
from .engines import said_open_dims
from .errors import InvalidFileError, UsageError
from .files import read_model_bytes
from .metrics import decibel
from .model_file import ModelFile
from .net import KEEP_INPUTS, ModelBytes, Net, Request
from .operator_times import OperatorTime, Profile, profile
from .peak import Peak, measure
from .tables import Table, printable
from .timing import Budget, Machine, Statistics, interleaved, machine, pinned, statistics
from .work import macs

SCHEMA = "liteinterp.bench/1"


@dataclass(frozen=True)
class EngineTime:
    """One engine on one file."""

    engine: str
    version: str
    file: str
    time: Statistics
    #: Least and median time of this runtime's first row over those of this one; below 1 this runtime is faster.
    ratio_minimum: float
    ratio_median: float
    gmacs_per_second: float
    #: Of what as many cores could do with this kernel set, measured in the same run; None where that is not known, and
    #: for other engines.
    share_of_peak: float | None
    #: Whether the outputs are those of this runtime's first row; where not, how near they are, if they can be compared.
    equal_outputs: bool
    agreement_db: float | None


@dataclass(frozen=True)
class Benchmark:
    """Figures of one model."""

    file: str
    macs: int
    threads: int
    cores: tuple[int, ...]
    machine: Machine
    #: What one core could do at most, for each of this runtime's kernel sets.
    peaks: tuple[Peak, ...]
    engines: tuple[EngineTime, ...]
    profile: Profile | None

    def to_json(self) -> str:
        """One JSON object; "schema" says which fields to expect."""
        return json.dumps({"schema": SCHEMA, **dataclasses.asdict(self)}, indent=2, ensure_ascii=False) + "\n"

    def heading(self) -> str:
        where = f"core {', '.join(map(str, self.cores))}" if self.cores else "any core"
        return printable(
            f"{self.file}: {self.macs:,} MACs, {self.threads} thread{'s' if self.threads > 1 else ''} on {where}, "
            f"{self.machine.processor}"
        )

    def tables(self) -> Iterator[Table]:
        """For people."""
        yield Table("", tuple(_ENGINE_COLUMNS), tuple(map(_engine_cells, self.engines)), numeric_from=3)
        if self.profile is not None:
            title = f"operators with {self.profile.kernels} kernels, {self.profile.passes:,} passes"
            yield Table(
                title, tuple(_OPERATOR_COLUMNS), tuple(map(_operator_cells, self.profile.operators)), numeric_from=4
            )

    def closing(self) -> Iterator[str]:
        """How to read the table, and what speaks against its figures."""
        if len(self.engines) > 1:
            first = self.engines[0].engine
            yield (
                f"ratio: least time of {first} over that of the row, below 1 {first} is faster; dB: how near the row's "
                "outputs are to its outputs on random data"
            )
        for peak in self.peaks:
            parts = [f"{most:.1f} in {name}" for name, most in (("int8", peak.int8), ("float32", peak.float32)) if most]
            if parts:
                yield f"peak of a core with {peak.kernels} kernels, in registers alone, GMAC/s: {', '.join(parts)}"
        if self.machine.busy:
            load = f"{self.machine.load:.1f}"
            yield f"other work was going on (load {load} before the start): trust the least figures, not the medians"


def bench(
    model: str | os.PathLike[str],
    *,
    vs: str = "",
    isa: str | Sequence[str] | None = None,
    threads: int = 1,
    cores: Sequence[int] | None = None,
    seconds: float = 2.0,
    runs: int | None = None,
    warmup: int = 10,
    with_profile: bool = False,
    packed_limit: int | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> Benchmark:
    """Time one call of `invoke` of a `.tflite`, here and in the engines that `vs` names
    ("litert,onnxruntime=FILE.onnx,openvino=FILE.onnx"), all in turns of random order on the same cores.

    `isa` names one or several kernel sets, `threads` counts those of each engine, `runs` calls of each engine are
    measured, or those of `seconds`. `with_profile` adds the time of each operator. `packed_limit` is the interpreter's.
    Raises UsageError, also for engines
    that are not installed, and what opening the model raises.
    """
    if threads < 1:
        raise UsageError("threads must be at least 1")
    path = Path(model)
    budget = Budget(seconds, runs, warmup)
    kernel_sets = [isa] if isa is None or isinstance(isa, str) else [*isa]
    peers = parse_peers(vs, path)
    model_bytes, file = _read(path)
    net = _open(model_bytes, file, kernel_sets[0], packed_limit)
    drawn = draw(net, file, seed=0)
    here = machine()
    with pinned(threads, cores) as used:
        progress("load")
        contenders = [open_own(path, name, threads, drawn, packed_limit) for name in kernel_sets]
        peaks = tuple(_peak(model_bytes, file, name) for name in kernel_sets)
        contenders += [open_peer(peer, threads, drawn) for peer in peers]
        for contender in contenders:
            contender.invoke()
        outputs = [_flat(contender) for contender in contenders]
        progress("measure")
        times = [statistics(each) for each in interleaved([contender.invoke for contender in contenders], budget)]
        progress("profile")
        operators = None
        if with_profile:
            profiled = _open(model_bytes, file, kernel_sets[0], packed_limit, threads) if threads > 1 else net
            operators = profile(profiled, file, drawn, budget, peaks[0], threads)
    work = sum(macs(file, operator) for operator in file.operators)
    least_us = [peak.least_us(file) for peak in peaks]  # this runtime's rows are the first
    least_us += [None] * (len(contenders) - len(peaks))
    rows = tuple(
        EngineTime(
            engine=contender.name,
            version=contender.version,
            file=contender.file,
            time=time,
            ratio_minimum=times[0].minimum_us / time.minimum_us,
            ratio_median=times[0].median_us / time.median_us,
            gmacs_per_second=work / time.minimum_us / 1e3,
            share_of_peak=least / time.minimum_us / threads if least else None,
            equal_outputs=np.array_equal(outputs[0], output),
            agreement_db=_agreement(outputs[0], output),
        )
        for contender, time, output, least in zip(contenders, times, outputs, least_us, strict=True)
    )
    return Benchmark(path.name, work, threads, used, here, peaks, rows, operators)


def _read(path: Path) -> tuple[ModelBytes, ModelFile]:
    content = read_model_bytes(path)
    if path.suffix == ".onnx" and content[4:8] != b"TFL3":
        raise UsageError(f"{path} is an ONNX model; bench times .tflite files: convert it, then give it as --vs")
    model = ModelBytes(content)
    try:
        file = ModelFile(content)
    except ValueError as error:
        raise InvalidFileError(f"The model is not a valid Flatbuffer buffer: {error}") from error
    return model, file


def _open(
    model: ModelBytes, file: ModelFile, isa: str | None, packed_limit: int | None = None, threads: int = 1
) -> Net:
    return Net(model, Request(KEEP_INPUTS, isa, threads, input_dims=said_open_dims(file), packed_limit=packed_limit))


def _peak(model: ModelBytes, file: ModelFile, isa: str | None) -> Peak:
    return measure(_open(model, file, isa), time.perf_counter_ns)


def _flat(contender: Contender) -> np.ndarray[Any, np.dtype[np.float64]]:
    arrays = contender.outputs()
    return np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays]) if arrays else np.zeros(0)


def _agreement(
    own: np.ndarray[Any, np.dtype[np.float64]], other: np.ndarray[Any, np.dtype[np.float64]]
) -> float | None:
    if own.size != other.size or np.array_equal(own, other):
        return None
    found = decibel(float(np.sum(own * own)), float(np.sum((own - other) ** 2)))
    return found if math.isfinite(found) else None


_ENGINE_COLUMNS = "engine|version|file|least, us|median, us|95 %, us|spread|GMAC/s|of peak|ratio|dB".split("|")
_OPERATOR_COLUMNS = "|computes|operator|loop|least, us|median, us|share|MACs|GMAC/s|of peak".split("|")


def _engine_cells(row: EngineTime) -> tuple[str, ...]:
    time = row.time
    agreement = "equal" if row.equal_outputs else "" if row.agreement_db is None else f"{row.agreement_db:.1f}"
    return (
        row.engine,
        row.version,
        row.file,
        f"{time.minimum_us:,.2f}",
        f"{time.median_us:,.2f}",
        f"{time.p95_us:,.2f}",
        f"{100 * time.spread:.0f} %",
        f"{row.gmacs_per_second:.2f}",
        _percent(row.share_of_peak),
        f"{row.ratio_minimum:.2f}",
        agreement,
    )


def _operator_cells(row: OperatorTime) -> tuple[str, ...]:
    return (
        str(row.index),
        row.name,
        row.operator,
        row.loop,
        f"{row.minimum_us:,.2f}",
        f"{row.median_us:,.2f}",
        f"{100 * row.share:.1f} %",
        f"{row.macs:,}",
        f"{row.gmacs_per_second:.2f}" if row.gmacs_per_second else "",
        _percent(row.share_of_peak),
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"
