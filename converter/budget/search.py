"""The cheapest mixture of precisions that meets a budget, found step by step and measured each time.

1 everything in int8, as the options say; done where the budget is met.
2 rank the units by leave-one-out gain over cost (`splice.py`, on held-out calibration samples) and raise the precision
  of the best 1, then 2, 4, 8, ... more, measuring the task each time, until the budget is met;
3 halve the last step's number while the budget stays met, then take back operators that are not needed, the least
  useful first.

Measured in steps 2 and 3 are sketches: the ranges that the whole conversion chose, with biases corrected. The mixture
is then converted with the effort asked for and measured again; where that fails, the sketch is the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..ir.graph import Node
from ..quantize import Quantized
from .evaluation import Judgement
from .units import Mixture, Unit, cost_of, key_of, units_of

MOST_ROUNDS = 12
#: Operators that step 3 tries to take back.
MOST_TAKEN_BACK = 6


@dataclass(frozen=True)
class Candidate:
    """A mixture, made and measured. Bytes of RAM are those of the arena and the state."""

    mixture: Mixture
    quantized: Quantized
    file_bytes: int
    memory_bytes: int
    judgement: Judgement | None
    #: Whether sizes are within their limits.
    fits: bool

    @property
    def met(self) -> bool:
        return self.fits and (self.judgement is None or self.judgement.status == "met")

    @property
    def within(self) -> bool:
        """Whether the measured drop is within the limit, shown or not."""
        return self.fits and (self.judgement is None or self.judgement.drop <= self.judgement.allowed)


@dataclass(frozen=True)
class Workshop:
    """What the search needs done: make and measure a mixture, quickly or as the options say, and weigh its units."""

    full: Callable[[Mixture], Candidate]
    sketch: Callable[[Mixture, Candidate], Candidate]
    errors: Callable[[Quantized, Sequence[Unit]], tuple[float, list[float]]]
    #: The precisions that an operator can take, from the cheapest up.
    precisions: Callable[[Node], Sequence[str]]
    #: Whether samples can show the budget to be met at all, by a model that answers exactly as the float model.
    showable: Callable[[], bool]


@dataclass(frozen=True)
class Found:
    """The best candidate and everything that was measured on the way, in order."""

    best: Candidate
    trials: tuple[Candidate, ...]


def search(shop: Workshop) -> Found:
    """The cheapest mixture found that meets the budget; where none does, the one that comes nearest."""
    return _Search(shop).run()


class _Search:
    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._trials: list[Candidate] = []

    def run(self) -> Found:
        base = self._note(self._shop.full({}))
        if base.met or not base.fits:
            return Found(base, tuple(self._trials))
        wanted: Callable[[Candidate], bool] = _met if self._shop.showable() else _within
        if wanted(base):
            return Found(base, tuple(self._trials))
        chosen, final = base, base
        for round_number in range(MOST_ROUNDS):
            steps = self._next(chosen, base, 2**round_number)
            tried = self._longest(steps, base)
            if tried is None:
                break
            chosen = tried
            if wanted(tried):
                chosen = self._reduce(steps, tried, base, wanted)
                final = self._note(self._shop.full(chosen.mixture))
                return Found(final if wanted(final) else chosen, tuple(self._trials))
        if chosen is not base and final.mixture != chosen.mixture:
            final = self._note(self._shop.full(chosen.mixture))
        return Found(min((c for c in (base, final) if c.fits), key=_distance), tuple(self._trials))

    def _next(self, chosen: Candidate, base: Candidate, count: int) -> list[Mixture]:
        """The mixture with 1, 2, ... `count` units more in their next precision, best gain over cost first."""
        quantized, graph = chosen.quantized, chosen.quantized.floats
        units = [unit for unit in units_of(quantized) if self._raised(unit, chosen.mixture)]
        if not units:
            return []
        plain, spliced = self._shop.errors(quantized, units)
        ratios = []
        for unit, error in zip(units, spliced, strict=True):
            raised = self._raised(unit, chosen.mixture)
            cost = sum(cost_of((node,), graph, raised[key_of(node)]) for node in unit.nodes if key_of(node) in raised)
            ratios.append((plain - error) / max(cost, 1e-9))
        steps: list[Mixture] = []
        mixture: Mixture = chosen.mixture
        for i in sorted(range(len(units)), key=lambda i: -ratios[i])[:count]:
            mixture = {**mixture, **self._raised(units[i], mixture)}
            steps.append(mixture)
        return steps

    def _raised(self, unit: Unit, mixture: Mixture) -> Mixture:
        """The next precision of a unit's operators: the cheapest that some of them can still take."""
        found = {}
        for node in unit.nodes:
            able = self._shop.precisions(node)
            now = mixture.get(key_of(node), "int8")
            above = able[able.index(now) + 1 :] if now in able else ()
            if above:
                found[key_of(node)] = above[0]
        # Those that have no 16 bits go to float32 only once their neighbours that have are there.
        return {key: value for key, value in found.items() if value == "int16"} or found

    def _longest(self, steps: list[Mixture], base: Candidate) -> Candidate | None:
        """The longest part of a step whose sizes are within their limits; None where there is none."""
        while steps:
            tried = self._sketch(steps[-1], base)
            if tried.fits:
                return tried
            del steps[len(steps) // 2 :]
        return None

    def _reduce(
        self, steps: list[Mixture], found: Candidate, base: Candidate, wanted: Callable[[Candidate], bool]
    ) -> Candidate:
        """Less of the last step where that is enough, then the mixture without what is not needed."""
        low, high = 0, len(steps)
        while high - low > 1:
            middle = (low + high) // 2
            tried = self._sketch(steps[middle - 1], base)
            if wanted(tried):
                high, found = middle, tried
            else:
                low = middle
        for name in list(found.mixture)[::-1][:MOST_TAKEN_BACK]:
            tried = self._sketch({key: value for key, value in found.mixture.items() if key != name}, base)
            if wanted(tried):
                found = tried
        return found

    def _sketch(self, mixture: Mixture, base: Candidate) -> Candidate:
        return self._note(self._shop.sketch(mixture, base))

    def _note(self, candidate: Candidate) -> Candidate:
        self._trials.append(candidate)
        return candidate


def _met(candidate: Candidate) -> bool:
    return candidate.met


def _within(candidate: Candidate) -> bool:
    return candidate.within


def _distance(candidate: Candidate) -> tuple[bool, float]:
    """Met first, then the least that may have been lost."""
    judgement = candidate.judgement
    return not candidate.met, 0.0 if judgement is None else judgement.drop_high
