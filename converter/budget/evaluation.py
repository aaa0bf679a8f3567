"""Runs the float graph and candidates on the evaluation's samples; what the answers are worth is the metric's to say.

The metric comes with the samples from outside (`liteinterp/evaluation.py` through the door), as the Executor does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..calibrate.manifest import DIGEST_BYTES, digest
from ..errors import UsageError
from ..ir.executor import Executor, Session
from ..ir.graph import Graph
from ..ir.held import codes, reals
from ..ir.statistics import Manifest

Outputs = Mapping[str, npt.NDArray[Any]]
Sample = Mapping[str, npt.ArrayLike]

#: The float graph's answers are kept up to this many bytes, and computed anew for each candidate beyond.
MAX_KEPT_BYTES = 256 << 20


class Judgement(Protocol):
    """How a candidate compares with the float model; figures in the metric's unit, larger is better."""

    @property
    def metric(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def ref(self) -> float: ...
    @property
    def test(self) -> float: ...
    @property
    def drop(self) -> float: ...
    @property
    def drop_high(self) -> float:
        """What the drop is not above, with the confidence that `sentence` names."""

    @property
    def allowed(self) -> float: ...
    @property
    def samples(self) -> int: ...
    @property
    def status(self) -> str:
        """ "met", "missed" or "undecided"."""

    @property
    def samples_needed(self) -> int | None: ...
    @property
    def sentence(self) -> str: ...


class Trial(Protocol):
    """One candidate's answers, sample by sample."""

    def add(self, reference: Outputs, test: Outputs) -> None: ...
    def figure(self) -> float:
        """What the candidate reaches on the metric."""

    def judge(self, rough: bool = False) -> Judgement:
        """The verdict; a `rough` one may leave the bound open where the drop itself is beyond the limit."""


class Evaluation(Protocol):
    """Samples, a metric and a limit."""

    def open(self, inputs: Any) -> Iterable[Sample]:
        """Samples for inputs with name, shape and dtype; they can be read again and again."""

    def trial(self) -> Trial: ...


class Evaluator:
    """Judges graphs beside a float graph on the samples of an evaluation."""

    def __init__(self, floats: Graph, rows: Iterable[Sample], evaluation: Evaluation, executor: Executor) -> None:
        self._floats, self._rows = floats, rows
        self._evaluation, self._executor = evaluation, executor
        self._kept: list[Outputs] = []
        self._kept_bytes = 0

    def refuse(self, calibrated: Manifest) -> None:
        """Raises UsageError where a sample is one of those that calibrated: what a model loses on them flatters it."""
        known = set(calibrated.digests)
        for number, row in enumerate(self._rows):
            if digest({name: np.asarray(array) for name, array in row.items()})[:DIGEST_BYTES] in known:
                raise UsageError.at(
                    "evaluate",
                    f"sample {number}",
                    f"is one of the {calibrated.samples} that calibrate: its loss says nothing about other data",
                    "Give samples that are held back",
                )

    def judge(self, graph: Graph, rough: bool = False) -> Judgement:
        return self._run(graph).judge(rough)

    def figure(self, graph: Graph) -> float:
        return self._run(graph).figure()

    def _run(self, graph: Graph) -> Trial:
        trial = self._evaluation.trial()
        names = self._floats.input_names or [value.name for value in self._floats.inputs]
        floats: Session | None = None
        with self._executor.open(graph) as session:
            for i, row in enumerate(self._rows):
                if i < len(self._kept):
                    wanted = self._kept[i]
                else:
                    floats = floats or self._executor.open(self._floats)
                    wanted = _answers(self._floats, names, floats, row)
                    self._keep(i, wanted)
                trial.add(wanted, _answers(graph, names, session, row))
        return trial

    def _keep(self, i: int, outputs: Outputs) -> None:
        size = sum(array.nbytes for array in outputs.values())
        if i == len(self._kept) and self._kept_bytes + size <= MAX_KEPT_BYTES:
            self._kept.append(outputs)
            self._kept_bytes += size


def _answers(graph: Graph, names: list[str], session: Session, row: Sample) -> Outputs:
    """A graph's outputs for a sample by the source's names, in real numbers where they are quantized."""
    session.run(
        {value.name: codes(value, np.asarray(row[name])) for name, value in zip(names, graph.inputs, strict=True)}
    )
    found = {}
    for i, value in enumerate(graph.outputs):
        array = session.read(value)
        name = graph.output_names[i] if i < len(graph.output_names) else value.name
        found[name] = array if value.quantization is None else reals(value, array).astype(np.float32)
    return found
