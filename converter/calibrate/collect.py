"""One pass over the data: run the float graph, look at every tensor, keep numbers of bounded size.

Integers and sums in a fixed order only, so the same data gives the same statistics on every machine and with any number
of workers: bins are counted, sums over positions are exact (`ir/taps.py`), and samples are added one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from itertools import islice

import numpy.typing as npt

from ..ir.executor import Executor
from ..ir.graph import Graph, Value
from ..ir.judged import judged_values
from ..ir.ranges import Ranges
from ..ir.statistics import Arrays, Calibration, HeldOut, TapMeans
from .cache import Cache, Entry
from .observe import Observations, Observer, TapTotals, Task, observe
from .samples import CheckedSamples, Prepare
from .selection import Role, Selection
from .stopping import FIRST_STOP, Settling

#: Told after each sample: how many are done, and how many there are where that is known.
Progress = Callable[[int, int | None], None]

#: Samples handed out to workers at a time, and how many of them one worker gets; decisions to stop fall between blocks.
BLOCK = 64
SHARD = 8


@dataclass(frozen=True)
class Effort:
    """How the pass is made; none of it changes what it finds."""

    workers: int = 1
    cache: Cache | None = None


def collect(
    graph: Graph,
    samples: Iterable[Mapping[str, npt.ArrayLike]],
    executor: Executor,
    *,
    limit: int | None = None,
    prepare: Mapping[str, Prepare] | None = None,
    effort: Effort | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Statistics of a float graph. `samples` maps the source's input names to arrays; only a cache reads it twice.

    Samples with a true attribute `spread`, those before any point being as good as those behind, are read until ranges
    settle (`stopping.py`), unless there is a limit. Raises UsageError for data that does not fit the inputs, and where
    NaN or infinity appears in a tensor.
    """
    effort = effort or Effort()
    total = _count(samples, limit)
    stops = limit is None and bool(getattr(samples, "spread", False)) and total is not None and total > FIRST_STOP
    selection = _select(graph, judged_values(graph), FIRST_STOP if stops else total)
    cache = None
    if effort.cache is not None and total is not None and iter(samples) is not samples:
        cache = effort.cache.of(f"{selection} {'stops' if stops else 'all'} {BLOCK}")
        known = cache.counts() if stops else cache.counts() & {total}
        if known:
            found = _from_cache(CheckedSamples(graph, samples, limit, prepare), selection, cache, known)
            if found is not None:
                return found
    checked = CheckedSamples(graph, samples, limit, prepare)
    run = _Pass(graph, selection, Settling() if stops else None, progress, total)
    if effort.workers == 1:
        run.alone(checked, executor)
    else:
        run.shared(checked, executor, effort.workers)
    calibration = run.result(checked)
    if cache is not None:
        cache.store(calibration)
    return calibration


class _Pass:
    """Sums so far, and when they are enough."""

    def __init__(
        self,
        graph: Graph,
        selection: Selection,
        settling: Settling | None,
        progress: Progress | None,
        total: int | None,
    ) -> None:
        self._graph, self._selection, self._settling = graph, selection, settling
        self._progress, self._total = progress, total
        self._taps = TapTotals(graph)
        self._found = Observations()
        self._fit: list[Arrays] = []
        self._held_out: list[Arrays] = []
        self._done = 0

    def alone(self, checked: CheckedSamples, executor: Executor) -> None:
        """In this process, sample by sample."""
        with executor.open(self._graph) as session:
            observer = Observer(self._graph, session)
            self._found = observer.found
            for task in self._tasks(checked):
                observer.look(task)
                self._take(task)
                if self._settled():
                    break

    def shared(self, checked: CheckedSamples, executor: Executor, workers: int) -> None:
        """By joblib's workers: processes, or whatever joblib.parallel_config says."""
        import joblib

        tasks = self._tasks(checked)
        with joblib.Parallel(n_jobs=workers) as parallel:
            while block := list(islice(tasks, BLOCK)):
                shards = [block[i : i + SHARD] for i in range(0, len(block), SHARD)]
                for found in parallel(joblib.delayed(observe)(self._graph, executor, shard) for shard in shards):
                    self._found.add(found)
                for task in block:
                    self._take(task)
                if self._settled():
                    break

    def result(self, checked: CheckedSamples) -> Calibration:
        held_out = zip(self._held_out, self._found.answers, strict=True)
        return Calibration(
            ranges=Ranges(self._found.ranges, checked.count),
            histograms={name: histogram.result() for name, histogram in self._found.histograms.items()},
            channels=self._found.channels,
            tap_means={name: TapMeans(means) for name, means in self._taps.means().items()},
            fit=tuple(self._fit),
            held_out=tuple(HeldOut(inputs, answers) for inputs, answers in held_out),
            warnings=checked.warnings(),
            manifest=checked.manifest.result(),
        )

    def _tasks(self, checked: CheckedSamples) -> Iterator[Task]:
        for index, inputs in enumerate(checked):
            yield Task(index, self._selection.role(index), inputs)

    def _take(self, task: Task) -> None:
        if task.role is Role.FIT:
            self._fit.append(task.inputs)
        elif task.role is Role.HELD_OUT:
            self._held_out.append(task.inputs)
        self._taps.add(self._found.taps)
        self._found.taps.clear()
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)

    def _settled(self) -> bool:
        return self._settling is not None and self._settling.after(self._done, self._found.ranges)


def _from_cache(checked: CheckedSamples, selection: Selection, cache: Entry, known: set[int]) -> Calibration | None:
    """Statistics that an earlier run stored for exactly these samples; only the samples are read."""
    fit: list[Arrays] = []
    held_out: list[Arrays] = []
    for index, inputs in enumerate(checked):
        role = selection.role(index)
        if role is Role.FIT:
            fit.append(inputs)
        elif role is Role.HELD_OUT:
            held_out.append(inputs)
        if checked.count in known:
            manifest = checked.manifest.result()
            stored = cache.load(manifest, len(held_out))
            if stored is not None:
                answers = [sample.answers for sample in stored.held_out]
                return replace(
                    stored,
                    fit=tuple(fit),
                    held_out=tuple(HeldOut(*pair) for pair in zip(held_out, answers, strict=True)),
                    warnings=checked.warnings(),
                    manifest=manifest,
                )
        if checked.count >= max(known):
            break
    return None


def _count(samples: object, limit: int | None) -> int | None:
    """How many samples will come, where that is known: from their length, or an attribute `count`."""
    count = len(samples) if isinstance(samples, Sized) else getattr(samples, "count", None)
    if not isinstance(count, int):
        return None
    return count if limit is None else min(count, limit)


def _select(graph: Graph, judged: Sequence[Value], total: int | None) -> Selection:
    """A sample to judge by keeps its inputs and answers; one to fit on its inputs, then int8 values alive together."""
    largest = max((value.elements for value in graph.values() if not value.is_constant), default=0)
    inputs = sum(value.size_bytes for value in graph.inputs)
    return Selection.of(total, inputs + sum(value.size_bytes for value in judged), inputs + 3 * largest)
