"""The cheapest mixture of precisions that meets a budget, found step by step and measured each time.

1 everything in int8, as the options say; done where the budget is met.
2 everything in int16 that can be. Where that meets the budget, float32 is left out of what follows;
3 rank the units by gain over cost (`ranking.py`) and raise the best 1, then 2, 4, 8, ... more, ranked anew and the task
  measured each time, until the budget is met. Where four rounds are not enough and int16 throughout helps, float32 is
  added to that instead;
4 halve the last step's number while the budget stays met, then lower what is not needed: first the dearest operators
  one by one, then all, least useful first, in blocks that halve where too much was taken.

Measured in steps 2 to 4 are sketches: the ranges and weights that the whole conversion chose, with biases corrected
anew. The mixture is then converted with every step of the effort asked for and measured again; where that
fails, the sketch is the answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..ir.graph import Node
from ..ir.weighted import WEIGHTED
from ..quantize import Quantized
from .evaluation import Judgement
from .units import PRECISIONS, Costs, Mixture, Raise, Unit, key_of, quantized_nodes, units_of

MOST_ROUNDS = 12
#: Rounds that may find a few units to be enough, before int16 throughout is built upon.
FEW_ROUNDS = 4
#: Units that are ranked anew at least; four times as many as are to be raised where that is more.
LEAST_RANKED = 48
#: Mixtures that step 4 tries, for each precision that it lowers to; and single operators that may prove needed.
MOST_LOWERED = 14
MOST_NEEDED = 3
#: Operators that step 4 tries by themselves, since one of many weights may cost more than all others.
MOST_DEAREST = 4
#: int16 throughout is built upon where it leaves at most this part of what int8 may lose.
WORTHWHILE_SHARE = 0.8


@dataclass(frozen=True)
class Candidate:
    """A mixture, made and measured. Bytes of RAM are those of the arena and the state."""

    mixture: Mixture
    quantized: Quantized
    #: Of the file: mixtures that make the same one are the same.
    digest: bytes
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
    """What the search needs done: make and measure a mixture, quickly or as the options say, and rank what to raise."""

    full: Callable[[Mixture], Candidate]
    sketch: Callable[[Mixture, Candidate], Candidate]
    #: What each of these gains, 1 where it regains all that is lost.
    gains: Callable[[Quantized, Sequence[Raise]], list[float]]
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
        self._known: dict[frozenset[tuple[str, str]], Candidate] = {}
        #: Gain over cost when it was ranked last: of raising a unit, and at best of raising an operator.
        self._ratios: dict[tuple[str, str], float] = {}
        self._worth: dict[str, float] = {}

    def run(self) -> Found:
        base = self._note(self._shop.full({}))
        if base.met or not base.fits:
            return self._found(base)
        self._base = base
        self._wanted: Callable[[Candidate], bool] = _met if self._shop.showable() else _within
        if self._wanted(base):
            return self._found(base)
        reached = [base]
        for start, ladder, rounds in self._plans():
            chosen = start
            for round_number in range(rounds):
                steps = self._next(chosen, ladder, 2**round_number)
                tried = self._longest(steps)
                if tried is None:
                    break
                chosen = tried
                if self._wanted(tried):
                    return self._found(self._finish(self._reduce(steps, chosen)))
            reached += (start, chosen)
        best = min((candidate for candidate in reached if candidate.fits), key=_distance)
        return self._found(best if best is base else self._finish(best))

    def _plans(self) -> list[tuple[Candidate, tuple[str, ...], int]]:
        """Where to start from, the precisions to raise to, and for how many rounds: int16 throughout tells."""
        base, wide = self._base, self._throughout("int16")
        if wide is not None and self._wanted(wide):
            return [(base, ("int16",), MOST_ROUNDS)]
        if wide is not None and wide.fits and _loss(wide) <= WORTHWHILE_SHARE * _loss(base):
            return [(base, PRECISIONS[1:], FEW_ROUNDS), (wide, ("float32",), MOST_ROUNDS)]
        return [(base, PRECISIONS[1:], MOST_ROUNDS)]

    def _throughout(self, precision: str) -> Candidate | None:
        mixture: Mixture = {}
        for unit in units_of(self._base.quantized):
            mixture = {**mixture, **self._raised(unit, precision, self._base, mixture)}
        return self._sketch(mixture) if precision in mixture.values() else None

    def _next(self, chosen: Candidate, ladder: Sequence[str], count: int) -> list[Mixture]:
        """The mixture with 1, 2, ... `count` units more in a higher precision, best gain over cost first."""
        steps: list[Mixture] = []
        mixture: Mixture = chosen.mixture
        for raised in self._rank(chosen, ladder, count):
            if len(steps) == count:
                break
            more = self._raised(raised.unit, raised.precision, chosen, mixture)
            if more:
                mixture = {**mixture, **more}
                steps.append(mixture)
        return steps

    def _rank(self, chosen: Candidate, ladder: Sequence[str], count: int = 0) -> list[Raise]:
        """What can be raised, best gain over cost first.

        For the best `count`, those that were far behind when they were ranked last stay where they were.
        """
        costs, raises = Costs(chosen.quantized.floats), []
        for unit in units_of(chosen.quantized):
            for precision in ladder:
                mixture = self._raised(unit, precision, chosen, chosen.mixture)
                nodes = [node for node in unit.nodes if key_of(node) in mixture]
                cost = sum(costs(n, self._now(n, chosen, chosen.mixture), mixture[key_of(n)]) for n in nodes)
                if nodes:
                    raises.append(Raise(unit, precision, mixture, cost))
        raises.sort(key=self._ratio)
        new = sum(self._ratio(raised) == -math.inf for raised in raises)
        measured = raises[: max(new, LEAST_RANKED, 4 * count)] if count else raises
        gains = self._shop.gains(chosen.quantized, measured) if measured else []
        worth: dict[str, float] = {}
        for gain, raised in zip(gains, measured, strict=True):
            ratio = self._ratios[raised.unit.name, raised.precision] = gain / max(raised.cost, 1e-9)
            worth.update((name, max(ratio, worth.get(name, ratio))) for name in raised.mixture)
        self._worth.update(worth)
        return sorted(raises, key=self._ratio)

    def _ratio(self, raised: Raise) -> float:
        """For sorting: what was never ranked comes first."""
        return -self._ratios.get((raised.unit.name, raised.precision), math.inf)

    def _raised(self, unit: Unit, precision: str, chosen: Candidate, mixture: Mixture) -> Mixture:
        """The operators of a unit that a precision changes. What has no 16 bits is float32 where that is cheap, without
        weights, and stays as it is otherwise."""
        found: dict[str, str] = {}
        integers = quantized_nodes(chosen.quantized)
        for node in unit.nodes:
            able = self._shop.precisions(node)
            wanted = precision if precision in able or node.op in WEIGHTED else "float32"
            now = self._now(node, chosen, mixture)
            if node in integers and wanted in able and PRECISIONS.index(wanted) > PRECISIONS.index(now):
                found[key_of(node)] = wanted
        return found

    def _now(self, node: Node, chosen: Candidate, mixture: Mixture) -> str:
        """An operator's precision in a mixture that is built from a candidate."""
        return mixture.get(key_of(node), "int16" if node in chosen.quantized.int16_nodes else "int8")

    def _longest(self, steps: list[Mixture]) -> Candidate | None:
        """The longest part of a step whose sizes are within their limits; None where there is none."""
        while steps:
            tried = self._sketch(steps[-1])
            if tried.fits:
                return tried
            del steps[len(steps) // 2 :]
        return None

    def _reduce(self, steps: list[Mixture], found: Candidate) -> Candidate:
        """Less of the last step where that is enough, then the mixture without what is not needed."""
        low, high = 0, len(steps)
        while high - low > 1:
            middle = (low + high) // 2
            tried = self._sketch(steps[middle - 1])
            if self._wanted(tried):
                high, found = middle, tried
            else:
                low = middle
        able = {key_of(n): self._shop.precisions(n) for n in found.quantized.floats.nodes if n.outputs}
        lowest = {key_of(node) for node in self._base.quantized.int16_nodes}  # as the options have it
        found = self._lower_dearest(found, lowest)
        floats = {name for name, precision in found.mixture.items() if precision == "float32"}
        found = self._lower(found, {name for name in floats - lowest if "int16" in able[name]}, "int16")
        return self._lower(found, set(found.mixture), None)

    def _lower_dearest(self, found: Candidate, lowest: set[str]) -> Candidate:
        """The operators whose precision costs most, each as at first or else in int16 where the budget stays met."""
        costs = Costs(found.quantized.floats)
        nodes = {key_of(node): node for node in found.quantized.floats.nodes if node.outputs}
        prices = {name: costs(nodes[name], "int8", precision) for name, precision in found.mixture.items()}
        for name in sorted(prices, key=lambda name: (-prices[name], name))[:MOST_DEAREST]:
            others = {other: precision for other, precision in found.mixture.items() if other != name}
            is_float = found.mixture[name] == "float32" and name not in lowest
            wide = is_float and "int16" in self._shop.precisions(nodes[name])
            for less in (others, {**others, name: "int16"}) if wide else (others,):
                tried = self._sketch(less)
                if self._wanted(tried):
                    found = tried
                    break
        return found

    def _lower(self, found: Candidate, names: set[str], to: str | None) -> Candidate:
        """Blocks of operators, the least useful first, in a lower precision (None: int8) while the budget is met."""
        pending = sorted(names, key=lambda name: (self._worth.get(name, 0.0), name))
        size, needed = max(1, len(pending) // 2), 0
        for _ in range(MOST_LOWERED):
            block = set(pending[:size])
            if not block or needed == MOST_NEEDED:
                break
            kept = {name: precision for name, precision in found.mixture.items() if name not in block}
            tried = self._sketch({**kept, **(dict.fromkeys(sorted(block), to) if to is not None else {})})
            if self._wanted(tried):
                found, pending = tried, pending[size:]
            elif size == 1:
                pending, needed = pending[1:], needed + 1
            else:
                size = (size + 1) // 2
        return found

    def _finish(self, sketch: Candidate) -> Candidate:
        """The mixture with the effort asked for, or the sketch where that is the better one."""
        final = self._note(self._shop.full(sketch.mixture))
        if self._wanted(final) or not self._wanted(sketch):
            return min((c for c in (final, sketch, self._base) if c.fits), key=_distance)
        return sketch

    def _sketch(self, mixture: Mixture) -> Candidate:
        key = frozenset(mixture.items())
        if key not in self._known:
            self._known[key] = self._note(self._shop.sketch(mixture, self._base))
        return self._known[key]

    def _note(self, candidate: Candidate) -> Candidate:
        """Several mixtures that make the same file are one trial, the last; those that change nothing are the first."""
        if not self._trials or candidate.digest != self._trials[0].digest:
            self._trials = [trial for trial in self._trials if trial.digest != candidate.digest]
            self._trials.append(candidate)
        return candidate

    def _found(self, best: Candidate) -> Found:
        return Found(best, tuple(self._trials))


def _met(candidate: Candidate) -> bool:
    return candidate.met


def _within(candidate: Candidate) -> bool:
    return candidate.within


def _loss(candidate: Candidate) -> float:
    """What may be lost, or what is where the bound was left open."""
    judgement = candidate.judgement
    if judgement is None:
        return 0.0
    return judgement.drop_high if math.isfinite(judgement.drop_high) else judgement.drop


def _distance(candidate: Candidate) -> tuple[bool, float]:
    """Met first, then the least that may have been lost."""
    judgement = candidate.judgement
    return not candidate.met, 0.0 if judgement is None else judgement.drop_high
